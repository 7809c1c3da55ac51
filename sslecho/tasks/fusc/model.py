"""A fitted semantic clustering: a linear head, and the scale of the embeddings that it was fitted on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from sslecho.errors import InputError
from sslecho.tasks.assignment import DISTANCES_AT_ONCE, Assignment, prepared


@dataclass(frozen=True)
class Scale:
    """Embeddings of length 1, moved to a mean of 0 and a mean squared length of 1 on the training items.

    So a learning rate means the same for every encoder. Of an embedding's length the head knows nothing: it says more
    of gain than of the view.
    """

    mean: Float32[np.ndarray, " d"]
    length: float

    @classmethod
    def of(cls, vectors: Float[np.ndarray, "n d"]) -> "Scale":
        """The scale of these embeddings.

        Raises:
            InputError: an embedding is not finite.
        """
        unit = prepared(vectors, normalize=True)
        mean = unit.mean(0, dtype=np.float64)
        left = max(0.0, float((unit.astype(np.float64) ** 2).sum(1).mean() - (mean**2).sum()))
        # Embeddings that are all alike have no scale; rounding is no scale either.
        return cls(mean.astype(np.float32), float(np.sqrt(left)) if left > 1e-10 else 1.0)

    def points(self, vectors: Float[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
        """Embeddings as the head sees them.

        Raises:
            InputError: an embedding is not finite.
        """
        points = prepared(vectors, normalize=True) - self.mean
        points /= np.float32(self.length)
        return points


@dataclass(frozen=True)
class SemanticModel:
    """Clusters with probabilities; `fit_fusc`, `fit_network` and `fit_turtle` make it.

    Attributes:
        weights: of the head, for the embeddings of all encoders side by side.
        biases: of the head, a row an encoder.
        scales: of the embeddings, one an encoder.
        prior: the share that each cluster was held to.
        criteria: the loss of every start on the items to choose by; the least one's head is here.
    """

    weights: Float32[np.ndarray, "d k"]
    biases: Float32[np.ndarray, "r k"]
    scales: Sequence[Scale]
    prior: Float64[np.ndarray, " k"]
    criteria: Float64[np.ndarray, " h"]

    @property
    def k(self) -> int:
        """The number of clusters that was asked for."""
        return self.weights.shape[1]

    def probabilities(self, vectors: Float[np.ndarray, "n d"]) -> Float32[np.ndarray, "n k"]:
        """The probability of each cluster for each embedding; of several encoders the mean of theirs.

        Args:
            vectors: embeddings of the encoders that it was fitted on, side by side.

        Raises:
            InputError: another dimension, or an embedding that is not finite.
        """
        if vectors.shape[1] != len(self.weights):
            raise InputError(
                f"the embeddings have {vectors.shape[1]} dimensions and the clusters were fitted on "
                f"{len(self.weights)}; embed with the encoder that they were fitted on"
            )
        found = np.zeros((len(vectors), self.k), np.float32)
        at_once = max(1, DISTANCES_AT_ONCE // max(self.weights.shape))
        for start in range(0, len(vectors), at_once):
            piece = vectors[start : start + at_once]
            column = 0
            for scale, bias in zip(self.scales, self.biases, strict=True):
                these = slice(column, column := column + len(scale.mean))
                logits = scale.points(piece[:, these]) @ self.weights[these] + bias
                found[start : start + at_once] += _softmax(logits)
        return found / np.float32(len(self.scales))

    def assign(self, vectors: Float[np.ndarray, "n d"]) -> Assignment:
        """The likeliest cluster of each embedding, with its probability as the confidence.

        Raises:
            InputError: another dimension, or an embedding that is not finite.
        """
        found = self.probabilities(vectors)
        return Assignment(found.argmax(1), None, found.max(1, initial=0))

    def to_tensors(self) -> dict[str, np.ndarray]:
        """All of it as named arrays."""
        return {
            "weights": self.weights,
            "biases": self.biases,
            "means": np.concatenate([scale.mean for scale in self.scales]),
            "lengths": np.array([scale.length for scale in self.scales]),
            "widths": np.array([len(scale.mean) for scale in self.scales]),
            "prior": self.prior,
            "criteria": self.criteria,
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> "SemanticModel":
        """What `to_tensors` gave."""
        means = np.split(tensors["means"], np.cumsum(tensors["widths"])[:-1])
        scales = [Scale(mean, float(length)) for mean, length in zip(means, tensors["lengths"], strict=True)]
        return cls(tensors["weights"], tensors["biases"], scales, tensors["prior"], tensors["criteria"])


def share_of_each(prior: Float64[np.ndarray, " k"], clusters: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " k"]:
    """The prior's share of each cluster: the largest cluster has the largest one."""
    sizes = np.bincount(clusters, minlength=len(prior))
    shares = np.empty(len(prior))
    shares[np.argsort(-sizes, kind="stable")] = np.sort(prior)[::-1]
    return shares


def _softmax(logits: Float32[np.ndarray, "n k"]) -> Float32[np.ndarray, "n k"]:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
