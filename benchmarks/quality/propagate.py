"""Do propagated labels beat LabelSpreading, a vote of neighbors and a linear probe that have the same labels?

    python benchmarks/quality/propagate.py --lung DIR [--seeds 5] [--quick] [--stores FOLDER]

Simulated echo views and real lung ultrasound (DIR holds the videos and stills and a `manifest.csv`). Each seed
divides the patients anew (40 % test), pretrains on the others' frames, gives the labels of a few of the other patients
(`BUDGETS`), and scores the clips of the test patients, who lend no label. All ways see the same embeddings and labels;
those that spread labels see the other embeddings too. One endpoint, named beforehand: balanced accuracy of all test
clips at the larger budget, ours minus each other way, paired, with intervals over patients. Beside it: what the
threshold for 90 % precision, chosen on the given labels alone, covers and keeps. About two minutes a seed and set on
two cores. Prints a table and, last, one line of JSON.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading

import sslecho
from sslecho.metrics.labels import encode
from sslecho.metrics.paired import paired_accuracy
from sslecho.tasks.propagate import Propagation

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks" / "speed"))
from measure import finish  # noqa: E402
from methods_arms import RESNET, make_store  # noqa: E402

FIRST_SEED = 10_000
BUDGETS = {"phantom": (4, 16), "lung": (15, 45)}  # patients whose labels are given
PATIENTS = 60  # of the phantom
PRECISION = 0.9
LEARNING = {
    **RESNET,  # as methods.py: the smallest, for minutes of a slow core
    "batch_size": 32,
    "temperature": 0.2,
    "min_area": 0.6,
    "positives": "clip",
}
POLICY = {"phantom": "echo", "lung": "lung"}
Way = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def ours(x: np.ndarray, y: np.ndarray, patients: np.ndarray) -> np.ndarray:
    return Propagation(conflicts=False).fit(x, y, groups=patients).transduction_


def other_patients_only(x: np.ndarray, y: np.ndarray, patients: np.ndarray) -> np.ndarray:
    return Propagation(conflicts=False, own_group=False).fit(x, y, groups=patients).transduction_


def by_mass(x: np.ndarray, y: np.ndarray, patients: np.ndarray) -> np.ndarray:
    return Propagation(conflicts=False, class_mass="labels").fit(x, y, groups=patients).transduction_


def label_spreading(x: np.ndarray, y: np.ndarray, patients: np.ndarray) -> np.ndarray:
    return LabelSpreading(kernel="knn", n_neighbors=7, max_iter=1000).fit(x, y).transduction_


def neighbors_vote(x: np.ndarray, y: np.ndarray, patients: np.ndarray) -> np.ndarray:
    n = min(7, int((y != -1).sum()))
    return KNeighborsClassifier(n, metric="cosine", weights="distance").fit(x[y != -1], y[y != -1]).predict(x)


def linear_probe(x: np.ndarray, y: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Logistic regression; its penalty is chosen on labeled patients that are left out."""
    given = y != -1
    folds = GroupKFold(min(4, len(set(patients[given].tolist()))))
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    search = GridSearchCV(probe, {"logisticregression__C": [1e-3, 1e-2, 1e-1, 1, 10]}, cv=folds)
    return search.fit(x[given], y[given], groups=patients[given]).predict(x)


WAYS: dict[str, Way] = {
    "propagation": ours,
    "LabelSpreading": label_spreading,
    "kNN vote": neighbors_vote,
    "linear probe": linear_probe,
    "propagation, other patients' neighbors": other_patients_only,
    "propagation, class mass": by_mass,
}


def embedded(store: Path, folder: Path, *, part: str, seed: int, epochs: int) -> dict[str, sslecho.Embeddings]:
    """Clips by a pretrained encoder and by their pixels."""
    sslecho.pretrain(store, folder / "run", epochs=epochs, seed=seed, policy=POLICY[part], **LEARNING)
    found = {}
    for name, encoder in {"SimCLR": folder / "run", "pixels": "pixels"}.items():
        sslecho.embed(store, folder / name, encoder=encoder)
        found[name] = sslecho.Embeddings.load(folder / name).per_clip()
    return found


