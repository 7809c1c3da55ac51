"""Several runs at a glance: what each found, its headline figures, its warnings, and the way to its chapter."""

from collections.abc import Sequence

from sslecho.report.bars import bar
from sslecho.report.chapter import Chapter, Figure
from sslecho.report.markup import counted, section, text
from sslecho.report.run_folder import Run
from sslecho.report.wording import bounds, listed, share

MOST_FIGURES = 3  # of a run


def runs_title(runs: Sequence[Run], chapters: Sequence[Chapter]) -> tuple[str, str, list[tuple[str, str, str]]]:
    """Title, lede and facts of a page of several runs."""
    kinds = list(dict.fromkeys(chapter.kind.lower() for chapter in chapters))
    unfinished = [run for run in runs if not run.done]
    hashes = {run.frames_hash for run in runs if run.frames_hash}
    lede = f"{listed(kinds).capitalize()}."
    if len(hashes) > 1:
        lede += f" They are of {len(hashes)} different sets of frames, so their figures must not be compared."
    if unfinished:
        lede += f" {counted(len(unfinished), 'run')} of these {'is' if len(unfinished) == 1 else 'are'} not finished."
    doubtful = sum(bool(chapter.warnings) for chapter in chapters)
    facts = [("Runs", str(len(runs)), f"{len(runs) - len(unfinished)} finished"), ("With warnings", str(doubtful), "")]
    store = next((run.store for run in runs if run.store is not None), None)
    if store is not None and len(hashes) == 1:
        owners = {one for one in store.column("patient_id").tolist() if one is not None}
        facts += [
            ("Frames", f"{len(store):,}", counted(store.clips.num_rows, "clip")),
            ("Patients", f"{len(owners):,}" if owners else "unknown", f"unit: {store.unit}"),
        ]
    return f"What {len(runs)} runs found", lede, facts


def glance(runs: Sequence[Run], chapters: Sequence[Chapter]) -> str:
    """A card a run, in the page's order."""
    cards = "".join(
        _card(number, run, chapter) for number, (run, chapter) in enumerate(zip(runs, chapters, strict=True), 1)
    )
    intro = (
        "Bars are 95 % intervals on a scale from 0 to 1; a dotted line is what a figure must be above. "
        "Each card leads to its chapter."
    )
    return section("glance", "At a glance", intro, f'<div class="glance">{cards}</div>')


def _card(number: int, run: Run, chapter: Chapter) -> str:
    figures = "".join(_figure(figure, main=place == 0) for place, figure in enumerate(chapter.figures[:MOST_FIGURES]))
    warned = ""
    if chapter.warnings:
        warned = f'<p class="warned">{text(counted(len(chapter.warnings), "warning"))}</p>'
    state = "" if run.done else '<span class="chip">not finished</span>'
    return (
        f'<a class="card" href="#run-{number}"><p class="eyebrow"><strong>{number} · {text(chapter.kind)}</strong> '
        f'<span class="folder">{text(run.name)}</span>{state}</p><h3>{text(chapter.title)}</h3>{figures}{warned}</a>'
    )


def _figure(figure: Figure, *, main: bool) -> str:
    if figure.is_share:
        return bar(figure, main=main)
    ends = bounds(figure.low, figure.high)
    value = f"{figure.value:,.0f}" if figure.value is not None and abs(figure.value) >= 20 else share(figure.value)
    against = "" if figure.mark is None else f" · {figure.mark_name} {share(figure.mark)}"
    return f'<p class="number"><span>{text(figure.name)}</span><b>{value}</b><small>{text(ends + against)}</small></p>'
