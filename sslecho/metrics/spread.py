"""How many directions embeddings use: the alarm for a collapsed encoder."""

import numpy as np
from jaxtyping import Float


def effective_rank(vectors: Float[np.ndarray, "n d"]) -> float:
    """exp of the entropy of the singular values' shares, from 1 (collapsed) to min(n, d).

    Roy and Vetterli 2007, "The effective rank: a measure of effective dimensionality", definition 1, on
    centered vectors: a common offset is no information.
    """
    centered = vectors.astype(np.float64) - vectors.mean(0)
    singular = np.linalg.svd(centered, compute_uv=False)
    total = singular.sum()
    if not total > 0:
        return 1.0
    share = singular / total
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))
