"""FUSC (arXiv 2310.12600): sort fetal planes into clusters without a label, and score them on women never seen.

    python recipes/fusc_clustering.py -o fusc                       simulated planes with FETAL_PLANES_DB's class sizes
    python recipes/fusc_clustering.py FETAL_PLANES_DB -o fusc       the data set as downloaded, published split by woman

SimCLR on the training half; then FUSC as published (lambda 5, entropy), FUSC with an estimated prior, and k-means, all
on the same features. Clusters are named on half of the test women and scored on the others (transfer purity); purity
stands beside what shuffled clips reach. K is printed, for purity rises with it.

time: 15 minutes on two cores (simulated)    memory: 2 GiB    seed: 10000
expected: docs/systems.md has the table that this printed, with its commit
"""

import sys

from opening import Given, given, interval, show

import sslecho

# Method and its settings.
ARMS = {
    "fusc, as published": ("fusc", ("lam=5", "prior=uniform", "heads=1", "exclude=nothing")),
    "fusc, estimated prior": ("fusc", ()),
    "k-means": ("kmeans", ()),
}
OTHER = "other"


def main(told: Given) -> list[dict[str, object]]:
    few = {"kind": "fetal", "patients": 14, "size": 64}
    archive, known = told.archive(**few if told.smoke else {"sizes": "fetal_planes", "patients": 180, "size": 128})
    store = sslecho.ingest(archive, told.out / "store", size=96, doubtful="keep", **known)
    if not any(store.column("split")):
        store = sslecho.split(store, test=0.5, val=0.1, seed=told.seed)
    sslecho.pretrain(
        store,
        told.out / "run",
        policy="fetal",
        method="simclr",
        **told.learning(backbone="resnet10t", image_size=64, epochs=40, batch_size=64, temperature=0.2, min_area=0.6),
    )
    embeddings = sslecho.embed(store, told.out / "embeddings", encoder=told.out / "run")
    n_classes = len({label for label in store.column("label") if label is not None})
    ks = (n_classes,) if told.smoke else (n_classes, 20)
    rows = []
    for arm, (method, settings) in ARMS.items():
        if told.smoke and method == "fusc":
            settings = (*settings, "steps=20")
        folder = told.out / arm.replace(", ", "-").replace(" ", "-")
        how = {"method": method, "method_set": settings, "seed": told.seed}
        scores = sslecho.cluster(embeddings, folder, k=ks, purity=True, other=(OTHER,), **how).scores
        rows += [_row(arm, row) for row in scores["results"]]
    for name, results in scores["baselines"].items():  # the same k-means on features that learned nothing
        rows += [_row(f"k-means on {name}", row) for row in results or ()]
    return list(show(rows, told.out))


def _row(arm: str, row: dict[str, float]) -> dict[str, object]:
    return {
        "arm": arm,
        "k": row["k"],
        "transfer purity": interval(row, "transfer_purity"),
        "purity": f"{row['purity']:.3f}",
        "by chance": f"{row['purity_chance']:.3f}",
        "nmi": f"{row['nmi']:.3f}",
        "accuracy": interval(row, "accuracy"),
        "patients": row["n_patients"],
    }


if __name__ == "__main__":
    main(given(__doc__, sys.argv[1:]))
