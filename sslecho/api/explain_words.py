"""What the figures of `explain` mean, in words: what lies outside the sector, the heart, and the maps' own control."""

from collections.abc import Mapping
from typing import Any

from sslecho.tasks.explain.randomized import ALIKE
from sslecho.tasks.explain.saliency import MAPS


def is_accused(occlusion: Mapping[str, Any]) -> bool | None:
    """Whether the classifier is shown to use what lies outside the sector; None where that could not be asked.

    Exchanged surroundings decide. Where the store has none to exchange, black ones do, which then change next to
    nothing.
    """
    blank, exchange = occlusion["outside"]["blank"], occlusion["outside"]["exchange"]
    if "reason" not in exchange:
        return bool(exchange["exchange_drop_shown"])
    if "reason" not in blank:
        return bool(blank["outside_drop_shown"])
    return None


def verdicts(
    occlusion: Mapping[str, Any], maps: Mapping[str, Mapping[str, Any]], *, heart: str, unit: str
) -> list[str]:
    """One sentence for each question."""
    return [
        _outside(occlusion, unit=unit),
        _heart(occlusion["heart"], heart, unit=unit),
        *(_control(name, row) for name, row in maps.items() if name in MAPS),
    ]


def figure(row: Mapping[str, Any], name: str, *, signed: bool = False) -> str:
    """.42 (.31–.53)."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = "" if low is None else f" ({_short(low, signed=signed)} to {_short(high, signed=signed)})"
    return _short(row[name], signed=signed) + interval


def _outside(occlusion: Mapping[str, Any], *, unit: str) -> str:
    blank, exchange = occlusion["outside"]["blank"], occlusion["outside"]["exchange"]
    if "reason" in blank:
        return f"outside the sector: not asked: {blank['reason']}"
    black = f"black surroundings cost {figure(blank, 'outside_drop', signed=True)} of accuracy"
    if "reason" in exchange:
        if blank["outside_drop_shown"]:
            return f"outside the sector: SHORTCUT SHOWN: {black}"
        return f"outside the sector: no shortcut shown: {black}; {exchange['reason']}"
    fell = (
        f"accuracy is {figure(exchange, 'accuracy_alike')} with surroundings of a clip of the same label and "
        f"{figure(exchange, 'accuracy_unlike')} with those of another label, a fall of "
        f"{figure(exchange, 'exchange_drop', signed=True)}"
    )
    if exchange["exchange_drop_shown"]:
        return f"outside the sector: SHORTCUT SHOWN: the classifier reads the label there: {fell}; {black}"
    few = "" if exchange["detectable"] else f" (nor could {exchange['n_patients']} {unit}s show one)"
    strange = ""
    if blank["outside_drop_shown"]:
        strange = ": the classifier misses them, but is not shown to read the label there"
    return f"outside the sector: no shortcut shown{few}: {fell}; {black}{strange}"


def _heart(row: Mapping[str, Any], heart: str, *, unit: str) -> str:
    if "reason" in row:
        return f"the heart: not asked: {row['reason']}"
    drops = [figure(row, name, signed=True) for name in ("heart_drop", "background_drop", "heart_minus_background")]
    cost = f"covering {heart} costs {drops[0]} of accuracy, as much background {drops[1]}; difference {drops[2]}"
    if row["heart_minus_background_shown"]:
        return f"the heart: MATTERS MORE THAN BACKGROUND: {cost}"
    few = "" if row["detectable"] else f" (nor could {row['n_patients']} {unit}s show it)"
    return f"the heart: not shown to matter more than background{few}: {cost}"


def _control(name: str, row: Mapping[str, Any]) -> str:
    if row["random_correlation"] is None:
        return f"{name}: not compared with a random network: its maps, or that one's, are the same all over"
    n = row["random_correlation_n"]
    said = (
        f"rank correlation with the maps of a network with random weights {figure(row, 'random_correlation')}, n = {n}"
    )
    if row["random_correlation"] > ALIKE:
        return f"{name}: SHOWS THE PICTURE MORE THAN THE NETWORK: {said}; believe none of its maps"
    return f"{name}: its maps are those of this network: {said}"


def _short(value: float, *, signed: bool = False) -> str:
    text = f"{value:+.2f}" if signed else f"{value:.2f}"
    text = text.replace("+0.", "+.").replace("-0.", "−.").removeprefix("0")
    return ".00" if text in ("+.00", "−.00") else text
