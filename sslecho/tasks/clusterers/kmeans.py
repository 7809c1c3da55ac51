"""k-means: the clusters whose items lie nearest to their means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from sslecho.config import option
from sslecho.tasks.clusterers import CLUSTERERS
from sslecho.tasks.clusterers.centroids import Centroids
from sslecho.tasks.clusterers.clusterer import Clusterer, Items
from sslecho.tasks.kmeans import fit_kmeans, points_to_fit_on


@dataclass(frozen=True)
class KMeansSettings:
    """Settings of k-means."""

    normalize: bool = option(True, "Compare directions: an embedding's length says more of gain than of the view.")


@CLUSTERERS.add("kmeans")
@final
class KMeans(Clusterer):
    """See `sslecho.tasks.kmeans.fit_kmeans`."""

    settings_class: ClassVar[type] = KMeansSettings
    clusters_class: ClassVar[type] = Centroids

    def fit(self, items: Items, *, ks: Sequence[int], seed: int) -> Iterator[Centroids]:
        """A centroid a cluster for each k."""
        normalize = self.settings.normalize
        points = points_to_fit_on(items.vectors, items.fitted, seed=seed, normalize=normalize)
        for k in ks:
            yield Centroids(fit_kmeans(points, k=k, seed=seed, normalize=False), normalize=normalize)
