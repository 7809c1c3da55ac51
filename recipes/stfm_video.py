"""EV9V and STFM (arXiv 2606.17437): name views by short windows of video, with an uncertainty that says when not to.

    python recipes/stfm_video.py -o stfm               simulated clips of EV9V's nine classes
    python recipes/stfm_video.py EV9V -o stfm          the data set as downloaded, its official split

STFM by one of its three recipes in circulation, with windows chosen by uncertainty and, the ablation, at random; beside
it one frame at a time with the same loss, and an LSTM. Evidence is summed with the prior once. `u tells` is how well
the uncertainty tells wrong answers from right ones.

time: 40 minutes on two cores (simulated, ResNet-10-T at 48 pixels)    memory: 3 GiB    seed: 10000
expected: docs/systems.md says what is known; what selection buys is unproven
"""

import sys

from opening import Given, given, interval, show

import sslecho

CLASSES = ("A4C", "A5C", "SC4C")  # of a smoke run
PRESET = "stfm-june"
ARMS = {
    "stfm, selective": {"arch": "stfm"},
    "stfm, at random": {"arch": "stfm", "epsilon": 1.0},
    "one frame": {"arch": "frame", "sampling": "random"},
    "lstm": {"arch": "lstm", "sampling": "random"},
}


def main(told: Given) -> list[dict[str, object]]:
    few = {"classes": CLASSES, "patients": 26, "frames": 6, "size": 64}
    archive, known = told.archive(kind="echo9", **(few if told.smoke else {"patients": 90, "frames": 24, "size": 128}))
    store = sslecho.ingest(archive, told.out / "store", size=64, doubtful="keep", **known)
    if not any(store.column("split")):
        store = sslecho.split(store, test=0.3, val=0.15, seed=told.seed)
    rows = []
    for arm, how in ARMS.items():
        learning = told.learning(backbone="resnet10t", image_size=48, epochs=30)
        if told.smoke:
            how = {**how, "stride": 1, "random_epochs": 0}
        folder = told.out / arm.replace(", ", "-").replace(" ", "-")
        scores = sslecho.view(store, folder, preset=PRESET, from_="scratch", **{**learning, **how}).scores
        summed = next(line for line in scores["aggregates"] if line["aggregate"] == "evidence")
        rows.append(
            {
                "arm": arm,
                "one window": interval(scores["levels"]["frame"], "accuracy"),
                "clip": interval(scores["levels"]["clip"], "accuracy"),
                "macro-F1": interval(scores, "macro_f1"),
                "ece": interval(scores, "ece"),
                "u tells": f"{summed['uncertainty_auroc']:.3f}" if summed["uncertainty_auroc"] is not None else "–",
                "patients": scores["n_patients"],
            }
        )
    return list(show(rows, told.out))


if __name__ == "__main__":
    main(given(__doc__, sys.argv[1:]))
