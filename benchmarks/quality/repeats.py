"""Are repeats of a view found, and views that only look alike left apart?

    OMP_NUM_THREADS=1 python benchmarks/quality/repeats.py [--data DIR] [--quick]

Simulated hearts (kind `echo`, 30 patients a seed, 6 views, up to two clips a view) say which clips repeat a view. Of
all pairs of clips of one patient: the share of those of one view that are in one group of `sslecho.data.repeats` (what
`pretrain --repeats` keeps out of the negatives), and the share of those of two views that are. Each at two thresholds,
with clips moved to where they fit best and without.

DIR holds `echo_unlabelled` and `pocus_lung`, each with a `manifest.csv` (path, patient, video, frame). Nobody has
marked their repeats, so that of them only the share of clips with a twin is told. Prints a table and, as its last
line, one JSON object.
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import sslecho
from sslecho.data import repeats
from sslecho.data.store import Store

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish

SEEDS = (10_000, 10_001)
THRESHOLDS = (0.9, 0.8)
REACHES = (repeats.MOST_MOVED, 0)
INGEST = {"size": 128, "max_frames": 8, "doubtful": "keep"}  # no clip may be missing for its sector


def simulated(folder: Path, *, seed: int, patients: int) -> Store:
    """A store of simulated hearts whose labels are their views."""
    archive = folder / f"archive-{seed}"
    sslecho.phantom(
        archive, kind="echo", patients=patients, views_per_patient=6, clips_per_view=2, frames=8, size=128, seed=seed
    )
    store = sslecho.ingest(archive, folder / f"store-{seed}", labels=str(archive / "labels.csv"), **INGEST)
    assert store is not None
    return store


def real(data: Path, folder: Path) -> Store:
    """A store of real clips with the patients of their manifest; stills that share a `video` are one clip."""
    with (data / "manifest.csv").open(encoding="utf-8") as lines:
        known = list(csv.DictReader(lines))
    labels = folder / f"{data.name}.csv"
    with labels.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["path", "patient", "clip", "frame"])
        writer.writerows([row["path"], row["patient"], row["video"], row["frame"]] for row in known)
    store = sslecho.ingest(data, folder / data.name, labels=str(labels), **INGEST)
    assert store is not None
    return store


def pairs_of(store: Store) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """All pairs of clips of one patient, as rows of the clips' table: those of one view, and those of two."""
    owner, view = repeats.owners(store), store.column("label").astype(str)
    a, b = np.triu_indices(len(owner), k=1)
    same = owner[a] == owner[b]
    a, b = a[same], b[same]
    alike = view[a] == view[b]
    return {"one view": (a[alike], b[alike]), "two views": (a[~alike], b[~alike])}


def groups_of(store: Store, threshold: float, reach: int) -> np.ndarray:
    """For every clip the first of its group, where clips may be moved by `reach` pixels."""
    usual = repeats.MOST_MOVED
    repeats.MOST_MOVED = reach
    try:
        return repeats.repeats_of(store, np.arange(store.clips.num_rows), threshold=threshold)
    finally:
        repeats.MOST_MOVED = usual


def rows_of(name: str, store: Store, seed: int | None) -> Iterator[dict[str, Any]]:
    """A row for each threshold, with and without moving; with a seed, the views are known."""
    for threshold in THRESHOLDS:
        for reach in REACHES:
            group = groups_of(store, threshold, reach)
            size = np.bincount(group)[group]
            row = {
                "data": name,
                "seed": seed,
                "r above": threshold,
                "moved by": reach,
                "patients": len(np.unique(repeats.owners(store))),
                "clips": len(group),
                "with a twin": float(np.mean(size > 1)),
                "largest group": int(size.max()),
            }
            for which, (a, b) in (pairs_of(store) if seed is not None else {}).items():
                row |= {f"pairs of {which}": len(a), f"joined, {which}": int((group[a] == group[b]).sum())}
            yield row


def share(rows: Sequence[Mapping[str, Any]], threshold: float, reach: int, which: str) -> float:
    """Of the pairs of all seeds, how many are in one group."""
    chosen = [r for r in rows if r["seed"] is not None and (r["r above"], r["moved by"]) == (threshold, reach)]
    return sum(r[f"joined, {which}"] for r in chosen) / sum(r[f"pairs of {which}"] for r in chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds echo_unlabelled and pocus_lung")
    parser.add_argument("--quick", action="store_true", help="6 patients of one seed")
    options = parser.parse_args()
    seeds = SEEDS[:1] if options.quick else SEEDS
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed in seeds:
            store = simulated(folder, seed=seed, patients=6 if options.quick else 30)
            rows += rows_of("simulated hearts", store, seed)
        for data in ("echo_unlabelled", "pocus_lung") if options.data else ():
            rows += rows_of(data, real(options.data / data, folder), None)
    ratios = {}
    for threshold in THRESHOLDS:
        ratios[f"found above {threshold}"] = share(rows, threshold, repeats.MOST_MOVED, "one view")
        ratios[f"found above {threshold}, unmoved"] = share(rows, threshold, 0, "one view")
        ratios[f"two views joined above {threshold}"] = share(rows, threshold, repeats.MOST_MOVED, "two views")
    finish("repeats", ratios=ratios, rows=rows, seeds=seeds)


if __name__ == "__main__":
    main()
