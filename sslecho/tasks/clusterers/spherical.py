"""Spherical k-means: the clusters whose items' directions lie nearest to a direction of their own."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, final

from sslecho.tasks.clusterers import CLUSTERERS
from sslecho.tasks.clusterers.centroids import Centroids
from sslecho.tasks.clusterers.clusterer import Clusterer, Items
from sslecho.tasks.kmeans import fit_spherical_kmeans, points_to_fit_on


@CLUSTERERS.add("spherical")
@final
class Spherical(Clusterer):
    """See `sslecho.tasks.kmeans.fit_spherical_kmeans`."""

    clusters_class: ClassVar[type] = Centroids

    def fit(self, items: Items, *, ks: Sequence[int], seed: int) -> Iterator[Centroids]:
        """A centroid of length 1 a cluster for each k."""
        points = points_to_fit_on(items.vectors, items.fitted, seed=seed, normalize=True)
        for k in ks:
            yield Centroids(fit_spherical_kmeans(points, k=k, seed=seed))
