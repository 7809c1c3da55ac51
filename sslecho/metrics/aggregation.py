"""What a clip is, from what a network says of its windows.

With logits o of window w, K classes, evidence e = softplus(o), prior l and all sums over the windows of one clip:

    vote             p_c = (windows that answer c + mean_w p_wc) / (windows + 1)
    mean             p   = mean_w p_w
    evidence         alpha = sum_w e_w + l,  p = alpha / sum_c alpha_c,  u = K l / sum_c alpha_c
    min-uncertainty  p   = that of the window with the least u

    evidential       p_w = (e_w + l) / (sum_c e_wc + K l),  u_w = K l / (sum_c e_wc + K l)
    else             p_w = softmax(o_w),                    u_w = 1 - max_c p_wc

Conventions. **Vote**: the windows' mean probability counts as one window more. So equal votes are decided by it, no
majority is overturned, and no probability is 0. **Evidence**: the prior is that of the clip and is added once. Added
with every window, as the published code of STFM does, n windows that saw nothing would have u = 1 / n, as if they had
seen something. Only a network that was trained with an evidential loss has evidence; of another one it is refused.
**Uncertainty** by vote and by mean: the mean of its windows' where they are evidential, else 1 - the mean probability
of the answer.

**Ties** are decided by the classes, never by the order of the windows: sums are taken in order of size, so that equal
windows in any order sum to the same last bit, and of equal classes the first wins. Of windows with equal u the one with
the higher p of the first class wins, then of the second, and so on.

The sums are over a clip's own windows, however many: 1 or more. Sources: vote, Madani et al. 2018; evidence, Li et al.,
"EV9V" (STFM); p and u, `objectives/evidence.py`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import softmax

from sslecho.errors import InputError

AGGREGATES = ("vote", "mean", "evidence", "min-uncertainty")
PRIOR = 0.8


class Aggregated(NamedTuple):
    """Of each clip.

    Attributes:
        probabilities: of each class; they sum to 1.
        uncertainty: in [0, 1], higher where less is known; a temperature does not change it.
        answer: the class with the highest probability.
        n_windows: how many were aggregated.
    """

    probabilities: Float64[np.ndarray, "n c"]
    uncertainty: Float64[np.ndarray, " n"]
    answer: Int64[np.ndarray, " n"]
    n_windows: Int64[np.ndarray, " n"]


class Windows(NamedTuple):
    """p and u of each window."""

    probabilities: Float64[np.ndarray, "n c"]
    uncertainty: Float64[np.ndarray, " n"]


def aggregate(
    logits: Float64[np.ndarray, "n c"],
    clip_of_row: Int64[np.ndarray, " n"],
    n_clips: int,
    *,
    how: str,
    evidential: bool,
    prior: float = PRIOR,
    temperature: float = 1.0,
) -> Aggregated:
    """One answer a clip.

    Args:
        logits: of each window.
        clip_of_row: which clip it is of: 0 to n_clips - 1, in any order.
        how: one of `AGGREGATES`.
        evidential: whether the network was trained with a loss of `objectives/evidence.py`.
        prior: l above.
        temperature: that the clips' log probabilities are divided by, as `calibration.fit_temperature` finds it for
            those of this same `how` at 1. It changes no answer.

    Raises:
        InputError: no such aggregate, or one that the network does not have; a clip without a window; a logit that is
            no number; a prior or temperature that is not above 0.
    """
    if how not in AGGREGATES:
        raise InputError(f"aggregate {how!r} does not exist; choose one of: {', '.join(AGGREGATES)}")
    if how == "evidence" and not evidential:
        raise InputError(
            "--aggregate evidence sums the evidence of an evidential loss, and this network was trained with another; "
            "choose vote, mean or min-uncertainty"
        )
    if not temperature > 0:
        raise InputError(f"temperature is {temperature}; it must be above 0")
    windows = of_windows(logits, evidential=evidential, prior=prior)
    if ((clip_of_row < 0) | (clip_of_row >= n_clips)).any():
        raise InputError(f"a window is of clip {clip_of_row.max()} or {clip_of_row.min()}, and there are {n_clips}")
    n_windows = np.bincount(clip_of_row, minlength=n_clips).astype(np.int64)
    if (n_windows == 0).any():
        raise InputError(f"clip {int((n_windows == 0).argmax())} has no window; every clip needs 1 or more")
    p, u = _fuse(logits, windows, clip_of_row, n_windows, how=how, evidential=evidential, prior=prior)
    answer = p.argmax(1).astype(np.int64)
    if temperature != 1:
        p = softmax(np.log(np.maximum(p, np.finfo(np.float64).tiny)) / temperature, axis=1)
    return Aggregated(p, u, answer, n_windows)


def of_windows(logits: Float64[np.ndarray, "n c"], *, evidential: bool, prior: float = PRIOR) -> Windows:
    """Probabilities and uncertainty of each window.

    Raises:
        InputError: a logit that is no number, or a prior that is not above 0.
    """
    if not prior > 0:
        raise InputError(f"prior is {prior}; it must be above 0")
    if not np.isfinite(logits).all():
        raise InputError("a logit is no number (NaN or infinite); look for the clip that the network fails on")
    if evidential:
        return _dirichlet(_evidence(logits), prior)
    p = softmax(logits, axis=1)
    return Windows(p, 1 - p.max(1))


def _fuse(
    logits: Float64[np.ndarray, "n c"],
    windows: Windows,
    clip: Int64[np.ndarray, " n"],
    n_windows: Int64[np.ndarray, " k"],
    *,
    how: str,
    evidential: bool,
    prior: float,
) -> Windows:
    n_clips, p = len(n_windows), windows.probabilities
    if how == "evidence":
        return _dirichlet(_sums(_evidence(logits), clip, n_clips), prior)
    if how == "min-uncertainty":
        # The last key decides first: the clip, then u, then p of the first class, and so on to that of the last.
        order = np.lexsort((*-p.T[::-1], windows.uncertainty, clip))
        best = order[np.unique(clip[order], return_index=True)[1]]
        return Windows(p[best], windows.uncertainty[best])
    mean = _sums(p, clip, n_clips) / n_windows[:, None]
    fused = mean
    if how == "vote":
        votes = np.zeros_like(mean)
        np.add.at(votes, (clip, p.argmax(1)), 1)
        fused = (votes + mean) / (n_windows[:, None] + 1)
    if evidential:
        return Windows(fused, _sums(windows.uncertainty[:, None], clip, n_clips)[:, 0] / n_windows)
    return Windows(fused, 1 - mean[np.arange(n_clips), fused.argmax(1)])


def _evidence(logits: Float64[np.ndarray, "n c"]) -> Float64[np.ndarray, "n c"]:
    return np.logaddexp(0, logits)


def _dirichlet(evidence: Float64[np.ndarray, "n c"], prior: float) -> Windows:
    total = evidence.sum(1) + evidence.shape[1] * prior
    return Windows((evidence + prior) / total[:, None], evidence.shape[1] * prior / total)


def _sums(
    values: Float64[np.ndarray, "n c"], clip: Int64[np.ndarray, " n"], n_clips: int
) -> Float64[np.ndarray, "k c"]:
    """Of each clip and column; addends in order of size, so that the order of rows does not reach the last bit."""
    columns = []
    for column in values.T:
        order = np.lexsort((column, clip))
        columns.append(np.bincount(clip[order], column[order], minlength=n_clips))
    return np.stack(columns, axis=1)
