"""TURTLE: the labeling that linear classifiers learn best."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, final

from sslecho.tasks.clusterers import CLUSTERERS
from sslecho.tasks.clusterers.clusterer import Clusterer, Items
from sslecho.tasks.fusc.model import SemanticModel
from sslecho.tasks.fusc.settings import TurtleSettings
from sslecho.tasks.fusc.turtle import fit_turtle
from sslecho.tasks.kmeans import points_to_fit_on


@CLUSTERERS.add("turtle")
@final
class Turtle(Clusterer):
    """See `sslecho.tasks.fusc.turtle`."""

    settings_class: ClassVar[type] = TurtleSettings
    clusters_class: ClassVar[type] = SemanticModel

    def fit(self, items: Items, *, ks: Sequence[int], seed: int) -> Iterator[SemanticModel]:
        """A labeling for each k."""
        points = points_to_fit_on(items.vectors, items.fitted, seed=seed, normalize=True)
        for k in ks:
            yield fit_turtle([points], k=k, settings=self.settings, seed=seed)
