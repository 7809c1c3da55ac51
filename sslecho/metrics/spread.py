"""How embeddings spread: the alarms for a collapsed encoder. No labels are needed.

Conventions: vectors are rows, and no figure depends on their order. All but `effective_rank` see the directions or the
vectors as they are, with what they have in common; `effective_rank` leaves a common offset out. A collapse has two
forms. All vectors alike: `std_ratio` is near 0, `rankme` near 1, while `effective_rank` tells of the rounding that is
left. All vectors on one line or in few dimensions: `effective_rank` is near 1 or small, and `std_ratio` says nothing.
"""

import numpy as np
from jaxtyping import Float, Float64
from scipy.special import logsumexp

TINY = 1e-7  # RankMe's epsilon, for float32


def effective_rank(vectors: Float[np.ndarray, "n d"]) -> float:
    """exp of the entropy of the singular values' shares, from 1 (collapsed) to min(n, d).

    Roy and Vetterli 2007, "The effective rank: a measure of effective dimensionality", definition 1, on
    centered vectors: a common offset is no information.
    """
    centered = vectors.astype(np.float64) - vectors.astype(np.float64).mean(0)
    singular = np.linalg.svd(centered, compute_uv=False)
    total = singular.sum()
    if not total > 0:
        return 1.0
    share = singular / total
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def rankme(vectors: Float[np.ndarray, "n d"]) -> float:
    """The published figure of the same kind: not centered, so a common offset counts as a direction, the largest one.

    Garrido et al. 2023, "RankMe: assessing the downstream performance of pretrained self-supervised representations by
    their rank", equations 1 and 2: p = singular values over their sum, plus epsilon; exp of -sum p log p.
    """
    singular = np.linalg.svd(vectors.astype(np.float64), compute_uv=False)
    total = singular.sum()
    share = (singular / total if total > 0 else singular) + TINY
    return max(1.0, float(np.exp(-(share * np.log(share)).sum())))


def std_ratio(vectors: Float[np.ndarray, "n d"]) -> float:
    """Mean over the dimensions of the directions' standard deviation, times sqrt(d).

    Chen and He 2021, "Exploring simple siamese representation learning", section 4.1: near 1 where directions are
    even over the sphere, 0 where all are the same. Embeddings that no head has centered share a direction (those after
    a ReLU have no negative number), so healthy ones lie well below 1.
    """
    directions = _directions(vectors)
    return float(directions.std(0).mean() * np.sqrt(vectors.shape[1]))


def alignment(first: Float[np.ndarray, "n d"], second: Float[np.ndarray, "n d"]) -> float:
    """Mean squared distance of the directions of positive pairs: 0 where they agree, 2 where they are unrelated.

    Wang and Isola 2020, "Understanding contrastive representation learning through alignment and uniformity on the
    hypersphere", equation 4 with alpha 2. A collapsed encoder has 0: it means nothing without `uniformity`.

    Args:
        first, second: row i of both is a positive pair.
    """
    return float(((_directions(first) - _directions(second)) ** 2).sum(1).mean())


def uniformity(vectors: Float[np.ndarray, "n d"]) -> float:
    """Log of the mean of exp(-2 |x - y|^2) over all pairs of directions: 0 where all are the same, -4 at best.

    Wang and Isola 2020, equation 5 with t 2; over pairs of different vectors, as in their code. About -4 is reached by
    unrelated directions in many dimensions.
    """
    directions = _directions(vectors)
    upper = np.triu_indices(len(directions), 1)
    if not len(upper[0]):
        return 0.0
    squared = np.maximum(2 - 2 * (directions @ directions.T)[upper], 0)
    return float(logsumexp(-2 * squared) - np.log(len(squared)))


def _directions(vectors: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    x = vectors.astype(np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(np.float64).tiny)