def one_draw(clips: sslecho.Embeddings, *, budget: int, seed: int) -> dict[str, Any]:
    """Every way on the labels of `budget` patients outside the test split."""
    codes, _ = encode(clips.column("label"))
    patients = clips.column("unit_id").astype(str)
    test = clips.column("split") == "test"
    drawn = np.random.default_rng(seed).permutation(np.unique(patients[~test]))[:budget]
    y = np.where(np.isin(patients, drawn), codes, -1)
    x = np.asarray(clips.vectors, np.float32)
    right = np.stack([way(x, y, patients)[test] == codes[test] for way in WAYS.values()], axis=1)
    careful = Propagation(precision=PRECISION).fit(x, y, groups=patients)
    told = test & ~careful.abstained_
    return {
        "labels": codes[test],
        "patients": patients[test],
        "right": right,
        "told": told[test],
        "holds": bool(careful.threshold_.holds),
        "n_labeled": int((y != -1).sum()),
    }


def summary(draws: list[dict[str, Any]], **about: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row a way, and the lead of ours over each; draws of all seeds are resampled together, by patient."""
    labels = np.concatenate([draw["labels"] for draw in draws])
    patients = np.concatenate([draw["patients"] for draw in draws])
    right = np.concatenate([draw["right"] for draw in draws])
    told = np.concatenate([draw["told"] for draw in draws])
    found = paired_accuracy(labels, right, unit_ids=patients, rng=np.random.default_rng(0))
    rows, leads = [], {}
    for i, name in enumerate(WAYS):
        accuracy, lead = found.accuracy[i], found.difference[i]
        row = {**about, "way": name, "balanced_accuracy": accuracy.value, "low": accuracy.low, "high": accuracy.high}
        row |= {"accuracy": float(right[:, i].mean()), "n_patients": accuracy.n_units}
        if i:
            leads[name] = [round(value, 4) for value in (lead.value, lead.low, lead.high)]
            row |= {"ours_ahead_by": lead.value, "ahead_low": lead.low, "ahead_high": lead.high}
        else:
            row |= {"coverage": float(told.mean()), "n_labeled": float(np.mean([d["n_labeled"] for d in draws]))}
            row |= {"precision": float(right[told, 0].mean()) if told.any() else None}
            row |= {"promised": sum(d["holds"] for d in draws)}
        rows.append(row)
    return rows, leads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lung", type=Path, help="the folder of the lung data; left out without it")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--stores", type=Path, help="a folder to keep the stores in")
    parser.add_argument("--quick", action="store_true", help="one seed, few patients, one epoch")
    given = parser.parse_args()
    n_seeds, epochs, patients = (1, 1, 30) if given.quick else (given.seeds, given.epochs, PATIENTS)
    seeds = list(range(FIRST_SEED, FIRST_SEED + n_seeds))
    rows: list[dict[str, Any]] = []
    ratios: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for part in ("phantom", "lung") if given.lung else ("phantom",):
            draws: dict[tuple[str, int], list[dict[str, Any]]] = {}
            for seed in seeds:
                store = make_store(part, seed, given.stores or Path(scratch), lung=given.lung, patients=patients)
                sets = embedded(store, Path(scratch) / f"{part}{seed}", part=part, seed=seed, epochs=epochs)
                for name, clips in sets.items():
                    for budget in BUDGETS[part]:
                        draw = one_draw(clips, budget=budget, seed=seed)
                        if part == "phantom":  # other patients with each seed; the lung data have the same ones
                            draw["patients"] = np.char.add(f"{seed}:", draw["patients"].astype(str))
                        draws.setdefault((name, budget), []).append(draw)
                print(f"{part}, seed {seed} done", file=sys.stderr, flush=True)
            for (name, budget), of_seeds in draws.items():
                more, leads = summary(of_seeds, data=part, embeddings=name, budget=budget)
                rows += more
                if (name, budget) == ("SimCLR", BUDGETS[part][-1]):
                    ratios |= {f"{part}: ahead of {way}": lead for way, lead in leads.items()}
    finish("propagate_quality", ratios=ratios, rows=rows, seeds=seeds, precision_target=PRECISION)


if __name__ == "__main__":
    main()
