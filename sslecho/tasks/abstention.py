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

import numpy as np
from jaxtyping import Bool, Float, Int

from sslecho.metrics.audit_sample import effective_units, lower_bound, sample_size

STEPS = 20  # from the first set of items to all of them
MOST_SETS = 400  # thresholds that are looked at


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
    n = len(right)
    order = np.argsort(-confidences, kind="stable")
    ends = _ends(confidences[order])
    tested = [_Set(order[:end], right, units, confidence) for end in ends]
    fewest = sample_size(precision, confidence=confidence)
    enough = [i for i, chosen in enumerate(tested) if chosen.n_units >= fewest]
    accepted = None
    if enough:
        for_one_error = sample_size(precision, errors=1, confidence=confidence)
        comfortable = [i for i in enough if tested[i].n_units >= for_one_error and len(tested[i].rows) >= n / 2]
        start = comfortable[0] if comfortable else enough[-1]
        for i in np.unique(np.linspace(start, len(tested) - 1, STEPS).round().astype(int)).tolist():
            if tested[i].at_least < precision:
                break
            accepted = i
    if accepted is not None:
        return _threshold(tested[accepted], confidences, n, warning=None)
    if not enough:
        has = max((chosen.n_units for chosen in tested), default=0.0)
        reason = (
            f"the given labels are of too few {unit}s to promise a precision of {precision:g} at {confidence:.0%} "
            f"confidence: they count for {has:.0f}, and at least {fewest} are needed"
        )
    else:
        reason = f"no threshold keeps a precision of {precision:g} at {confidence:.0%} confidence on {unit}s left out"
    reason += "; the threshold is an estimate: check the audit sample before you rely on it"
    fair = [chosen for chosen in tested if chosen.precision >= precision]
    if not fair:
        return Threshold(np.inf, False, None, 0.0, 0.0, 0, f"{reason}. No label reaches it, and none is propagated")
    return _threshold(fair[-1], confidences, n, warning=reason)


class _Set:
    """The most confident items, and what is known of their labels."""

    def __init__(self, rows: np.ndarray, right: np.ndarray, units: np.ndarray, confidence: float):
        self.rows = rows
        self.precision = float(right[rows].mean())
        self.n_units = effective_units(units[rows])
        self.at_least = lower_bound((1 - self.precision) * self.n_units, self.n_units, confidence=confidence)
        self.n_patients = len(np.unique(units[rows]))


def _ends(ranked: Float[np.ndarray, "n"]) -> list[int]:
    """How many items lie above each distinct confidence that is finite: equal ones stand or fall together."""
    finite = ranked[np.isfinite(ranked)]
    if not len(finite):
        return []
    ends = np.append(np.flatnonzero(np.diff(finite)) + 1, len(finite))
    return ends[np.unique(np.linspace(0, len(ends) - 1, MOST_SETS).round().astype(int))].tolist()


def _threshold(chosen: _Set, confidences: np.ndarray, n: int, *, warning: str | None) -> Threshold:
    value = float(confidences[chosen.rows].min())
    coverage = len(chosen.rows) / n
    return Threshold(value, warning is None, chosen.precision, chosen.at_least, coverage, chosen.n_patients, warning)
