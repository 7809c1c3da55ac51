"""What a classifier that has learned new classes still knows of the old ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from sslecho.metrics.paired import paired_accuracy


def forgetting(
    then: Float64[np.ndarray, "n c"],
    now: Float64[np.ndarray, "n k"],
    truth: Int64[np.ndarray, " n"],
    units: Int64[np.ndarray, " n"],
    *,
    classes: Sequence[str],
) -> dict[str, Any] | None:
    """Balanced accuracy on test items of the old classes: then, now, and the paired difference now - then.

    `now_among_old` lets the new classifier choose among the old classes only: what new classes took is then no loss.

    Args:
        then: probabilities of test items by the old classifier.
        now: by the new one, the old classes first.
        truth: the class of each item.
        units: the patient of each item.
        classes: the old ones.

    Returns:
        None where the test split has no item of an old class.
    """
    asked = truth < len(classes)
    if not asked.any():
        return None
    answers = (now.argmax(1), then.argmax(1), now[:, : len(classes)].argmax(1))
    right = np.stack([answer[asked] == truth[asked] for answer in answers], axis=1)
    found = paired_accuracy(truth[asked], right, unit_ids=units[asked], rng=np.random.default_rng(0))
    alone = found.difference[1].n_units < 2
    return {
        "classes": list(classes),
        "before": found.accuracy[1].value,
        "now": found.accuracy[0].value,
        "now_among_old": found.accuracy[2].value,
        "difference": found.difference[1].value,
        "difference_low": None if alone else found.difference[1].low,
        "difference_high": None if alone else found.difference[1].high,
        "n": int(asked.sum()),
        "n_patients": found.difference[1].n_units,
    }
