"""A linear probe: what a straight cut through the embeddings could name, had it every training label.

Logistic regression on embeddings of length 1, each dimension standardized, classes weighed alike. It is the ceiling
that clusters of the same embeddings stand below, and the one figure beside them that learns from labels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from sslecho.metrics.intervals import bootstrap_mean, too_few
from sslecho.metrics.labels import MISSING, encode, encode_groups
from sslecho.metrics.paired import balanced_accuracy
from sslecho.tasks.assignment import gathered
from sslecho.tasks.probe import STRENGTHS, LinearProbe

PLAIN = 1.0  # scikit-learn's C where there is no val to choose by
MOST = 20_000  # labels to learn from; more take minutes and change little
FOLDS = 5


def linear_probe(
    vectors: Float[np.ndarray, "n d"],
    labels: Shaped[np.ndarray, " n"] | Sequence[Any],
    *,
    unit_ids: Shaped[np.ndarray, " n"] | Sequence[Any],
    splits: Shaped[np.ndarray, " n"] | Sequence[Any] | None = None,
    unit: str = "patient",
    seed: int = 0,
) -> dict[str, Any] | None:
    """Accuracy on the test split of a probe that learned from train; without splits, over five folds of patients.

    Args:
        labels: None where there is none.
        unit_ids: the patient of each item.
        splits: "train", "val", "test" or None of each item.
        unit: what a unit is, for messages.

    Returns:
        `accuracy` with its interval over units, `balanced_accuracy`, `n`, `n_patients`, `split`, `strength`, and a
        `warning` where there are few units. None where there is nothing to learn: fewer than two classes or units.
    """
    codes = encode(labels).codes
    units = encode_groups(unit_ids, what="unit_id")
    known = codes != MISSING
    names = np.array([str(name) for name in splits]) if splits is not None else np.full(len(codes), "None")
    strengths, val = (PLAIN,), np.empty(0, np.int64)
    if (names == "None").all():
        scored = np.flatnonzero(known)
        folds = np.random.default_rng(seed).permutation(int(units.max()) + 1)[units] % FOLDS
        parts = [(np.flatnonzero(known & (folds != f)), np.flatnonzero(known & (folds == f))) for f in range(FOLDS)]
        split = "all"
    else:
        train, val, scored = (np.flatnonzero(known & (names == name)) for name in ("train", "val", "test"))
        parts, split = [(train, scored)], "test"
        if len(val):
            strengths = STRENGTHS
    parts = [(fitted, asked) for fitted, asked in parts if len(asked)]
    if not parts or any(len(np.unique(codes[fitted])) < 2 for fitted, _ in parts):
        return None
    right = np.zeros(len(codes), dtype=bool)
    probe = LinearProbe(strengths=strengths, random_state=seed)
    held = (gathered(vectors, val, normalize=True), codes[val]) if len(val) else None
    for fitted, asked in parts:
        if len(fitted) > MOST:
            fitted = np.sort(np.random.default_rng(seed).choice(fitted, MOST, replace=False))
        probe.fit(gathered(vectors, fitted, normalize=True), codes[fitted], val=held)
        right[asked] = probe.predict(gathered(vectors, asked, normalize=True)) == codes[asked]
    found = bootstrap_mean(right[scored].astype(np.float64), units[scored], rng=np.random.default_rng(seed))
    warning = too_few(found.n_units, unit=unit)
    return {
        "accuracy": found.value,
        "accuracy_low": found.low,
        "accuracy_high": found.high,
        "balanced_accuracy": balanced_accuracy(codes[scored], right[scored]),
        "strength": probe.chosen_,
        "n": len(scored),
        "n_patients": found.n_units,
        "split": split,
        **({"warning": warning} if warning else {}),
    }
