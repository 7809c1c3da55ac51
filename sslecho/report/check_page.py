"""The page of a check: one HTML file that needs nothing beside it and runs nothing.

It says first whether figures of the store can be trusted, then lists the findings, the worst first, each with its
rule, its cure, and frames side by side to judge it by.
"""

import numpy as np

from sslecho.data.audit.audit import Audit
from sslecho.data.audit.finding import ERROR, INFO, SEVERITIES, WARNING, Example, Finding, Rows
from sslecho.data.store import Store
from sslecho.report.markup import counted, document, prose, section, text
from sslecho.report.thumbnails import jpeg_address

SIDE = 256  # of a picture in the page, in pixels: shown at half of that or more
MOST_PICTURES = 8  # in one example
MOST_BYTES = 7_000_000  # of pictures in one page
CALLED = {ERROR: "Error", WARNING: "Warning", INFO: "Note"}

STYLE = """
.chip { display: inline-block; font: 600 .74rem/1.5 var(--sans); letter-spacing: .02em; padding: 1px 9px;
  border-radius: 99px; vertical-align: middle; background: var(--soft); color: var(--muted); white-space: nowrap; }
.chip.error { background: #b3261e; color: #fff; }
.chip.warning { background: var(--second-soft); color: var(--second); box-shadow: inset 0 0 0 1px var(--second); }
.what { display: flex; flex-wrap: wrap; gap: 6px 12px; align-items: center; margin: 0 0 10px; }
.what b { font-size: 1.06rem; }
.rule { max-width: 78ch; margin: 0 0 6px; color: var(--muted); }
.rule b { color: var(--ink); font-weight: 600; }
.list td:nth-child(2), .list th:nth-child(2), .list td:first-child, .list th:first-child { text-align: left; }
.list td { white-space: normal; }
.places { display: grid; gap: 16px; margin-top: 18px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); }
.places.single { grid-template-columns: repeat(auto-fill, minmax(168px, 1fr)); }
.places.wide { grid-template-columns: minmax(0, 1fr); }
.place { padding: 13px 14px 11px; break-inside: avoid; }
.place > p { margin: 0 0 8px; font-size: .93rem; font-weight: 600; overflow-wrap: anywhere; }
.shown { display: grid; gap: 8px; grid-template-columns: repeat(2, minmax(0, 1fr)); }
.single .shown { grid-template-columns: minmax(0, 1fr); }
.wide .shown { grid-template-columns: repeat(auto-fill, minmax(118px, 1fr)); }
.shown img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #000; border-radius: 5px; }
.shown figcaption { padding: 5px 1px 0; font-size: .76rem; line-height: 1.4; overflow-wrap: anywhere; }
.shown figcaption b { color: var(--ink); font-weight: 600; font-size: .86rem; }
.shown code { font-size: .72rem; }
.plain { margin: 14px 0 0; padding: 12px 16px 12px 34px; }
.plain li { padding: 2px 0; overflow-wrap: anywhere; }
.more { margin: 12px 0 0; color: var(--muted); font-size: .88rem; }
"""


def build_check_page(store: Store, found: Audit, *, examples: int) -> str:
    """The page as HTML.

    Args:
        store: where the frames are read.
        found: what is shown.
        examples: how many places each finding shows; all are in the command's JSON.
    """
    title = _title(found)
    pictures = _Pictures(store)
    parts = [_finding(finding, found.rows, pictures, examples) for finding in found.findings]
    links = "".join(f'<a href="#{text(f.name)}">{text(f.title)}</a>' for f in found.findings if f.severity != INFO)
    nav = f'<nav aria-label="on this page">{links}</nav>' if links else ""
    body = (
        f"<style>{STYLE}</style>\n<header><div>{_head(store, found, title)}{nav}</div></header>\n"
        f"<main>\n{_summary(found)}{''.join(parts)}\n</main>\n"
        "<footer><div>Drawn by sslecho. This page holds frames of the store: pass it on as you would the store. "
        "It loads nothing from outside and runs no script.</div></footer>"
    )
    return document(f"{title} · sslecho", body)


class _Pictures:
    """Frames as pictures until the page is full; one that is shown twice is read once."""

    def __init__(self, store: Store):
        self._store = store
        self._left = MOST_BYTES
        self._known: dict[int, str] = {}

    def address(self, row: int) -> str | None:
        if row not in self._known:
            self._known[row] = jpeg_address(self._store.read(np.array([row]))[0], side=SIDE)
        self._left -= len(self._known[row])
        return self._known[row] if self._left >= 0 else None


def share_said(share: float) -> str:
    """A share in percent; a small one is not said to be none."""
    return "less than 1%" if 0 < share < 0.005 else f"{share:.0%}"


def _title(found: Audit) -> str:
    counts = found.counts()
    if counts[ERROR]:
        return f"{counted(counts[ERROR], 'error')} to mend before figures of this store can be trusted"
    if counts[WARNING]:
        return f"No error; {counted(counts[WARNING], 'warning')} to look at"
    return "Nothing was found that needs mending"


