"""An audit of shortcuts: what the embeddings, and the labels, may owe to device, site or burned-in marks."""

from collections.abc import Mapping
from typing import Any

from sslecho.report.bars import bars
from sslecho.report.chapter import Chapter, Figure, Part, Room, warnings_of
from sslecho.report.markup import counted, prose, text
from sslecho.report.run_folder import Run
from sslecho.report.sections import SECTIONS
from sslecho.report.wording import bounds, listed, share

LOUD = ("SHORTCUT", "LEAKS")


@SECTIONS.add("audit")
def audit(run: Run, room: Room) -> Chapter:
    """The chapter of `sslecho audit`."""
    result = run.result
    accused = [str(name) for name in result.get("accused") or []]
    confounded = [str(name) for name in result.get("confounded") or [] if name not in accused]
    if result.get("leaks"):
        title = "The evaluation leaks: no figure of this store can be trusted"
    elif accused:
        title = f"Possible shortcuts: {listed(accused)}"
    elif confounded:
        title = f"No shortcut in the embedding, but the label follows {listed(confounded)}"
    else:
        title = "No shortcut is shown"
    verdicts = [str(line) for line in result.get("verdicts") or []]
    loud = [line for line in verdicts if any(word in line for word in LOUD)]
    not_audited = sum("not audited" in line for line in verdicts)
    lede = f"{counted(int(result.get('tests') or 0), 'question')} asked of {run.counts} of the test split."
    if not_audited:
        lede += f" {not_audited} could not be asked: what is not audited is not cleared."
    return Chapter(
        kind="Shortcut audit",
        title=title,
        lede=lede,
        facts=[
            ("Scored", "test split", run.counts),
            ("Questions", str(result.get("tests", "–")), f"each at p < {result.get('alpha', 0):.3g}"),
            ("Accused", listed(accused) or "nothing", ""),
            ("Not audited", str(not_audited), ""),
        ],
        figures=_headlines(result.get("rows") or []),
        warnings=warnings_of(run, *loud),
        parts=[_verdict_part(verdicts), _figures_part(run)],
    )  # fmt: skip


def _headlines(rows: list[Mapping[str, Any]]) -> list[Figure]:
    """What can be read from the embedding: the label first, then the attributes that stand above chance."""
    shown = [row for row in rows if row["source"] == "embedding" and row["value"] is not None]
    shown = [row for row in shown if row["what"] == "label" or row["above_chance"]]
    return [_figure(row, f"{row['what']} from the embedding") for row in shown[:4]]


def _figure(row: Mapping[str, Any], name: str) -> Figure:
    return Figure(name, row["value"], row["low"], row["high"], row["chance"])


def _name(row: Mapping[str, Any]) -> str:
    if row["metric"] == "same_patient":
        return f"{row['source']}: same {row['what']}"
    return f"{row['what']} from {row['source']}"


def _verdict_part(verdicts: list[str]) -> Part:
    items = []
    for line in verdicts:
        kind = "error" if any(word in line for word in LOUD) else "quiet" if "not audited" in line else "fine"
        items.append(f'<li class="{kind}">{prose(line)}</li>')
    intro = (
        "A shortcut needs both: the attribute can be read from the embedding, and the label follows it. Each is tried "
        "on patients that it was not learned from, against chance that deals whole patients."
    )
    return Part(
        "verdicts", "Verdicts", "What may be a shortcut?", intro, f'<ul class="verdicts card">{"".join(items)}</ul>'
    )


def _figures_part(run: Run) -> Part:
    rows = run.result.get("rows") or []
    known = [row for row in rows if row["value"] is not None]
    figures = [_figure(row, _name(row)) for row in known]
    drawn = (
        f'<div class="result card single"><div>{bars(figures, main=None, key="chance")}</div></div>' if figures else ""
    )
    lines = "".join(_row(row) for row in rows)
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("figure", "chance", "p", "clips", f"{run.unit}s", "names", "said")
    )
    table = (
        '<div class="table card" tabindex="0"><table><thead><tr><th scope="col" class="who">question</th>'
        f"{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )
    intro = "Balanced accuracy of a linear probe, or the share of clips whose neighbor is of the same patient."
    return Part("figures", "Figures", "What can be told from what?", intro, drawn + table)


def _row(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        why = f"<td colspan='7' class='why'>{prose(row['reason'])}</td>"
        return f"<tr><th scope='row' class='who'>{text(_name(row))}</th>{why}</tr>"
    ends = bounds(row["low"], row["high"])
    said = "above chance" if row["above_chance"] else "not shown" if row["detectable"] else "could not be shown"
    p = "–" if row.get("p") is None else f"{row['p']:.3g}"
    cells = (
        f"<td>{share(row['value'])}{f'<small>{ends}</small>' if ends else ''}</td><td>{share(row['chance'])}</td>"
        f"<td>{p}</td><td>{row['n']:,}</td><td>{row['n_patients']:,}</td><td>{row['names']}</td><td>{said}</td>"
    )
    mark = " class='own'" if row["above_chance"] else ""
    return f"<tr{mark}><th scope='row' class='who'>{text(_name(row))}</th>{cells}</tr>"
