"""A propagation: how many labels a few became, how right they are, and where it abstained."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sslecho.report.bars import bars
from sslecho.report.chapter import Chapter, Figure, Part, Room, figure_of, warnings_of
from sslecho.report.markup import counted, text
from sslecho.report.reliability_charts import coverage_chart
from sslecho.report.run_folder import Run
from sslecho.report.sections import SECTIONS
from sslecho.report.wording import share, with_interval
from sslecho.report.worst import Wrong, chosen, sheet

SHOWN = {"precision": "Precision", "macro_f1": "Macro F1", "scored_coverage": "Coverage"}


@SECTIONS.add("propagate")
def propagate(run: Run, room: Room) -> Chapter:
    """The chapter of `sslecho propagate`."""
    result = run.result
    given, spread = int(result["n_labelled"]), int(result["n_propagated"])
    found = [result.get(f"precision{end}") for end in ("", "_low", "_high")]
    title = f"{counted(given, 'label')} became {given + spread:,}"
    if not spread:
        title = f"{counted(given, 'label')} reached no other {run.level}: it abstained everywhere"
    elif found[0] is None:
        title += ", and nothing is known to score the new ones by"
    else:
        title += f"; {share(found[0])} of the new ones right"
    parts = [_result_part(run), _coverage_part(run), _classes_part(run), *_worst_part(run, room)]
    return Chapter(
        kind="Propagation",
        title=title,
        lede=(
            f"It labeled {share(result.get('coverage'))} of the {run.level}s that had none and abstained on "
            f"{int(result.get('abstained') or 0):,}. " + _how_right(run)
        ),
        facts=_facts(run),
        figures=_figures(result),
        warnings=warnings_of(run, *_audit_doubts(result)),
        parts=[part for part in parts if part is not None],
    )


def _how_right(run: Run) -> str:
    result = run.result
    n = int(result.get("n_scored") or 0)
    found = [result.get(f"precision{end}") for end in ("", "_low", "_high")]
    if found[0] is not None:
        return (
            f"On {counted(n, run.level)} whose label was held back, {with_interval(*found)} of the labels that it gave "
            "are right."
        )
    if n:
        return f"Of {counted(n, run.level)} whose label was held back none got one, so nothing is scored."
    return f"No label of other {run.unit}s is known, so how right they are must be checked by hand."


def _figures(result: Mapping[str, Any]) -> list[Figure]:
    return [figure_of(name, result, key) for key, name in SHOWN.items() if result.get(key) is not None]


def _facts(run: Run) -> list[tuple[str, str, str]]:
    result = run.result
    return [
        ("Given", counted(int(result["n_labelled"]), "label"), ""),
        ("Propagated", f"{int(result['n_propagated']):,}", f"coverage {share(result.get('coverage'))}"),
        ("Abstained", f"{int(result.get('abstained') or 0):,}", f"{int(result.get('unreached') or 0):,} not reached"),
        ("Scored", counted(int(result.get("n_scored") or 0), run.level),
         counted(int(result.get("n_scored_patients") or 0), run.unit)),
        ("Conflicts", f"{int(result.get('conflicts') or 0):,}", "given labels that others speak against"),
    ]  # fmt: skip


def _audit_doubts(result: Mapping[str, Any]) -> list[str]:
    audit = result.get("audit") or {}
    if "checked" in audit or not audit.get("to_check"):
        return []
    return [f"the audit sample of {audit['to_check']} labels (audit.csv) is not filled in: no precision may be claimed"]


def _result_part(run: Run) -> Part | None:
    figures = _figures(run.result)
    if not figures:
        return None
    lines = _lines(run)
    body = (
        f'<div class="result card"><div><h3>With 95 % intervals over {text(run.unit)}s</h3>{bars(figures)}</div>'
        f"<div><h3>What this shows</h3><ul>{''.join(f'<li>{text(line)}</li>' for line in lines)}</ul></div></div>"
    )
    intro = (
        "Precision is the share of its labels that are right; coverage the share of items that got one. Neither counts "
        "the labels that were given."
    )
    return Part("result", "Result", "How right are the new labels?", intro, body)


def _lines(run: Run) -> list[str]:
    result = run.result
    lines = []
    found = [result.get(f"macro_f1_all{end}") for end in ("", "_low", "_high")]
    if found[0] is not None:
        lines.append(f"Counting each abstention as a miss, macro F1 is {with_interval(*found)}.")
    threshold = result.get("threshold") or {}
    if threshold.get("value") is not None:
        lines.append(f"A label needs a confidence of {threshold['value']:.3g}, chosen for the precision asked for.")
    audit = result.get("audit") or {}
    if audit.get("to_check") and "checked" not in audit:
        lines.append(
            f"To claim a precision of {share(audit.get('target'))}, check the {audit['to_check']} labels of audit.csv "
            f"by hand; {audit.get('errors_allowed', 0)} may be wrong."
        )
    if said := audit.get("said"):
        lines.append(f"Checked by hand: {said}.")
    graph = result.get("graph") or {}
    if graph.get("kind"):
        lines.append(f"Labels spread over the {graph.get('k')} nearest neighbors ({graph['kind']} search).")
    return lines


def _coverage_part(run: Run) -> Part | None:
    drawn = coverage_chart(
        run.result.get("curve") or [],
        title="Precision against coverage",
        level=run.level,
        at=run.result.get("scored_coverage"),
        caption="Band: 95 % interval, pointwise.",
    )
    if not drawn:
        return None
    intro = (
        "From left to right, more of the less confident labels are let in. A threshold is a place on this curve: ask "
        "for a precision and read off how much of the archive is left to people."
    )
    return Part("coverage", "Coverage", "What does daring more cost?", intro, f'<div class="pair">{drawn}</div>')


def _classes_part(run: Run) -> Part | None:
    classes: Mapping[str, Any] = run.result.get("classes") or {}
    if not classes:
        return None
    rows = "".join(
        f"<tr><th scope='row' class='who'>{text(name)}</th><td>{of_one.get('given', 0):,}</td>"
        f"<td>{of_one.get('propagated', 0):,}</td></tr>"
        for name, of_one in classes.items()
    )
    head = "<tr><th scope='col' class='who'>class</th><th scope='col'>given</th><th scope='col'>propagated</th></tr>"
    body = f'<div class="table card" tabindex="0"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    intro = "A class that grows far more than others has drawn in what is not its own, or was given too few labels."
    return Part("classes", "Classes", "What did each class get?", intro, body)


def _worst_part(run: Run, room: Room) -> list[Part]:
    if run.items is None:
        return []
    labels, told, confidence = (run.column(name) for name in ("label", "propagated", "confidence"))
    known = np.array([a is not None and b is not None for a, b in zip(labels, told, strict=True)], bool)
    wrong = np.flatnonzero(known & (labels != told))
    if not len(wrong):
        return []
    order = wrong[np.argsort(-confidence[wrong].astype(float), kind="stable")]
    errors = [
        Wrong(item, f"{labels[item]} labeled {told[item]}", f"confidence {share(float(confidence[item]))}")
        for item in chosen(order.tolist(), run.column("unit_id"))
    ]
    gone = "" if run.store is not None else " The store is gone, so there are no pictures."
    intro = text(
        f"{counted(len(wrong), 'label')} that it gave differ from the truth that was held back. Here are those it was "
        f"surest of, at most two of a {run.unit}.{gone}"
    )
    body = sheet(run, errors, most_bytes=room.bytes)
    return [Part("errors", "Worst errors", "Where is it wrong, and sure?", intro, body)]
