"""Madani et al. 2018 (arXiv 1706.08658): name a clip's view by a vote of small pictures, and see what counted.

    python recipes/madani_views.py -o madani               simulated hearts, twelve moving views
    python recipes/madani_views.py ECHOS -o madani         an archive that ingest reads: CAMUS, EchoNet, labeled folders

Their network of 60 x 80 pixels, their augmentations without the upside-down flip, a majority of ten images a clip. The
same with labels dealt anew over whole clips, which must come out at chance. Then the heart is covered, and as large a
piece of background. Patients are split, and every interval is over patients.

time: 30 minutes on two cores (simulated)    memory: 2 GiB    seed: 10000
expected: docs/systems.md says what each row is for; the controls' rows must be near chance
"""

import sys

from opening import Given, given, interval, show

import sslecho
from sslecho.phantom.heart.views import VIEWS


def main(told: Given) -> list[dict[str, object]]:
    views = tuple(VIEWS)
    simulated = {"kind": "echo", "classes": views[:3] if told.smoke else views, "masks": "labels", "size": 128}
    few = {"patients": 26, "frames": 2} if told.smoke else {"patients": 90, "frames": 10}
    archive, known = told.archive(**simulated, **few)
    store = sslecho.ingest(archive, told.out / "store", size=96, doubtful="keep", **known)
    if not any(store.column("split")):
        store = sslecho.split(store, test=0.3, val=0.15, seed=told.seed)
    how = {"preset": "madani", "seed": told.seed}
    if told.smoke:  # else the preset's own 45 epochs
        how |= {"epochs": 1, "backbone": "test_resnet", "image_size": 32}
    scores = sslecho.view(store, told.out / "views", **how).scores
    control = sslecho.view(store, told.out / "shuffled", control="shuffled-labels", **how).scores
    rows = [
        {"what": f"by {level}", "accuracy": interval(line, "accuracy"), "n": line["n"], "patients": line["n_patients"]}
        for level, line in scores["levels"].items()
    ]
    rows += [
        {"what": f"clips by {line['aggregate']}", "accuracy": interval(line, "accuracy"), "n": scores["n"]}
        for line in scores["aggregates"]
    ]
    rows.append({"what": "clips, labels shuffled", "accuracy": interval(control, "accuracy"), "n": control["n"]})
    truth = f"{archive}.truth" if told.data is None else None
    looked = {"model": str(told.out / "views"), "truth": truth, "seed": told.seed}
    for row in sslecho.explain(store, told.out / "looked-at", **looked).table.to_pylist():
        if row["arm"] == "heart":
            figure = {"v": row["value"], "v_low": row["low"], "v_high": row["high"]}
            rows.append({"what": row["metric"].replace("_", " "), "accuracy": interval(figure, "v"), "n": row["n"]})
    return list(show(rows, told.out))


if __name__ == "__main__":
    main(given(__doc__, sys.argv[1:]))
