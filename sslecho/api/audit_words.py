"""What the figures of an audit mean, in words: whom it accuses, whom it doesn't, and what it can't say."""

from collections.abc import Mapping, Sequence
from typing import Any

from sslecho.api.audit_rows import ANY_CLIP, EMBEDDING, LABEL, OTHER_LABEL, OUTLINE, OUTSIDE, SHUFFLED

Row = Mapping[str, Any]


def accused(rows: Sequence[Row]) -> list[str]:
    """The attributes and pictures that may be shortcuts, by their names in the rows."""
    found = _by_place(rows)
    return [name for name in confounded(rows) if _is_above(found, name, EMBEDDING) or name in (OUTLINE, OUTSIDE)]


def confounded(rows: Sequence[Row]) -> list[str]:
    """Those that the label follows, whether or not this embedding has them."""
    return [
        row["source"] for row in rows if row["what"] == LABEL and row["source"] != EMBEDDING and row["above_chance"]
    ]


def leaks(rows: Sequence[Row]) -> bool:
    """Whether shuffled labels are told better than chance, so that no figure of the audit can be trusted."""
    return _is_above(_by_place(rows), SHUFFLED, EMBEDDING)


def verdicts(rows: Sequence[Row], *, unit: str) -> list[str]:
    """One sentence a suspect; whether the audit itself can be trusted comes first."""
    found = _by_place(rows)
    attributes = [what for what, source in found if source == EMBEDDING and what not in (LABEL, SHUFFLED)]
    return [
        *_control(found[SHUFFLED, EMBEDDING]),
        *(_attribute(found, name) for name in attributes),
        *(_picture(found[LABEL, source]) for source in (OUTLINE, OUTSIDE)),
        _patient(found, unit),
    ]


def figure(row: Row) -> str:
    """.62 (.51–.73; chance .25)."""
    bounds = "" if row["low"] is None else f"{_short(row['low'])}–{_short(row['high'])}; "
    return f"{_short(row['value'])} ({bounds}chance {_short(row['chance'])})"


def _attribute(found: Mapping[tuple[str, str], Row], name: str) -> str:
    readable, tells = found[name, EMBEDDING], found[LABEL, name]
    if readable["value"] is None:
        return f"{name}: not audited: {readable['reason']}"
    read = _of(readable, "it can be read from the embedding", "it is not shown to be readable from the embedding")
    if tells["value"] is None:
        return f"{name}: {read}; whether it tells the label is not known: {tells['reason']}"
    told = _of(tells, "the label follows it", "the label is not shown to follow it")
    if not tells["above_chance"]:
        return f"{name}: no shortcut shown: {read}; {told}"
    if readable["above_chance"]:
        return f"{name}: SHORTCUT POSSIBLE: {read}, and {told}"
    return f"{name}: A SHORTCUT FOR WHATEVER READS IT: {told}; {read}"


def _picture(row: Row) -> str:
    name = row["source"]
    if row["value"] is None:
        return f"{name}: not audited: {row['reason']}"
    told = _of(row, "the label can be told from it alone", "the label is not shown to be told from it alone")
    without = f" ({row['left_out']} test clips are left out)" if row["left_out"] else ""
    return f"{name}: {'SHORTCUT POSSIBLE' if row['above_chance'] else 'no shortcut shown'}: {told}{without}"


def _patient(found: Mapping[tuple[str, str], Row], unit: str) -> str:
    other, nearest = found[unit, OTHER_LABEL], found[unit, ANY_CLIP]
    row = other if other["value"] is not None else nearest
    if row["value"] is None:
        return f"{unit}: not audited: {row['reason']}"
    said = _of(
        row,
        f"known again: the {row['source']} is of the same {unit}",
        f"not shown to be known again by the {row['source']}",
    )
    return f"{unit}: {said}" + (f"; keep each {unit} in one split" if row["above_chance"] else "")


def _control(row: Row) -> list[str]:
    if row["value"] is None:
        return []
    if row["above_chance"]:
        return [
            f"THE EVALUATION LEAKS: shuffled labels are told better than chance, {figure(row)}; something stands in "
            "train and in test (`sslecho check STORE`), and no figure here can be trusted"
        ]
    return [f"shuffled labels are at chance, as they must be: {figure(row)}"]


def _of(row: Row, yes: str, no: str) -> str:
    if row["above_chance"]:
        return f"{yes}, {figure(row)}"
    few = "" if row["detectable"] else f" (nor could {row['n_patients']} test groups show it)"
    return f"{no}, {figure(row)}{few}"


def _is_above(found: Mapping[tuple[str, str], Row], what: str, source: str) -> bool:
    return bool((found.get((what, source)) or {}).get("above_chance"))


def _by_place(rows: Sequence[Row]) -> dict[tuple[str, str], Row]:
    return {(row["what"], row["source"]): row for row in rows}


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")
