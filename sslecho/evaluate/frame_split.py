"""What a split by frames would have claimed: a warning, never a result.

Frames of a clip are all but the same picture. Where they are dealt to training and test at random, a classifier is
asked what it has seen; the figure says how much of a published one may be that.
"""

from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from sslecho.metrics.classification import classification_scores
from sslecho.tasks.probe import LinearProbe

MOST = 20_000  # frames; more take minutes and change little
SAID = (
    "WARNING, not a result: frames of the same clips are in training and test; a split by frames would have claimed "
    "these figures"
)


def split_by_frames(
    vectors: Float32[np.ndarray, "n d"],
    codes: Int64[np.ndarray, " n"],
    *,
    units: Int64[np.ndarray, " n"],
    test_share: float,
    seed: int,
) -> dict[str, Any] | None:
    """The figures of a linear probe whose training and test frames were dealt at random, without intervals.

    Args:
        vectors: embeddings of frames.
        codes: the class of each.
        units: the patient of each; to say how many of those that are tested were learned from.
        test_share: of the frames.

    Returns:
        `macro_f1`, `balanced_accuracy`, `auroc`, `n` and `n_patients` tested, `n_patients_learned` of these; `said`.
        None where a single class is left to learn from.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(codes))[:MOST]
    test, train = np.split(order, [max(1, round(test_share * len(order)))])
    test = test[np.isin(codes[test], codes[train])]
    if len(np.unique(codes[train])) < 2 or not len(test):
        return None
    probe = LinearProbe(random_state=seed).fit(vectors[train], codes[train])  # folds by frame too, as such a study has
    truth = np.searchsorted(probe.classes_, codes[test])
    scores = classification_scores(
        truth,
        probe.predict_proba(vectors[test]),
        names=[str(code) for code in probe.classes_],
        units=units[test],
        rng=rng,
        n_draws=1,
    )
    return {
        **{name: scores[name] for name in ("macro_f1", "balanced_accuracy", "auroc")},
        "n": len(test),
        "n_patients": len(np.unique(units[test])),
        "n_patients_learned": len(np.intersect1d(units[test], units[train])),
        "said": SAID,
    }
