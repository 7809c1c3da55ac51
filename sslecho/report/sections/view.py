"""A classifier of whole clips: how it learned, and what it is worth on others, by window, clip and patient."""

from collections.abc import Mapping
from typing import Any

from sslecho.report.chapter import Chapter, Part, Room
from sslecho.report.class_table import figure_cell
from sslecho.report.classifier_chapter import classifier_chapter
from sslecho.report.markup import text
from sslecho.report.run_folder import Run
from sslecho.report.sections import SECTIONS
from sslecho.report.training_part import training_part
from sslecho.report.wording import metric_name, share

METRICS = ("balanced_accuracy", "accuracy", "macro_f1", "auroc", "ece")


@SECTIONS.add("view")
def view(run: Run, room: Room) -> Chapter:
    """The chapter of `sslecho view`."""
    parts = [*_aggregates_part(run), *_levels_part(run), *training_part(run, views="windows of clips")]
    return classifier_chapter(run, room, kind="Clip classifier", maker="The clip classifier", parts=parts)


def _aggregates_part(run: Run) -> list[Part]:
    """Each way to make one answer of a clip's windows."""
    lines = run.result.get("aggregates") or []
    if not lines:
        return []
    chosen = run.result.get("aggregate")
    rows = [
        _row(str(line["aggregate"]), line, share(line.get("uncertainty_auroc")), own=line["aggregate"] == chosen)
        for line in lines
    ]
    intro = (
        "The same windows of the same clips, put together in each way, before calibration. Bold: the one that this "
        "classifier uses, named before the run. The last column says how well uncertainty tells wrong answers."
    )
    table = _table("aggregate", ["uncertainty, AUROC"], rows)
    return [Part("aggregates", "Aggregates", "How are windows put together?", intro, table)]


def _levels_part(run: Run) -> list[Part]:
    levels: Mapping[str, Any] = run.result.get("levels") or {}
    names = {"frame": "window", "clip": "clip", "patient": run.unit}
    rows = [
        _row(f"each {names.get(level, level)} counts once", of_one, f"{of_one.get('n', 0):,}", own=level == run.level)
        for level, of_one in levels.items()
        if isinstance(of_one, Mapping)
    ]
    if not rows:
        return []
    intro = f"The same test {run.unit}s, counted three ways; by {run.unit}, accuracy is the mean of their shares right."
    return [Part("levels", "By level", "What counts once?", intro, _table("level", ["n"], rows))]


def _row(name: str, figures: Mapping[str, Any], last: str, *, own: bool) -> str:
    cells = "".join(figure_cell(figures, metric) for metric in METRICS)
    mark = " class='own'" if own else ""
    return f"<tr{mark}><th scope='row' class='who'>{text(name)}</th>{cells}<td>{text(last)}</td></tr>"


def _table(first: str, last: list[str], rows: list[str]) -> str:
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in [*map(metric_name, METRICS), *last])
    return (
        f'<div class="table card" tabindex="0"><table><thead><tr><th scope="col" class="who">{text(first)}</th>{head}'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
