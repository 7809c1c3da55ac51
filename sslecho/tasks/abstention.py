"""From which confidence on a label may be given, so that a stated share of those given is right.

Labels of patients that were left out say how often the diffusion is right at each confidence. A patient's items are
alike, so patients are the trials: of the items above a threshold, m_p of patient p, the effective number of patients is
(sum m)^2 / sum m^2 (Kish 1965), and the bound is that of Clopper & Pearson on so many trials.

Thresholds are tested one after another, from the most confident items to the least, each at the full confidence; the
first that fails ends it. With such a fixed sequence the chance that any accepted threshold falls short is at most
1 - confidence: Angelopoulos, Bates, Candès, Jordan & Lei 2021, "Learn then test", section 3.3. The first set is the
most confident half of the items, or more of them where that is fewer patients than one error allows: a smaller set
would fail by a single wrong label.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from sslecho.metrics.audit_sample import effective_units_so_far, lower_bounds, sample_size

STEPS = 20  # from the first set of items to all of them


@dataclass(frozen=True)
class Threshold:
    """The least confidence at which a label is given.

    Attributes:
        value: infinity where no label can be given.
        holds: whether the precision is kept at the stated confidence; otherwise `value` is only where the precision
            on patients that were left out comes to the target.
        precision: the share of right labels above it, among patients left out; None where none is above.
        at_least: the lower bound of that share.
        coverage: the share of the items of patients left out that is above it.
        n_patients: how many patients the items above it are of; not the effective number.
        warning: why nothing is promised, or None.
    """

    value: float
    holds: bool
    precision: float | None
    at_least: float
    coverage: float
    n_patients: int
    warning: str | None


def choose_threshold(
    confidences: Float[np.ndarray, "n"],
    right: Bool[np.ndarray, "n"],
    units: Int[np.ndarray, "n"],
    *,
    precision: float,
    confidence: float = 0.95,
    unit: str = "patient",
) -> Threshold:
    """The least confidence from which on `precision` is kept, at the stated confidence.

    Args:
        confidences: of items whose patient's labels were left out; minus infinity where nothing reached them.
        right: whether their most probable class is the one they were given.
        units: the patient of each.
        precision: the share of labels that is to be right, in (0, 1).
        unit: what a unit is, for the warning.
    """
    order = np.argsort(-confidences, kind="stable")
    ranked = confidences[order]
    # Items of equal confidence stand or fall together: sets end where it changes.
    ends = np.flatnonzero(np.isfinite(ranked) & np.append(ranked[1:] != ranked[:-1], True))
    sets = _Sets.of(right[order], units[order], ends, confidence)
    fewest = sample_size(precision, confidence=confidence)
    enough = np.flatnonzero(sets.n_units >= fewest)
    accepted = _last_accepted(sets, enough, len(right), precision, confidence)
    warning = None
    if accepted is None:
        warning = _why_not(sets, enough, fewest, precision, confidence, unit)
        fair = np.flatnonzero(sets.precision >= precision)
        if not len(fair):
            return Threshold(
                np.inf, False, None, 0.0, 0.0, 0, f"{warning}. No label reaches it, and none is propagated"
            )
        accepted = int(fair[-1])
    end = int(ends[accepted])
    return Threshold(
        value=float(ranked[end]),
        holds=warning is None,
        precision=float(sets.precision[accepted]),
        at_least=float(sets.at_least[accepted]),
        coverage=(end + 1) / len(right),
        n_patients=len(np.unique(units[order[: end + 1]])),
        warning=warning,
    )


class _Sets(NamedTuple):
    """The most confident items, up to each end, and what is known of their labels."""

    sizes: np.ndarray
    precision: np.ndarray
    n_units: np.ndarray
    at_least: np.ndarray

    @classmethod
    def of(cls, right: np.ndarray, units: np.ndarray, ends: np.ndarray, confidence: float) -> "_Sets":
        precision = (np.cumsum(right) / np.arange(1, len(right) + 1))[ends]
        n_units = effective_units_so_far(units)[ends]
        at_least = lower_bounds((1 - precision) * n_units, n_units, confidence=confidence)
        return cls(ends + 1, precision, n_units, at_least)


def _last_accepted(sets: _Sets, enough: np.ndarray, n: int, precision: float, confidence: float) -> int | None:
    """The largest set of the sequence before the first that fails."""
    if not len(enough):
        return None
    for_one_error = sample_size(precision, errors=1, confidence=confidence)
    comfortable = enough[(sets.n_units[enough] >= for_one_error) & (sets.sizes[enough] >= n / 2)]
    start = comfortable[0] if len(comfortable) else enough[-1]
    sequence = np.unique(np.linspace(start, len(sets.sizes) - 1, STEPS).round().astype(int))
    passed = np.cumprod(sets.at_least[sequence] >= precision)
    return int(sequence[passed.sum() - 1]) if passed[0] else None


def _why_not(sets: _Sets, enough: np.ndarray, fewest: int, precision: float, confidence: float, unit: str) -> str:
    if len(enough):
        reason = f"no threshold keeps a precision of {precision:g} at {confidence:.0%} confidence on {unit}s left out"
    else:
        reason = (
            f"the given labels are of too few {unit}s to promise a precision of {precision:g} at {confidence:.0%} "
            f"confidence: they count for {sets.n_units.max(initial=0):.0f}, and at least {fewest} are needed"
        )
    return f"{reason}; the threshold is an estimate: check the audit sample before you rely on it"
