"""What accuracy does choosing the clips to label buy, against random choice of as many?

    python benchmarks/quality/selection.py --data DIR --work FOLDER [--seeds 10] [--part phantom|lung|all] [--quick]

DIR holds the lung videos, stills and a `manifest.csv` (path, label, patient). Stores, encoders and embeddings are kept
in FOLDER: a killed run goes on. Each seed simulates other patients (classes as unequal as in FETAL_PLANES_DB), or
divides the lung patients anew; 40 % of the patients are for testing alone, and are unknown to pretraining, to the
choice and to the probe. Of the others each rule picks as many clips as random choice, under the same cap by patient;
the picks get their true labels, and a probe on them names the clips of the test patients. Random choice is the mean
of 20 draws a seed. Rules "a > b" pick half of the budget by a, and after these have labels the rest by b.

**One endpoint, named before the run**: balanced accuracy with 4 labels a class (budget = 4 times the number of
classes), pretrained encoder, typiclust minus random. All else is beside it. Intervals resample patients and seeds
together, and all rules see the same draws. Prints a table and, last, one line of JSON.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from methods_arms import RESNET, make_store
from methods_scores import Scored, draws, values

import sslecho
from sslecho.data.store import Store
from sslecho.metrics.intervals import percentiles
from sslecho.tasks.assignment import prepared
from sslecho.tasks.select import select_clips
from sslecho.tasks.selection.uncertainty import quick_probe

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish

FIRST_SEED = 10_000  # of those that nothing was settled on
LABELS_A_CLASS = (2, 4, 8)
ENDPOINT = 4
RANDOM = "random"
RANDOM_DRAWS = 20
ARMS = (
    RANDOM,
    "typiclust",
    "probcover",
    "kcenter",
    "typiclust > typiclust",
    "typiclust > margin",
    "typiclust > entropy",
)
LEARNING = {
    **RESNET,  # as methods.py: the smallest, for minutes of a slow core
    "batch_size": 32,
    "temperature": 0.2,
    "min_area": 0.6,
    "device": "cpu",
}
OF_PART = {"phantom": {"policy": "fetal", "epochs": 20}, "lung": {"policy": "lung", "positives": "clip", "epochs": 10}}


def fetal_store(seed: int, folder: Path, *, patients: int) -> Store:
    """Simulated fetal planes with the published classes' sizes, to scale; test patients as for the lungs."""
    archive, store = folder / "archive", folder / "store"
    sslecho.phantom(archive, kind="fetal", sizes="fetal_planes", patients=patients, size=96, overlays=False, seed=seed)
    sslecho.ingest(archive, store, labels=str(archive / "labels.csv"), patient_from="column:patient", size=96)
    return sslecho.split(store, test=0.4, val=0.0, seed=seed, overwrite=True)


class Task:
    """One seed's clips under one encoder: a pool to pick from, and clips of other patients to test on."""

    def __init__(self, embeddings: Path, store: Store):
        given = sslecho.Embeddings.load(embeddings)
        splits = store.column("split", level="frame")[given.rows["row"].to_numpy()]
        items = given.with_columns(split=splits).per_clip()
        vectors, labels = prepared(items.vectors, normalize=True), items.column("label")
        named = np.array([label is not None for label in labels])
        tested = items.column("split") == "test"
        self.pool, self.test = vectors[named & ~tested], vectors[named & tested]
        self.labels, self.truth = labels[named & ~tested], labels[named & tested].astype(str)
        self.units, self.patients = items.column("unit_id")[named & ~tested], items.column("unit_id")[named & tested]
        self.n_classes = len(set(self.truth))

    def picks(self, arm: str, budget: int, *, seed: int) -> np.ndarray:
        """Rows of the pool that this rule would have labeled."""
        rules = arm.split(" > ")
        picked = np.empty(0, np.int64)
        for number, rule in enumerate(rules, 1):
            known = np.full(len(self.labels), None, dtype=object)
            known[picked] = self.labels[picked]
            if rule in ("margin", "entropy") and len(set(known[picked])) < 2:
                rule = "typiclust"  # as `sslecho select` does by itself
            share = budget * number // len(rules) - len(picked)
            chosen = select_clips(
                self.pool,
                budget=share,
                unit_ids=self.units,
                labels=known,
                method=rule,
                n_classes=self.n_classes,
                seed=seed,
            )
            picked = np.concatenate([picked, [pick.row for pick in chosen.picks]]).astype(np.int64)
        return picked

    def right(self, picked: np.ndarray) -> np.ndarray:
        """Which test clips a probe on the picks names right."""
        names, codes = np.unique(self.labels[picked].astype(str), return_inverse=True)
        if len(names) == 1:
            return self.truth == names[0]
        probe = quick_probe(self.pool, picked, codes, rng=np.random.default_rng(0))
        return names[probe(self.test).argmax(1)] == self.truth


