"""How much faster than umap-learn with its defaults is the map, its graph of neighbors included?

    python benchmarks/speed/umap.py [--quick] [--embeddings FILE.npy] [--hardness 1.0] [--repeats 1]

88,063 vectors of 512 values (`mixture.py`, or own embeddings) on a plane: `umap.UMAP().fit_transform(vectors)`, every
setting its default (own search for neighbors, spectral start, all cores, no seed), against `lay_out`, in turn, each
after a small map that compiles what is compiled. `umap_learn` is the ratio of their times, with a goal of at most .5.
`same_class` says whether the faster map is as good: how often a point's nearest point on the map is of its class, over
2,000 points; `kept` the share of the 15 nearest neighbors among the vectors that are among the 15 nearest on the map.
`repeats_alike` says that two maps of one seed are equal. Prints a table and, last, one line of JSON.
"""

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure import finish, in_turn, ratio
from mixture import mixture

from sslecho.embed.index.flat import FlatIndex
from sslecho.embed.layout import lay_out

SEED, NEIGHBORS, QUERIES = 10_000, 15, 2000
GOALS = {"umap_learn": 0.5}
# This file has the name of the package that it measures, and stands first where a program's imports are looked for.
sys.path = [place for place in sys.path if Path(place).resolve() != Path(__file__).resolve().parent]


def plain_umap(vectors: np.ndarray) -> np.ndarray:
    """As in umap-learn's own first example."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import umap

        return np.asarray(umap.UMAP().fit_transform(vectors), np.float32)


def own_map(vectors: np.ndarray) -> np.ndarray:
    return lay_out(vectors, neighbors=NEIGHBORS, seed=SEED).points


def quality(points: np.ndarray, vectors: np.ndarray, labels: np.ndarray | None) -> dict[str, float]:
    """`kept` and, where classes are known, `same_class`, on the same points for every map."""
    rows = np.random.default_rng(SEED).permutation(len(vectors))[:QUERIES]
    true = FlatIndex.build(vectors).search(vectors[rows], NEIGHBORS, query_groups=rows, groups=np.arange(len(vectors)))
    kept, same = [], []
    for row, near in zip(rows, true[1], strict=True):
        apart = ((points - points[row]) ** 2).sum(1)
        apart[row] = np.inf
        around = np.argpartition(apart, NEIGHBORS)[:NEIGHBORS]
        kept.append(len(np.intersect1d(around, near)) / NEIGHBORS)
        same.append(labels is not None and labels[apart.argmin()] == labels[row])
    found = {"kept": round(float(np.mean(kept)), 3)}
    return found | ({"same_class": round(float(np.mean(same)), 3)} if labels is not None else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="6,000 x 64")
    parser.add_argument("--embeddings", type=Path, help="a .npy file of own embeddings in place of the mixture")
    parser.add_argument("--hardness", type=float, default=1.0, help="of the mixture")
    parser.add_argument("--repeats", type=int, default=1, help="of both, in turn")
    options = parser.parse_args()
    labels = None
    if options.embeddings is not None:
        vectors = np.ascontiguousarray(np.load(options.embeddings), np.float32)
    else:
        n, dim = (6000, 64) if options.quick else (88_063, 512)
        vectors, labels, _ = mixture(n, dim, hardness=options.hardness, seed=SEED)
    maps: dict[str, list[np.ndarray]] = {"umap-learn, defaults": [], "sslecho": []}

    def timed(name: str, draw: Callable[[np.ndarray], np.ndarray]) -> Callable[[], float]:
        draw(mixture(4500, 32, seed=1)[0])  # umap-learn searches below 4,096 in another way, which compiles less

        def run() -> float:
            started = time.perf_counter()
            maps[name].append(draw(vectors))
            return time.perf_counter() - started

        return run

    variants = {"umap-learn, defaults": timed("umap-learn, defaults", plain_umap), "sslecho": timed("sslecho", own_map)}
    taken = in_turn(variants, repeats=options.repeats)
    rows: list[dict[str, Any]] = [
        {"what": name, "seconds": statistics.median(taken[name]), **quality(maps[name][-1], vectors, labels)}
        for name in variants
    ]
    if options.repeats > 1:
        rows[1]["repeats_alike"] = all(np.array_equal(one, maps["sslecho"][0]) for one in maps["sslecho"])
    data = "own embeddings" if options.embeddings else f"mixture, hardness {options.hardness}"
    ratios = {"umap_learn": ratio(taken["sslecho"], taken["umap-learn, defaults"])}
    finish("umap", ratios=ratios, rows=rows, seeds=[SEED], goals=GOALS, data=data, shape=list(vectors.shape))


if __name__ == "__main__":
    main()
