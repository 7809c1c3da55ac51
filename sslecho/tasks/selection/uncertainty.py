"""How little the labels so far settle each clip: margin or entropy of a quick probe.

    margin    1 - (p1 - p2), the two most probable classes (Scheffer, Decomain & Wrobel, IDA 2001)
    entropy   - sum_c p_c log p_c / log C (Settles, "Active learning literature survey", 2009, section 3.1)

Both are 0 where the probe is sure and 1 where it can't tell: between two classes, or between all of them. The probe is
a logistic regression on standardized embeddings with classes weighted alike; its probabilities rank, and are not
calibrated.
"""

import warnings
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float32, Float64, Int64

ROWS_AT_ONCE = 1 << 15
STANDARDIZED_ON = 20_000  # rows that tell mean and spread
ITERATIONS = 1000


def quick_probe(
    vectors: Float32[np.ndarray, "n d"],
    rows: Int64[np.ndarray, " m"],
    codes: Int64[np.ndarray, " m"],
    *,
    rng: np.random.Generator,
) -> Callable[[Float32[np.ndarray, "q d"]], Float64[np.ndarray, "q c"]]:
    """Fit a probe on some rows; returns what gives the classes' probabilities of any vectors, a little at a time.

    Args:
        vectors: all of them: with so few labels, mean and spread of each dimension come from all.
        rows: those with a label.
        codes: their classes, 0 to c - 1, at least two of them.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    sample = vectors
    if len(vectors) > STANDARDIZED_ON:
        sample = vectors[np.sort(rng.choice(len(vectors), STANDARDIZED_ON, replace=False))]
    mean, spread = sample.mean(0), sample.std(0)
    # A dimension that never changes is rounding, and must not be blown up.
    scale = np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0).astype(np.float32)
    model = LogisticRegression(class_weight="balanced", max_iter=ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a quick probe may stop early
        model.fit((vectors[rows] - mean) * scale, codes)

    def probabilities(queries: Float32[np.ndarray, "q d"]) -> Float64[np.ndarray, "q c"]:
        pieces = [
            model.predict_proba((queries[start : start + ROWS_AT_ONCE] - mean) * scale)
            for start in range(0, len(queries), ROWS_AT_ONCE)
        ]
        return np.concatenate([np.empty((0, len(model.classes_))), *pieces]).astype(np.float64)

    return probabilities


def margin(probabilities: Float64[np.ndarray, "q c"]) -> Float64[np.ndarray, " q"]:
    """1 - the lead of the most probable class."""
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    return 1 - (first - second)


def entropy(probabilities: Float64[np.ndarray, "q c"]) -> Float64[np.ndarray, " q"]:
    """Entropy as a share of the highest, that of even probabilities."""
    logs = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
    return np.maximum(0, -(probabilities * logs).sum(1) / np.log(probabilities.shape[1]))


MEASURES: Mapping[str, Callable[[Float64[np.ndarray, "q c"]], Float64[np.ndarray, " q"]]] = {
    "margin": margin,
    "entropy": entropy,
}