def one_seed(part: str, seed: int, work: Path, *, data: Path | None, patients: int, quick: bool) -> dict[str, Any]:
    """Scores and classes found of each encoder and budget; arms in the order of `ARMS`."""
    folder = work / part / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    if part == "phantom":
        store = fetal_store(seed, folder, patients=patients)
    else:
        store = Store.open(make_store("lung", seed, work / "lung_stores", lung=data, patients=0))
    learning = {**LEARNING, **OF_PART[part], **({"epochs": 1} if quick else {})}
    sslecho.pretrain(store, folder / "run", seed=seed, **learning)
    found: dict[str, Any] = {}
    for encoder in ("pretrained", "pixels"):
        which = folder / "run" if encoder == "pretrained" else "pixels"
        sslecho.embed(store, folder / encoder, encoder=which)
        task = Task(folder / encoder, store)
        # A lung patient is tested under several seeds, and counts once; simulated ones are other people each time.
        patient_names = np.array([f"{seed if part == 'phantom' else ''}:{name}" for name in task.patients])
        for a_class in LABELS_A_CLASS:
            right, classes = [], []
            for arm in ARMS:
                n_draws = RANDOM_DRAWS if arm == RANDOM else 1
                picked = [task.picks(arm, a_class * task.n_classes, seed=seed + 1000 * draw) for draw in range(n_draws)]
                right.append(np.mean([task.right(rows) for rows in picked], axis=0))
                classes.append(float(np.mean([len(set(task.labels[rows])) for rows in picked])))
            found[f"{encoder} {a_class}"] = {
                "scored": Scored(task.truth, patient_names, np.stack(right, 1)),
                "classes": classes,
                "budget": a_class * task.n_classes,
                "n_pool": len(task.pool),
            }
    return found


def summary(part: str, seeds: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each encoder, budget and arm; and the endpoint's difference."""
    rows, ratios = [], {}
    for key in seeds[0]:
        encoder, a_class = key.split()
        of_seed = [seed[key] for seed in seeds]
        scored = [one["scored"] for one in of_seed]
        accuracy = values(scored)
        drawn = draws(scored, rng=np.random.default_rng(0))
        n_patients = len(set(np.concatenate([one.patients for one in scored]).tolist()))
        for arm, name in enumerate(ARMS):
            lead = accuracy[:, arm] - accuracy[:, 0]
            low, high = percentiles(drawn[:, arm] - drawn[:, 0])
            rows.append(
                {
                    "part": part,
                    "encoder": encoder,
                    "labels_a_class": int(a_class),
                    "budget": of_seed[0]["budget"],
                    "n_pool": int(np.mean([one["n_pool"] for one in of_seed])),
                    "arm": name,
                    "balanced_accuracy": float(np.nanmean(accuracy[:, arm])),
                    "minus_random": float(np.nanmean(lead)),
                    "low": low,
                    "high": high,
                    "better_in": int((lead > 0).sum()),
                    "n_seeds": len(seeds),
                    "classes_found": float(np.mean([one["classes"][arm] for one in of_seed])),
                    "n_patients": n_patients,
                }
            )
            if (encoder, int(a_class)) == ("pretrained", ENDPOINT) and name != RANDOM:
                ratios[f"{part}: {name} - random"] = {
                    "ratio": round(float(np.nanmean(lead)), 4),
                    "lowest": round(low, 4),
                    "highest": round(high, 4),
                }
    return rows, ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the lung data")
    parser.add_argument("--work", type=Path, help="where stores and encoders are kept; by default nowhere")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="below 1,000 to settle settings")
    parser.add_argument("--part", choices=("phantom", "lung", "all"), default="all")
    parser.add_argument("--patients", type=int, default=72, help="of the phantom")
    parser.add_argument("--quick", action="store_true", help="two seeds, few patients, one epoch")
    given = parser.parse_args()
    if given.data is None and given.part != "phantom":
        parser.error("--data is missing: the folder of the lung data; or say --part phantom")
    seeds = range(given.first_seed, given.first_seed + (2 if given.quick else given.seeds))
    rows: list[dict[str, Any]] = []
    ratios: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as nowhere:
        for part in ("phantom", "lung") if given.part == "all" else (given.part,):
            found = []
            for seed in seeds:
                how = {"data": given.data, "patients": 24 if given.quick else given.patients, "quick": given.quick}
                found.append(one_seed(part, seed, given.work or Path(nowhere), **how))
                print(f"{part} {seed} done", file=sys.stderr, flush=True)
            more, endpoint = summary(part, found)
            rows += more
            ratios |= endpoint
    finish("selection", ratios=ratios, rows=rows, seeds=seeds)


if __name__ == "__main__":
    main()
