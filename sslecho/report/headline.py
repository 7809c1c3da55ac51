"""The result in words: how good, against what, and whether it may be called better.

Two intervals that don't overlap are called a difference; anything else is not. That is strict (a paired comparison
over several seeds finds smaller differences), and right for one run with one seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BASELINE_NAMES = {"pixels": "raw pixels", "random": "the untrained encoder"}
BETTER, HIGHER, NOT_HIGHER, WORSE = "better", "higher", "not higher", "worse"


@dataclass(frozen=True)
class Comparison:
    """One baseline beside the encoder: `verdict` is better, higher (intervals overlap), not higher, or worse."""

    name: str
    value: float
    low: float | None
    high: float | None
    verdict: str


@dataclass(frozen=True)
class Headline:
    """What the page says first.

    Attributes:
        title: the finding in one line.
        sentences: the figures and what they were held against.
        comparisons: one a baseline.
        warnings: what keeps the figures from being believed.
        entry: the results of the k that is spoken of.
    """

    title: str
    sentences: list[str]
    comparisons: list[Comparison]
    warnings: list[str]
    entry: dict[str, Any]


def headline(
    results: Sequence[Mapping[str, Any]],
    baselines: Mapping[str, Sequence[Mapping[str, Any]] | None],
    *,
    k: int,
    most_frequent: float | None,
    level: str = "clip",
    unit: str = "patient",
) -> Headline:
    """Say what the results of one k show.

    Args:
        results: the encoder's figures, one entry a k.
        baselines: the same for each baseline; None where it could not be scored.
        k: which entry is spoken of.
        most_frequent: share of the most frequent label among the scored items.
        level: what an item is: "clip" or "frame".
        unit: whose independence the interval assumes.
    """
    entry = dict(_entry(results, k) or {})
    value, low, high = (entry.get(name) for name in ("transfer_purity", "transfer_purity_low", "transfer_purity_high"))
    warnings = [str(entry["warning"])] if entry.get("warning") else []
    if value is None:
        return Headline(
            "Transfer purity could not be had",
            [f"Purity is {percent(entry.get('purity'))} at k = {k}; without further {unit}s it says little."],
            [],
            warnings,
            entry,
        )
    compared = [
        _compare(name_of(name), _entry(entries or [], k), value, low, high) for name, entries in baselines.items()
    ]
    comparisons = [one for one in compared if one is not None]
    missing = [name_of(name) for name, one in zip(baselines, compared, strict=True) if one is None]
    above = most_frequent is not None and low is not None and low > most_frequent
    sentences = [
        f"With k = {k}, clusters named on one half of the {unit}s give the right label to {percent(value)} of the "
        f"other half’s {level}s (95 % interval {_interval(low, high)}); {percent(entry.get('coverage'))} of these lie "
        "in a cluster that got a name."
    ]
    if most_frequent is not None:
        relation = "clearly more than" if above else "not clearly more than"
        sentences.append(
            f"That is {relation} the {percent(most_frequent)} of giving every {level} the most frequent label."
        )
    sentences += [_sentence(one) for one in comparisons]
    if missing:
        sentences.append(f"Not scored, so not compared: {_listed(missing)}.")
    if entry.get("purity") is not None and entry.get("purity_chance") is not None:
        sentences.append(
            f"Purity itself is {percent(entry['purity'])}; with the labels of whole clips shuffled it is "
            f"{percent(entry['purity_chance'])}."
        )
    return Headline(_title(comparisons, above, unit), sentences, comparisons, warnings, entry)


def name_of(baseline: str) -> str:
    """What a baseline is called in prose; those that the user named keep their names."""
    return BASELINE_NAMES.get(baseline, baseline)


def percent(share: float | None) -> str:
    """A share as a whole percentage, or a dash where there is none."""
    return "–" if share is None else f"{100 * share:.0f} %"


def _entry(entries: Sequence[Mapping[str, Any]], k: int) -> Mapping[str, Any] | None:
    return next((entry for entry in entries if entry["k"] == k), None)


def _compare(
    name: str, entry: Mapping[str, Any] | None, value: float, low: float | None, high: float | None
) -> Comparison | None:
    if entry is None or entry.get("transfer_purity") is None:
        return None
    other = float(entry["transfer_purity"])
    other_low, other_high = entry.get("transfer_purity_low"), entry.get("transfer_purity_high")
    if low is not None and other_high is not None and low > other_high:
        verdict = BETTER
    elif high is not None and other_low is not None and high < other_low:
        verdict = WORSE
    else:
        verdict = HIGHER if value > other else NOT_HIGHER
    return Comparison(name, other, other_low, other_high, verdict)


def _sentence(one: Comparison) -> str:
    said = f"{one.name[0].upper()}{one.name[1:]}: {percent(one.value)} ({_interval(one.low, one.high)})"
    return {
        BETTER: f"{said}. Clearly lower: the intervals do not overlap.",
        HIGHER: f"{said}. Lower, but the intervals overlap: this run does not show a gain.",
        NOT_HIGHER: f"{said}. Not lower, so there is no gain.",
        WORSE: f"{said}. Clearly higher: the intervals do not overlap.",
    }[one.verdict]


def _title(comparisons: list[Comparison], above: bool, unit: str) -> str:
    by = {verdict: [one.name for one in comparisons if one.verdict == verdict] for verdict in
          (BETTER, HIGHER, NOT_HIGHER, WORSE)}  # fmt: skip
    if by[WORSE]:
        verb = "cluster" if by[WORSE] == ["raw pixels"] or len(by[WORSE]) > 1 else "clusters"
        return _capital(f"{_listed(by[WORSE])} {verb} better than this encoder")
    if not above:
        return f"The clusters are not shown to hold in other {unit}s"
    if not comparisons:
        return f"The clusters hold in other {unit}s, with nothing to compare them with"
    if len(by[BETTER]) == len(comparisons):
        return f"The clusters hold in other {unit}s, and beat {_listed(by[BETTER])}"
    unclear = _listed(by[HIGHER] + by[NOT_HIGHER])
    if by[BETTER]:
        return f"The clusters beat {_listed(by[BETTER])}; no clear gain over {unclear}"
    return f"The clusters hold in other {unit}s, with no clear gain over {unclear}"


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _interval(low: float | None, high: float | None) -> str:
    return "no interval" if low is None or high is None else f"{100 * low:.0f}–{100 * high:.0f} %"