def _head(store: Store, found: Audit, title: str) -> str:
    rows, counts = found.rows, found.counts()
    patients = {patient for patient in rows.patient if patient is not None}
    splits = [split for split in dict.fromkeys(rows.split.tolist()) if split is not None]
    labels = {label for label in rows.label if label is not None}
    n_left_out = store.quarantine().num_rows
    facts = (
        ("Clips", f"{len(rows.n_frames):,}", f"{counted(len(store), 'frame')}, all of them read"),
        ("Patients", f"{len(patients):,}" if patients else "unknown", f"unit: {store.unit}"),
        ("Labels", f"{len(labels):,}" if labels else "none", ""),
        ("Splits", ", ".join(splits) or "none", ""),
        ("Left out", f"{n_left_out:,}", "sources, by ingest"),
    )
    listed = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}"
        + (f"<small>{text(more)}</small>" if more else "")
        + "</dd></div>"
        for name, value, more in facts
    )
    said = [counted(counts[word], CALLED[word].lower()) for word in SEVERITIES if counts[word]]
    lede = (
        (f"Found: {', '.join(said)}. " if said else "")
        + "Looked for: damage, patients and pictures in two splits, copies and repeats, contradictory labels, blank, "
        "saturated and frozen clips, and what is missing."
    )
    return (
        f'<p class="eyebrow"><strong>sslecho · check of a store</strong></p><h1>{text(title)}</h1>'
        f'<p class="lede">{text(lede)}</p><dl class="facts">{listed}</dl>'
    )


def _summary(found: Audit) -> str:
    if not found.findings:
        return section("findings", "Findings", "", "<p>None.</p>")
    lines = "".join(
        f'<tr><td>{_chip(finding.severity)}</td><td><a href="#{text(finding.name)}">{text(finding.title)}</a></td>'
        f"<td>{text(counted(finding.n, finding.noun))}</td></tr>"
        for finding in found.findings
    )
    table = (
        '<div class="table card list" tabindex="0"><table><thead><tr><th></th><th>Finding</th><th>How many</th></tr>'
        f"</thead><tbody>{lines}</tbody></table></div>"
    )
    intro = (
        "An error makes a figure of this store wrong; a warning may, and wants a look; a note is worth knowing. "
        "All places are in the JSON that the command prints with --json, by clip and frame."
    )
    return section("findings", "Findings", intro, table)


def _finding(finding: Finding, rows: Rows, pictures: _Pictures, most: int) -> str:
    chosen = finding.examples[:most]
    with_pictures = [example for example in chosen if example.rows]
    shown = ""
    if with_pictures:
        widest = max(len(example.rows) for example in with_pictures)
        kind = " single" if widest == 1 else " wide" if widest > 2 else ""
        places = "".join(_place(example, rows, pictures) for example in with_pictures)
        shown = f'<div class="places{kind}">{places}</div>'
    elif chosen:
        shown = f'<ul class="plain card">{"".join(f"<li>{text(e.said)}</li>" for e in chosen)}</ul>'
    left = len(finding.examples) - len(chosen)
    more = f'<p class="more">{counted(left, "further place")} in the JSON.</p>' if left else ""
    share = finding.counts.get("share_of_clips")
    of_all = "" if share is None else f" · {counted(finding.counts['clips'], 'clip')}, {share_said(share)} of all"
    body = (
        f'<p class="what">{_chip(finding.severity)}<b>{text(counted(finding.n, finding.noun))}{text(of_all)}</b></p>'
        f'<p class="rule"><b>Rule.</b> {prose(finding.rule)}</p>'
        f'<p class="rule"><b>Cure.</b> {prose(finding.cure)}</p>'
        f"{shown}{more}"
    )
    return section(finding.name, finding.title, "", body) + "\n"


def _place(example: Example, rows: Rows, pictures: _Pictures) -> str:
    said = f"<p>{text(example.said)}</p>" if example.said else ""
    figures = []
    for row in example.rows[:MOST_PICTURES]:
        frame = rows.said(row)
        address = pictures.address(row)
        image = "" if address is None else f'<img src="{address}" alt="clip {text(frame["clip_id"])}">'
        figures.append(f"<figure>{image}<figcaption>{_caption(frame)}</figcaption></figure>")
    return f'<div class="place card">{said}<div class="shown">{"".join(figures)}</div></div>'


def _caption(frame: dict) -> str:
    known = [text(word) for word in (frame["label"], frame["split"]) if word is not None]
    lines = [f"<b>{' · '.join(known)}</b>"] if known else []
    lines.append(f"clip <code>{text(frame['clip_id'])}</code>, frame {frame['frame_index']}")
    if frame["patient_id"] is not None:
        lines.append(f"patient <code>{text(frame['patient_id'])}</code>")
    return "<br>".join(lines)


def _chip(severity: str) -> str:
    return f'<span class="chip {severity}">{CALLED[severity]}</span>'
