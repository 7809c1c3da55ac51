"""The fitted clusters of a run: what assigns new embeddings.

model/model.safetensors   the tensors of each k, as "10.centroids"
model/config.json         schema, method, ks, hash of the weights, and which encoder's embeddings they are for
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sslecho.errors import InputError, NounError, SettingsError
from sslecho.tasks.assignment import Assignment
from sslecho.tasks.clusterers import CLUSTERERS
from sslecho.tasks.clusterers.clusterer import Clusterer, Clusters, Items, NoSettings
from sslecho.tasks.model_folder import read_model, write_model

SCHEMA, VERSION = "sslecho.clusters", 1


@dataclass(frozen=True)
class ClusterModel:
    """Clusters for one or several k, of one method.

    Attributes:
        method: a name in `CLUSTERERS`.
        clusters: the fitted clusters, one for each k.
        about: where they come from: `encoder_hash`, `level`, `unit`, JSON-ready.
    """

    method: str
    clusters: Sequence[Clusters]
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def ks(self) -> list[int]:
        """The numbers of clusters, as they were asked for."""
        return [clusters.k for clusters in self.clusters]

    def assign(self, vectors: Float[np.ndarray, "n d"], *, k: int) -> Assignment:
        """The cluster of each embedding, with a confidence.

        Raises:
            InputError: no clusters for that k, or the embeddings are of another encoder.
        """
        if k not in self.ks:
            known = ", ".join(map(str, self.ks))
            raise InputError(f"--k {k}: these clusters were fitted for k = {known}; ask for one of these, or fit anew")
        return self.clusters[self.ks.index(k)].assign(vectors)

    def hash(self) -> str:
        """SHA-256 of the weights."""
        return hashlib.sha256(self._weights()).hexdigest()

    def save(self, folder: Path | str) -> None:
        """Write the model into `folder`; config.json is written last."""
        write_model(
            folder, self._weights(), schema=SCHEMA, version=VERSION, method=self.method, ks=self.ks, about=self.about
        )

    def _weights(self) -> bytes:
        """The tensors of every k as one safetensors file."""
        return save(
            {
                f"{clusters.k}.{name}": np.ascontiguousarray(tensor)
                for clusters in self.clusters
                for name, tensor in clusters.to_tensors().items()
            }
        )

    @classmethod
    def load(cls, folder: Path | str) -> "ClusterModel":
        """Read the model from its folder or from the run that holds it.

        Raises:
            NounError: no clusters there, of another version or an unknown method, or a damaged file.
        """
        config, weights = read_model(folder, schema=SCHEMA, version=VERSION, what="clusters", command="cluster")
        try:
            clusters_class = CLUSTERERS[config["method"]].clusters_class
            tensors = load(weights)
            clusters = [clusters_class.from_tensors(_of(tensors, k)) for k in config["ks"]]
        except (SafetensorError, KeyError, SettingsError) as error:
            reason = str(error).splitlines()[0]
            raise NounError(f"{folder} holds clusters that this version can't read ({reason}); cluster again") from None
        return cls(config["method"], clusters, config["about"])


def _of(tensors: Mapping[str, np.ndarray], k: int) -> dict[str, np.ndarray]:
    prefix = f"{k}."
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


@final
class Fitted(Clusterer):
    """Clusters that were fitted before, in the place of a method: nothing is fitted, and embeddings are assigned."""

    fits: ClassVar[bool] = False

    def __init__(self, model: ClusterModel):
        super().__init__(NoSettings())
        self._model = model

    def fit(self, items: Items, *, ks: Sequence[int], seed: int) -> Iterator[Clusters]:
        """The clusters of the model."""
        yield from (self._model.clusters[self._model.ks.index(k)] for k in ks)
