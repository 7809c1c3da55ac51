"""Lloyd's algorithm in loops, and the inertia of a partition from its definition."""

import numpy as np


def lloyd(points, start, *, spherical=False, most_iterations=500):
    """Centroids and clusters when no item changes its cluster any more; `start` must leave no cluster empty."""
    centroids = np.array(start, float)
    clusters = None
    for _ in range(most_iterations):
        now = np.array([int(np.argmin([((x - c) ** 2).sum() for c in centroids])) for x in points.astype(float)])
        if clusters is not None and (now == clusters).all():
            return centroids, clusters
        clusters = now
        for j in range(len(centroids)):
            own = [points[i].astype(float) for i in range(len(points)) if clusters[i] == j]
            assert own, "the start leaves a cluster empty"
            centroids[j] = sum(own) / len(own)
            if spherical:
                centroids[j] /= np.sqrt((centroids[j] ** 2).sum())
    raise AssertionError("Lloyd's algorithm went on for too long")


def inertia(points, centroids):
    """Sum over items of the squared distance to the nearest centroid."""
    return sum(min(float(((x - c) ** 2).sum()) for c in centroids.astype(float)) for x in points.astype(float))
