"""The page of predictions: what was said of each clip, those first that a person should look at, with a picture each.

One HTML file that needs nothing beside it and runs nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sslecho.data.shown import may_be_shown
from sslecho.data.store import Store
from sslecho.report.markup import counted, document, section, text
from sslecho.report.thumbnails import jpeg_address

MOST_ROWS = 200  # with pictures; predictions.csv has all
SIDE = 96  # of a picture, in pixels

STYLE = """
.said img { display: block; width: 72px; height: 72px; object-fit: contain; background: #000; border-radius: 5px; }
.said td, .said th { text-align: left; vertical-align: middle; white-space: normal; }
.said .number { text-align: right; }
.said .look { color: var(--second); font-weight: 600; }
"""


def build_predict_page(rows: Sequence[Mapping[str, Any]], store: Store, result: Mapping[str, Any]) -> str:
    """The page as HTML.

    Args:
        rows: a clip or frame each, as the predictions have them.
        store: where its frames are read.
        result: the figures of the command.
    """
    item = result["level"]
    title = f"{counted(len(rows), item)} named" if result["classes"] else f"{counted(len(rows), item)} graded"
    to_look_at = int(result["abstained"])
    lede = (
        f"{counted(to_look_at, item)} of these {'is' if to_look_at == 1 else 'are'} left to a person."
        if to_look_at
        else "None of these was left to a person."
    )
    facts = [
        ("Clips", f"{result['n']:,}", counted(result["frames"], "frame")),
        ("Patients", "unknown" if result["unit"] == "clip" else f"{result['n_patients']:,}", ""),
        *((name, f"{n:,}", item + ("" if n == 1 else "s")) for name, n in result["named"].items()),
        ("Left to a person", f"{to_look_at:,}", ""),
    ]
    if result["mean_grade"] is not None:
        low, high = result["scale"]
        facts.append(("Mean grade", f"{result['mean_grade']:.2f}", f"from {low} to {high}"))
    listed = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}"
        + (f"<small>{text(more)}</small>" if more else "")
        + "</dd></div>"
        for name, value, more in facts
    )
    shown = sorted(rows, key=_first)[:MOST_ROWS]
    intro = "Those that a person should look at come first, then the least confident ones."
    if len(rows) > len(shown):
        intro += f" The first {len(shown)} of {len(rows):,}; predictions.csv has all."
    body = (
        f'<style>{STYLE}</style>\n<header><div><p class="eyebrow"><strong>sslecho · predictions</strong></p>'
        f'<h1>{text(title)}</h1><p class="lede">{text(lede)}</p><dl class="facts">{listed}</dl></div></header>\n'
        f'<main>\n<aside class="note"><p>For research: no decision about a patient may rest on this.</p></aside>\n'
        f"{section('answers', 'What was said', intro, _table(shown, store))}\n{_left_out(store)}\n</main>\n"
        "<footer><div>Drawn by sslecho. This page holds frames of the files: pass it on as you would them. "
        "It loads nothing from outside and runs no script.</div></footer>"
    )
    return document(f"{title} · sslecho", body)


def _first(row: Mapping[str, Any]) -> tuple[bool, float, float]:
    """Abstentions, then low confidence, then low grades."""
    return (not row.get("abstained", False), row.get("confidence") or 0.0, row.get("grade") or 0.0)


def _table(rows: Sequence[Mapping[str, Any]], store: Store) -> str:
    of_clip = store.clips.select(["clip_id", "first_frame", "n_frames"]).to_pylist()
    spans = {clip["clip_id"]: (clip["first_frame"], clip["n_frames"]) for clip in of_clip}
    named, graded = "prediction" in rows[0], "grade" in rows[0]
    allowed = dict(zip(store.column("clip_id").tolist(), may_be_shown(store).tolist(), strict=True))
    heads = ["", "clip", *(["view", "confidence", "set", "left to a person"] if named else [])]
    heads += ["grade"] if graded else []
    lines = []
    for row in rows:
        first, n = spans[row["clip_id"]]
        index = row.get("frame_index")
        at = first + n // 2 if index is None else row["row"]
        picture = "not shown: it may hold a name"
        if allowed[row["clip_id"]]:
            address = jpeg_address(store.read(np.array([at]))[0], side=SIDE)
            picture = f'<img src="{address}" alt="a frame of the clip">'
        which = counted(n, "frame") if index is None else f"frame {index}"
        where = f"<code>{text(row['clip_id'])}</code><br>{which}"
        cells = [picture, where]
        if named:
            held = row.get("set")
            known = "–" if held is None else ", ".join(held) or "none is likely enough"
            cells += [text(row["prediction"]), f"{row['confidence']:.2f}", text(known)]
            cells.append('<span class="look">yes</span>' if row["abstained"] else "no")
        if graded:
            ends = "" if row.get("lowest_grade") is None else f" ({row['lowest_grade']:.1f}–{row['highest_grade']:.1f})"
            cells.append(text(f"{row['grade']:.1f}{ends}"))
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f'<th scope="col">{text(word)}</th>' for word in heads)
    return (
        f'<div class="table card said" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _left_out(store: Store) -> str:
    """Files that got no answer, by reason."""
    counts: dict[str, int] = {}
    for row in store.quarantine().to_pylist():
        counts[row["reason"]] = counts.get(row["reason"], 0) + 1
    if not counts:
        return ""
    lines = "".join(
        f"<li>{counted(n, 'clip')}: {text(reason)}</li>"
        for reason, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    intro = "These could not be read, or are of another kind. Nothing is said of what they show."
    return section("left-out", "What got no answer", intro, f'<ul class="plain card">{lines}</ul>')
