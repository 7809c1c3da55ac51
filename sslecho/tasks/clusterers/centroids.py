"""Clusters that are centroids: one each, or several that were merged."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64

from sslecho.tasks.assignment import Assignment, assign


@dataclass(frozen=True)
class Centroids:
    """What k-means and its kin fitted.

    Attributes:
        centroids: one a cluster, or several.
        cluster_of: the cluster of each centroid; None where each is its own.
        normalize: whether embeddings are scaled to length 1 before they are compared.
    """

    centroids: Float32[np.ndarray, "m d"]
    cluster_of: Int64[np.ndarray, " m"] | None = None
    normalize: bool = True

    @property
    def k(self) -> int:
        """The number of clusters."""
        return len(self.centroids) if self.cluster_of is None else int(self.cluster_of.max()) + 1

    def assign(self, vectors: Float[np.ndarray, "n d"]) -> Assignment:
        """The cluster of each embedding's nearest centroid.

        Raises:
            InputError: another dimension than that of the centroids, or an embedding that is not finite.
        """
        return assign(vectors, self.centroids, cluster_of=self.cluster_of, normalize=self.normalize)

    def to_tensors(self) -> dict[str, np.ndarray]:
        """The centroids, their clusters where they were merged, and whether lengths count."""
        merged = {} if self.cluster_of is None else {"cluster_of": self.cluster_of}
        return {"centroids": self.centroids, "normalize": np.array([self.normalize]), **merged}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> "Centroids":
        """What `to_tensors` gave."""
        return cls(tensors["centroids"], tensors.get("cluster_of"), bool(tensors["normalize"][0]))
