"""The first arm against each rival: leads, labels saved, and where a lead is shown.

Conventions: a lead is the first arm's figure minus the rival's, of the same patients, supports and draws. Its `low` and
`high` are a 95 % interval for itself; `all_low` and `all_high` are bounds that hold at once for every number of labels
and every rival. Only the endpoint, one lead named before the run, may be read from its own interval; sentences over
several numbers of labels ("up to 8 patients") are made from the bounds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from sslecho.evaluate.resampling import Curve, labels_needed, simultaneous
from sslecho.metrics.intervals import LEVEL, percentiles

TAIL = (1 - LEVEL) / 2


@dataclass(frozen=True)
class Lead:
    """How far the first arm is above a rival at one number of labels."""

    x: int
    value: float
    low: float
    high: float
    all_low: float
    all_high: float

    @property
    def shown(self) -> int:
        """1 where the first arm is shown to be better by the simultaneous bounds, -1 where the rival is, else 0."""
        return int(self.all_low > 0) - int(self.all_high < 0)


@dataclass(frozen=True)
class Saved:
    """What a rival needs for the figure that the first arm has with x labels; None where it does not get there.

    Attributes:
        needed: labels; `low` and `high` are its 95 % interval, where None is "not with all there are".
        at_most: the rival is there with the fewest labels that were tried.
        share_not_reached: of the draws.
    """

    x: int
    needed: float | None
    low: float | None
    high: float | None
    at_most: bool
    share_not_reached: float


def leads(numbers: Sequence[int], first: Curve, rivals: Mapping[str, Curve]) -> dict[str, list[Lead]]:
    """The leads over every rival, at every number of labels."""
    if not rivals:
        return {}
    values = np.concatenate([first.values - rival.values for rival in rivals.values()])
    draws = np.concatenate([first.draws - rival.draws for rival in rivals.values()])
    all_low, all_high = simultaneous(values, draws)
    found: dict[str, list[Lead]] = {}
    for place, (value, drawn) in enumerate(zip(values, draws, strict=True)):
        name, x = list(rivals)[place // len(numbers)], numbers[place % len(numbers)]
        bounds = float(all_low[place]), float(all_high[place])
        found.setdefault(name, []).append(Lead(x, float(value), *percentiles(drawn), *bounds))
    return found


def labels_saved(numbers: Sequence[int], first: Curve, rival: Curve) -> list[Saved]:
    """What the rival needs for what the first arm has, at every number of labels."""
    rows = []
    for place, x in enumerate(numbers):
        needed = labels_needed(numbers, rival.values, float(first.values[place]))
        drawn = np.array(
            [
                labels_needed(numbers, curve, float(target))
                for curve, target in zip(rival.draws.T, first.draws[place], strict=True)
            ]
        )
        # Order statistics, as between a number and "not reached" there is nothing to interpolate.
        low, high = np.quantile(drawn, [TAIL, 1 - TAIL], method="inverted_cdf")
        rows.append(
            Saved(
                x,
                _known(needed),
                _known(low),
                _known(high),
                at_most=needed == numbers[0],
                share_not_reached=float(np.isinf(drawn).mean()),
            )
        )
    return rows


def where_shown(leads: Sequence[Lead], sign: int) -> list[tuple[int, int]]:
    """The stretches of neighboring numbers of labels at which a lead (1) or a lag (-1) is shown, as first and last."""
    stretches: list[tuple[int, int]] = []
    before = False
    for lead in leads:
        here = lead.shown == sign
        if here:
            stretches = [*stretches[:-1], (stretches[-1][0], lead.x)] if before else [*stretches, (lead.x, lead.x)]
        before = here
    return stretches


def curve_interval(curve: Curve, place: int) -> tuple[float | None, float | None]:
    """The 95 % interval at one number of labels, within [0, 1]; None where no draw has the figure."""
    drawn: Float64[np.ndarray, " d"] = curve.draws[place]
    return percentiles(drawn.clip(0, 1)) if np.isfinite(drawn).any() else (None, None)


def _known(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
