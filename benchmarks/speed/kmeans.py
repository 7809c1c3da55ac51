"""How fast is k-means, and how good is what it ends with?

    python benchmarks/speed/kmeans.py [--quick] [--embeddings FILE.npy] [--k 60 …] [--repeats N]

88,063 x 512 embeddings of a mixture (see mixture.py; hardness 1), scaled to length 1, or those of a file. For each k,
in turn on one machine: sslecho's k-means, scikit-learn's KMeans and MiniBatchKMeans with their defaults, and FAISS's
Kmeans with its default start at random, on all items. Each fits and gives every item its cluster; sslecho's gives
distances and confidences with it. Inertia is the sum of squared distances to the nearest centroid, one function for
all. Every repeat has a seed of its own, the same for all.

Ratios at the first k: `sklearn` = time of KMeans over ours (goal >= 5), `inertia` = ours over KMeans's (goal <= 1.01).
Prints a table and, last, one line of JSON.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
from measure import finish, in_turn, ratio
from mixture import mixture
from sklearn.cluster import KMeans, MiniBatchKMeans

from sslecho.tasks.assignment import assign, prepared
from sslecho.tasks.kmeans import fit_kmeans

FIRST_SEED = 10_000
GOALS = {"sklearn": 5.0, "inertia": 1.01}


def ours(points: np.ndarray, k: int, seed: int) -> np.ndarray:
    centroids = fit_kmeans(points, k=k, seed=seed, normalize=False)
    assign(points, centroids, normalize=False)
    return centroids


def sklearn_full(points: np.ndarray, k: int, seed: int) -> np.ndarray:
    return KMeans(k, random_state=seed).fit(points).cluster_centers_


def sklearn_mini(points: np.ndarray, k: int, seed: int) -> np.ndarray:
    return MiniBatchKMeans(k, random_state=seed).fit(points).cluster_centers_


def faiss_random(points: np.ndarray, k: int, seed: int) -> np.ndarray:
    kmeans = faiss.Kmeans(points.shape[1], k, seed=seed, max_points_per_centroid=len(points))
    kmeans.train(points)
    kmeans.assign(points)
    return kmeans.centroids


FITS = {"sslecho": ours, "KMeans": sklearn_full, "MiniBatchKMeans": sklearn_mini, "FAISS": faiss_random}


class Runs:
    """Fits of one method to one k, a seed after the other."""

    def __init__(self, fit: Callable[[np.ndarray, int, int], np.ndarray], points: np.ndarray, k: int):
        self._fit, self._points, self._k = fit, points, k
        self.inertias: list[float] = []

    def fits_per_s(self) -> float:
        started = time.perf_counter()
        centroids = self._fit(self._points, self._k, FIRST_SEED + len(self.inertias))
        seconds = time.perf_counter() - started
        distances = assign(self._points, centroids.astype(np.float32), normalize=False).distances
        self.inertias.append(float((distances.astype(float) ** 2).sum()))
        return 1 / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20,480 x 128, one k, one repeat")
    parser.add_argument("--embeddings", type=Path, help="float32 [n, dim] as .npy, in place of the mixture")
    parser.add_argument("--k", type=int, nargs="+", default=None)
    parser.add_argument("--repeats", type=int, default=None)
    options = parser.parse_args()
    if options.embeddings:
        vectors = np.load(options.embeddings)
    else:
        n, dim = (20_480, 128) if options.quick else (88_063, 512)
        vectors = mixture(n, dim, seed=FIRST_SEED)[0]
    points = prepared(vectors, normalize=True)
    ks = options.k or ([60] if options.quick else [60, 1000])
    repeats = options.repeats or (1 if options.quick else 3)
    for fit in FITS.values():
        fit(points[:2048], 4, 0)  # libraries load and start their threads
    rows, ratios = [], {}
    for k in ks:
        # With very many clusters KMeans takes an hour.
        runs = {name: Runs(fit, points, k) for name, fit in FITS.items() if name != "KMeans" or k == ks[0]}
        rates = in_turn({name: run.fits_per_s for name, run in runs.items()}, repeats=repeats)
        for name, run in runs.items():
            seconds = [1 / rate for rate in rates[name]]
            rows.append(
                {
                    "k": k,
                    "method": name,
                    "seconds": statistics.median(seconds),
                    "fastest": min(seconds),
                    "slowest": max(seconds),
                    "inertia": round(statistics.median(run.inertias), 1),
                    "lowest": round(min(run.inertias), 1),
                    "highest": round(max(run.inertias), 1),
                }
            )
        if k == ks[0]:
            ratios["sklearn"] = ratio(rates["sslecho"], rates["KMeans"])
            ratios["inertia"] = ratio(runs["sslecho"].inertias, runs["KMeans"].inertias)
    finish(
        "kmeans",
        ratios=ratios,
        rows=rows,
        seeds=range(FIRST_SEED, FIRST_SEED + repeats),
        goals=GOALS,
        n=len(points),
        dim=points.shape[1],
        data="file" if options.embeddings else "mixture",
    )


if __name__ == "__main__":
    main()
