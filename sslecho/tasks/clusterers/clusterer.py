"""What every method of clustering is: it fits on embeddings without labels, and what it fitted assigns new ones."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64, Shaped

from sslecho.tasks.assignment import Assignment


@dataclass(frozen=True)
class Items:
    """What is clustered, and which of it may be looked at. Labels are not among it.

    Attributes:
        vectors: one embedding an item; may be memory-mapped, so a method takes rows of it, never all at once.
        fitted: the rows to fit on.
        held: the rows to choose by without labels (the val split); none where there is no such split.
        unit_ids: the patient of each item, or what stands for one.
        clip_ids: the clip of each item.
    """

    vectors: Float[np.ndarray, "n d"]
    fitted: Int64[np.ndarray, " a"]
    held: Int64[np.ndarray, " b"]
    unit_ids: Shaped[np.ndarray, " n"]
    clip_ids: Shaped[np.ndarray, " n"]


@runtime_checkable
class Clusters(Protocol):
    """Fitted clusters: all that is kept of a method, and what assigns new embeddings."""

    @property
    def k(self) -> int:
        """The number of clusters that was asked for."""
        ...

    def assign(self, vectors: Float[np.ndarray, "n d"]) -> Assignment:
        """The cluster of each embedding, with a confidence; memory does not grow with n but for the result."""
        ...

    def to_tensors(self) -> dict[str, np.ndarray]:
        """All of it as named arrays, which are saved as they are."""
        ...

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> "Clusters":
        """Clusters that assign as those did that gave the tensors."""
        ...


@dataclass(frozen=True)
class NoSettings:
    """Of a method that has none."""


class Clusterer(ABC):
    """One method. Subclasses are final, and made from their settings.

    Attributes:
        settings_class: a frozen dataclass whose fields are made with `sslecho.config.option`.
        clusters_class: what `fit` gives.
        fits: whether it looks at the items; False where the clusters are there already.
    """

    settings_class: ClassVar[type] = NoSettings
    clusters_class: ClassVar[type[Any]]
    fits: ClassVar[bool] = True

    def __init__(self, settings: Any):
        self.settings = settings

    @abstractmethod
    def fit(self, items: Items, *, ks: Sequence[int], seed: int) -> Iterator[Clusters]:
        """Clusters for each k, in the order of `ks`; what all of them need (a graph, small clusters) is made once."""
