"""Over-clustering and merging: many small clusters by k-means, merged by Ward's method. One set serves every k."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from sslecho.config import option
from sslecho.errors import SettingsError
from sslecho.tasks.assignment import assign
from sslecho.tasks.clusterers import CLUSTERERS
from sslecho.tasks.clusterers.centroids import Centroids
from sslecho.tasks.clusterers.clusterer import Clusterer, Items
from sslecho.tasks.kmeans import fit_kmeans, points_to_fit_on
from sslecho.tasks.merging import cut, ward

SMALL_PER_CLUSTER = 10
ITEMS_PER_SMALL = 5  # at least, on average: fewer would be pairs of look-alikes of one patient


@dataclass(frozen=True)
class WardSettings:
    """Settings of over-clustering and merging."""

    small: int | None = option(
        None, "How many small clusters are merged; by default 10 times the largest k, of 5 items or more.", minimum=2
    )
    normalize: bool = option(True, "Compare directions: an embedding's length says more of gain than of the view.")


@CLUSTERERS.add("ward")
@final
class Ward(Clusterer):
    """See `sslecho.tasks.merging`."""

    settings_class: ClassVar[type] = WardSettings
    clusters_class: ClassVar[type] = Centroids

    def fit(self, items: Items, *, ks: Sequence[int], seed: int) -> Iterator[Centroids]:
        """The small clusters with the cluster of each, for each k.

        Raises:
            SettingsError: fewer small clusters than k, or more than items.
        """
        normalize = self.settings.normalize
        points = points_to_fit_on(items.vectors, items.fitted, seed=seed, normalize=normalize)
        small = self.settings.small
        if small is None:
            small = max(*ks, min(SMALL_PER_CLUSTER * max(ks), len(points) // ITEMS_PER_SMALL))
        if not max(ks) <= small <= len(points):
            raise SettingsError(
                [
                    f"--method-set small={small}: it must be at least --k {max(ks)} and at most the {len(points)} "
                    "embeddings to fit on; leave it out, and it is chosen by their number"
                ]
            )
        centroids = fit_kmeans(points, k=small, seed=seed, normalize=False)
        sizes = np.bincount(assign(points, centroids, normalize=False).clusters, minlength=small)
        merges = ward(centroids, sizes)
        for k in ks:
            yield Centroids(centroids, cut(merges, k), normalize)
