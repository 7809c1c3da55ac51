"""A fitted probe as a folder: what it has learned, its temperature, and the sets that it may promise.

model/model.safetensors   arrays of the probe
model/config.json         schema, kind, classes, temperature, conformal sets, hash of the arrays, about
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sslecho.embed.index.vectors import pieces
from sslecho.errors import InputError, NounError
from sslecho.metrics.calibration import Conformal
from sslecho.tasks.assignment import prepared
from sslecho.tasks.attention_probe import AttentionProbe
from sslecho.tasks.model_folder import read_model, write_model
from sslecho.tasks.probe import LinearProbe, NeighborProbe

SCHEMA, VERSION = "sslecho.probe", 1
KINDS = {"linear": LinearProbe, "knn": NeighborProbe, "attention": AttentionProbe}
LEAST = 1e-6  # probability of a class that no neighbor voted for, where its logarithm is taken


@dataclass(frozen=True)
class ProbeModel:
    """A probe with its calibration.

    Attributes:
        kind: one of `KINDS`.
        probe: the estimator, fitted on classes that are strings.
        temperature: that its log probabilities are divided by; 1 where it was not calibrated.
        conformal: sets of classes with a promise, or None.
        about: hash of the encoder, level, unit: what embeddings it takes.
    """

    kind: str
    probe: LinearProbe | NeighborProbe | AttentionProbe
    temperature: float
    conformal: Conformal | None
    about: dict[str, Any]

    @property
    def classes(self) -> list[str]:
        """The classes that it knows, in the order of the probabilities."""
        return [str(name) for name in self.probe.classes_]

    def probabilities(
        self, vectors: Float[np.ndarray, "n d"], *, clips: Int64[np.ndarray, " n"] | None = None
    ) -> Float64[np.ndarray, "m c"]:
        """Calibrated probabilities of embeddings of the same encoder, at the level that the probe was fitted on.

        Args:
            clips: with attention, where vectors are those of frames: the clip of each, numbered from 0 without a gap.

        Raises:
            InputError: an embedding is not finite.
        """
        return tempered(self.uncalibrated(vectors, clips=clips), self.temperature)

    def uncalibrated(
        self, vectors: Float[np.ndarray, "n d"], *, clips: Int64[np.ndarray, " n"] | None = None
    ) -> Float64[np.ndarray, "m c"]:
        """Probabilities before the temperature; without attention a memory map will do, which is read in pieces."""
        if isinstance(self.probe, AttentionProbe):
            if clips is None:
                raise InputError("this probe pools the frames of clips: give frames' embeddings, and `clips` of each")
            return self.probe.predict_proba(np.concatenate(list(_prepared(vectors))), clips=clips)
        found = [self.probe.predict_proba(piece) for piece in _prepared(vectors)]
        return np.concatenate(found) if found else np.empty((0, len(self.classes)))

    def sets(
        self, vectors: Float[np.ndarray, "n d"], *, clips: Int64[np.ndarray, " n"] | None = None
    ) -> Bool[np.ndarray, "m c"] | None:
        """Which classes each item's set holds, or None where no promise could be made."""
        return None if self.conformal is None else self.conformal.sets(self.probabilities(vectors, clips=clips))

    def save(self, folder: Path | str) -> None:
        """Write the model into `folder`; config.json is written last."""
        arrays = save({name: np.ascontiguousarray(array) for name, array in self.probe.to_tensors().items()})
        write_model(
            folder,
            arrays,
            schema=SCHEMA,
            version=VERSION,
            kind=self.kind,
            classes=self.classes,
            chosen=self.probe.chosen_,
            temperature=self.temperature,
            conformal=None if self.conformal is None else self.conformal._asdict(),
            about=self.about,
        )

    @classmethod
    def load(cls, folder: Path | str) -> "ProbeModel":
        """Read the model from its folder or from the run that holds it.

        Raises:
            NounError: no probe there, of another version, or a damaged file.
        """
        config, arrays = read_model(folder, schema=SCHEMA, version=VERSION, what="probe", command="probe")
        try:
            probe = KINDS[config["kind"]].from_tensors(load(arrays), classes=config["classes"], chosen=config["chosen"])
        except (SafetensorError, KeyError) as error:
            raise NounError(f"{folder} holds a probe that this version can't read ({error}); probe again") from None
        conformal = None if config["conformal"] is None else Conformal(**config["conformal"])
        return cls(config["kind"], probe, config["temperature"], conformal, config["about"])


def _prepared(vectors: Float[np.ndarray, "n d"]) -> Iterator[Float[np.ndarray, "m d"]]:
    return (prepared(piece, normalize=True) for piece in pieces(vectors))


def tempered(probabilities: Float64[np.ndarray, "n c"], temperature: float) -> Float64[np.ndarray, "n c"]:
    """softmax(log p / t)."""
    if temperature == 1:
        return probabilities
    logs = logarithms(probabilities) / temperature
    powers = np.exp(logs - logs.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def logarithms(probabilities: Float64[np.ndarray, "n c"]) -> Float64[np.ndarray, "n c"]:
    """Logarithms of probabilities; those of 0 are taken of a millionth."""
    return np.log(np.maximum(probabilities, LEAST))
