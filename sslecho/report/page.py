"""The report page of one run or of many: one HTML file that needs nothing beside it and runs nothing.

It says the finding first, in words, and what makes it doubtful; then the figures, and where all of it came from. Of
several runs it is one page: the headline figures of all on top, which lead to a chapter each.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sslecho.report.chapter import Chapter, Room
from sslecho.report.chapters import chapter_of
from sslecho.report.markup import counted, document, prose, section, text
from sslecho.report.overview import glance, runs_title
from sslecho.report.provenance import common_part
from sslecho.report.run_folder import Run

THUMBNAIL_BYTES = 8_000_000  # of all runs together; a page is to stay below 15 MB with everything else
MOST_BYTES = 14_000_000  # when the page is full, further runs are only named
FOOTER = (
    "<footer><div>Drawn by sslecho. This page may hold frames of the store: pass it on as you would the store. "
    "It loads nothing from outside and runs no script.</div></footer>"
)


class Page(NamedTuple):
    """The page as HTML, and what it says of each run."""

    html: str
    chapters: list[Chapter]


def build_page(runs: Sequence[Run]) -> Page:
    """The page of these runs, in this order."""
    if len(runs) == 1:
        room = Room(THUMBNAIL_BYTES)
        chapter = chapter_of(runs[0], room)
        parts = [(part.anchor, part.name) for part in chapter.parts]
        body = (
            f"<header><div>{_head(runs[0], chapter)}{_nav(parts)}</div></header>\n"
            f"<main>\n{_warnings(chapter)}{_parts(chapter)}\n</main>\n{FOOTER}"
        )
        return Page(document(f"{chapter.title} · sslecho", body), [chapter])
    common, titles = common_part(runs)
    room = Room(THUMBNAIL_BYTES // len(runs), frozenset(run.path.resolve() for run in runs), titles)
    chapters: list[Chapter] = []
    shown: list[str] = []
    size = 0
    for number, run in enumerate(runs, 1):
        chapter = chapter_of(run, room)
        html = _chapter(number, run, chapter)
        if size + len(html) > MOST_BYTES:
            html = _left_out(number, run, chapter)
        size += len(html)
        chapters.append(chapter)
        shown.append(html)
    title, lede, facts = runs_title(runs, chapters)
    links = [(f"run-{number}", f"{number} {chapter.kind}") for number, chapter in enumerate(chapters, 1)]
    if common is not None:
        links.append((common.anchor, common.name))
        shown.append(section(common.anchor, common.title, common.intro, common.body))
    head = (
        f'<p class="eyebrow"><strong>sslecho · report of {len(runs)} runs</strong></p><h1>{text(title)}</h1>'
        f'<p class="lede">{text(lede)}</p>{_facts(facts)}'
    )
    body = (
        f"<header><div>{head}{_nav(links)}</div></header>\n<main>\n{glance(runs, chapters)}\n"
        f"{''.join(shown)}\n</main>\n{FOOTER}"
    )
    return Page(document(f"{title} · sslecho", body), chapters)


def _head(run: Run, chapter: Chapter) -> str:
    return (
        f'<p class="eyebrow"><strong>sslecho · {text(run.command)} report</strong></p><h1>{text(chapter.title)}</h1>'
        f'<p class="lede">{prose(chapter.lede)}</p>{_facts([*chapter.facts, _made(run)])}'
    )


def _made(run: Run) -> tuple[str, str, str]:
    """Seed and commit: a page that is printed must lead back to its run."""
    commit = run.provenance.get("commit")
    made = (
        f"commit {commit[:7]}{'+' * commit.endswith('+')}" if commit else f"sslecho {run.provenance.get('sslecho', '')}"
    )
    return ("Seed", str(run.settings.get("seed", run.identity.get("seed", "–"))), made)


def _facts(facts: Sequence[tuple[str, str, str]]) -> str:
    listed = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}"
        + (f"<small>{text(more)}</small>" if more else "")
        + "</dd></div>"
        for name, value, more in facts
    )
    return f'<dl class="facts">{listed}</dl>' if listed else ""


def _nav(links: Sequence[tuple[str, str]]) -> str:
    return (
        "<nav aria-label='on this page'>"
        + "".join(f'<a href="#{text(anchor)}">{text(name)}</a>' for anchor, name in links)
        + "</nav>"
    )


def _warnings(chapter: Chapter) -> str:
    """What keeps the run from being believed, before anything else."""
    if not chapter.warnings:
        return ""
    said = "".join(f"<li>{prose(warning)}</li>" for warning in chapter.warnings)
    return f'<aside class="note" aria-label="warnings"><strong>Read this first</strong><ul>{said}</ul></aside>\n'


def _parts(chapter: Chapter, prefix: str = "", level: int = 2) -> str:
    return "\n".join(
        section(prefix + part.anchor, part.title, part.intro, part.body, level=level) for part in chapter.parts
    )


def _chapter(number: int, run: Run, chapter: Chapter) -> str:
    prefix = f"run-{number}-"
    links = [(prefix + part.anchor, part.name) for part in chapter.parts]
    return (
        f'<article class="chapter" id="run-{number}" aria-labelledby="run-{number}-title">'
        f'<div class="opening"><p class="eyebrow"><strong>{number} · {text(chapter.kind)}</strong> '
        f'<span class="folder">{text(run.name)}</span></p>'
        f'<h2 id="run-{number}-title">{text(chapter.title)}</h2><p class="lede">{prose(chapter.lede)}</p>'
        f"{_facts([*chapter.facts, _made(run)])}{_nav(links)}</div>\n"
        f"{_warnings(chapter)}{_parts(chapter, prefix, level=3)}\n</article>\n"
    )


def _left_out(number: int, run: Run, chapter: Chapter) -> str:
    return (
        f'<article class="chapter" id="run-{number}" aria-labelledby="run-{number}-title"><div class="opening">'
        f'<p class="eyebrow"><strong>{number} · {text(chapter.kind)}</strong> <span class="folder">{text(run.name)}'
        f'</span></p><h2 id="run-{number}-title">{text(chapter.title)}</h2><p class="lede">{prose(chapter.lede)}</p>'
        f"<p>The page is full ({counted(MOST_BYTES // 1_000_000, 'megabyte')}), so this run is not drawn: run sslecho "
        "report on its own folder.</p></div></article>\n"
    )
