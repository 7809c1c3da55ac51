"""A chapter for any run: that of its kind, or one that says why there is none."""

from dataclasses import replace

from sslecho.errors import SslechoError
from sslecho.report.card_part import card_part
from sslecho.report.chapter import Chapter, Figure, Room, warnings_of
from sslecho.report.model_card import MAKES, model_card
from sslecho.report.model_card_figures import figures_of
from sslecho.report.provenance import provenance_part
from sslecho.report.run_folder import Run
from sslecho.report.sections import SECTIONS
from sslecho.report.wording import metric_name


def chapter_of(run: Run, room: Room) -> Chapter:
    """What is said of a run, with its model card and where it came from; never an exception for what a run lacks."""
    chapter = _of_kind(run, room)
    end = [provenance_part(run, without=room.common)]
    if run.done and run.command in MAKES and run.command != "propagate":
        end.insert(0, card_part(model_card(run)))
    return replace(chapter, parts=[*chapter.parts, *end])


def _of_kind(run: Run, room: Room) -> Chapter:
    name = run.command.split()[-1].replace("-", "_")
    if not run.done:
        return _unfinished(run)
    if name not in SECTIONS.names():
        return _plain(run)
    try:
        return SECTIONS[name](run, room)
    except (LookupError, TypeError, ValueError, SslechoError) as error:
        # Written by another version, or damaged: the other runs of the page are still worth seeing.
        chapter = _plain(run)
        why = (
            f"this run is not as this version of sslecho writes it ({type(error).__name__}), so only a part of it is "
            f"shown; run sslecho {run.command} again with --overwrite"
        )
        return replace(chapter, warnings=[*chapter.warnings, why[0].upper() + why[1:] + "."])


def _unfinished(run: Run) -> Chapter:
    how_far = ""
    if run.log:
        last = run.log[-1]
        how_far = f" Its log ends at epoch {last['epoch']:.4g}" + (
            f" with a loss of {last['loss']:.3g}." if isinstance(last.get("loss"), (int, float)) else "."
        )
    return Chapter(
        kind=_kind(run),
        title=f"This {run.command} is not finished",
        lede=f"There is no result to show.{how_far} The same sslecho {run.command} goes on from where it stopped.",
        warnings=[f"Not finished: nothing is known of what sslecho {run.command} makes of this.", *run.problems],
    )


def _plain(run: Run) -> Chapter:
    """A run of a command that has no page of its own: its figures, if it has any."""
    found = figures_of(run.result)
    figures = [
        Figure(metric_name(key), value, low, high, is_share=0 <= value <= 1) for key, value, low, high in found[:6]
    ]
    n, units = run.result.get("n"), run.result.get("n_patients")
    counts = f"{n:,} items of {units:,} {run.unit}s" if isinstance(n, int) and isinstance(units, int) else ""
    said = run.result.get("verdict")
    return Chapter(
        kind=_kind(run),
        title=f"sslecho {run.command}",
        lede=str(said) if said else f"Finished{f': {counts}' if counts else ''}. This command has no figures to draw.",
        facts=[("Of", counts, f"split {run.result.get('split') or 'all'}")] if counts else [],
        figures=figures,
        warnings=warnings_of(run) if figures else run.problems,
    )


def _kind(run: Run) -> str:
    return run.command.capitalize()
