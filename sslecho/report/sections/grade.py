"""A grader: how near its grades are to those given, by view, beside what raters are to each other."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sslecho.report.bars import bars
from sslecho.report.chapter import Chapter, Figure, Part, Room, figure_of, warnings_of
from sslecho.report.class_table import figure_cell
from sslecho.report.grade_figure import draw_run
from sslecho.report.markup import counted, text
from sslecho.report.run_folder import Run
from sslecho.report.sections import SECTIONS
from sslecho.report.training_part import both, training_part
from sslecho.report.wording import metric_name, share, with_interval
from sslecho.report.worst import Wrong, chosen, sheet

METRICS = ("mse", "mae", "qwk", "spearman", "mse_constant")
SHORT = {"mse": "MSE", "mae": "MAE", "qwk": "weighted kappa", "spearman": "Spearman", "mse_constant": "MSE, one grade"}


@SECTIONS.add("grade")
def grade(run: Run, room: Room) -> Chapter:
    """The chapter of `sslecho grade`."""
    result = run.result
    parts = [_result_part(run), _view_part(run), _rater_part(run), _seen_part(run), *_worst_part(run, room)]
    return Chapter(
        kind="Grading",
        title=_title(run),
        lede=(
            f"On {run.counts} that it has not learned from, the mean squared error is {_said(result, 'mse')} on "
            f"a scale from {result['scale'][0]} to {result['scale'][1]}; always giving the same grade has "
            f"{_said(result, 'mse_constant')}."
        ),
        facts=_facts(run),
        figures=_figures(result),
        warnings=warnings_of(run),
        parts=[*(part for part in parts if part is not None), *training_part(run, views="one view each")],
    )


def _title(run: Run) -> str:
    result = run.result
    high = result.get("mse_high")
    if high is None:
        return f"Mean squared error {result['mse']:.2f}, on too few {run.unit}s for an interval"
    if high < result["mse_constant"]:
        return (
            f"It grades better than always the same grade: error {result['mse']:.2f}, not {result['mse_constant']:.2f}"
        )
    if result["mse"] < result["mse_constant"]:
        return "It is not shown to grade better than always giving the same grade"
    return "It grades no better than always giving the same grade"


def _said(figures: Mapping[str, Any], metric: str) -> str:
    return with_interval(figures.get(metric), figures.get(f"{metric}_low"), figures.get(f"{metric}_high"))


def _figures(result: Mapping[str, Any]) -> list[Figure]:
    shares = [
        figure_of(name, result, key, mark=0.0, mark_name="no agreement")
        for key, name in (("qwk", "Weighted kappa"), ("spearman", "Spearman"))
        if result.get(key) is not None
    ]
    error = Figure("MSE", result["mse"], result.get("mse_low"), result.get("mse_high"), result["mse_constant"],
                   "always the same grade", is_share=False)  # fmt: skip
    return [error, *shares]


def _facts(run: Run) -> list[tuple[str, str, str]]:
    result = run.result
    learned = "" if result.get("n_train") is None else f"{result['n_train']:,} graded frames learned from"
    return [
        ("Scored", counted(int(result["n"]), run.level), counted(int(result["n_patients"]), run.unit)),
        ("Scale", f"{result['scale'][0]} to {result['scale'][1]}", ""),
        ("Arm", str(result.get("arm", "–")), f"loss {result.get('grade_loss', '–')}"),
        ("Split", str(result.get("split")), learned),
    ]


def _result_part(run: Run) -> Part:
    result = run.result
    rows = run.items.to_pylist() if run.items is not None else []
    figure = ""
    if any(row.get("split") == "test" and row.get("grade") is not None for row in rows):
        figure = both(
            lambda theme: draw_run(rows, {"narrow": None, **result}, theme=theme),
            alt="Left: grades given and said of test frames; right: their course over six test clips",
            wide=True,
        )
    tiles = "".join(
        f'<div class="tile card"><span>{text(metric_name(key).capitalize())}</span><b>{share(result.get(key))}</b>'
        f"<small>{text(_interval(result, key))}</small></div>"
        for key in ("mse", "mae", "mse_constant")
    )
    agreement = [figure for figure in _figures(result) if figure.is_share]
    body = figure + f'<div class="tiles">{tiles}</div>'
    if agreement:
        body += (
            f'<div class="result card single"><div><h3>Agreement, with 95 % intervals</h3>{bars(agreement)}</div></div>'
        )
    intro = (
        "Errors are in steps of the scale, squared; weighted kappa and Spearman are 0 where it tells nothing and 1 "
        "where it agrees. A flat grader has a small error where grades hardly differ, so the error of always the "
        "same grade stands beside its own."
    )
    return Part("result", "Result", "How near are its grades?", intro, body)


def _interval(result: Mapping[str, Any], key: str) -> str:
    low, high = result.get(f"{key}_low"), result.get(f"{key}_high")
    return "no interval" if low is None else f"95 %: {share(low)}–{share(high)}"


def _view_part(run: Run) -> Part | None:
    views: Mapping[str, Any] = run.result.get("per_view") or {}
    if not views:
        return None
    head = "".join(f'<th scope="col">{SHORT[key]}</th>' for key in METRICS)
    rows = "".join(
        f"<tr><th scope='row' class='who'>{text(name)}</th>{''.join(figure_cell(of_one, key) for key in METRICS)}"
        f"<td>{of_one.get('n', 0):,}</td><td>{of_one.get('n_patients', 0):,}</td></tr>"
        for name, of_one in views.items()
    )
    body = (
        '<div class="table card" tabindex="0"><table><thead><tr><th scope="col" class="who">view</th>'
        f'{head}<th scope="col">{text(run.level)}s</th><th scope="col">{text(run.unit)}s</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    intro = (
        "The last of the errors is that of always giving a view its own mean grade, as far as training frames had one."
    )
    return Part("views", "By view", "For which views does it hold?", intro, body)


def _rater_part(run: Run) -> Part | None:
    raters = run.result.get("raters")
    if not raters or raters.get("mse") is None:
        return None
    tiles = [
        ("Raters from each other", share(raters["mse"]), "mean squared difference of two raters of one frame"),
        ("The grader from their mean", share(raters.get("grader_mse")), f"on the same {raters['n']:,} frames"),
        ("Ratio", share(raters.get("mse_over_raters")), "below 1: nearer to their mean than they are to each other"),
        ("Not to be had", share(raters.get("irreducible")), "what a faultless grader would still err by"),
    ]  # fmt: skip
    body = "".join(
        f'<div class="tile card"><span>{text(name)}</span><b>{value}</b><small>{text(about)}</small></div>'
        for name, value, about in tiles
    )
    intro = "Raters differ, so no grader can be right for all of them; a bias that raters share is in no figure here."
    return Part("raters", "Raters", "Is it as good as a rater?", intro, f'<div class="tiles">{body}</div>')


def _seen_part(run: Run) -> Part | None:
    bins = run.result.get("view_accuracy_by_grade")
    if not bins:
        return None
    figures = [
        Figure(f"grade {row['low']:g} to {row['high']:g}, {row['n']:,} frames", row["accuracy"], row["accuracy_low"],
               row["accuracy_high"], 1 / len(run.result["views"]))
        for row in bins
    ]  # fmt: skip
    body = f'<div class="result card single"><div>{bars(figures, main=None, key="chance")}</div></div>'
    intro = (
        "Share of test frames whose view is named rightly, by the grade that was given: where nothing is seen, none is."
    )
    return Part("seen", "Views by grade", "Does it see more where more is to be seen?", intro, body)


def _worst_part(run: Run, room: Room) -> list[Part]:
    if run.items is None:
        return []
    given, said, split = (run.column(name) for name in ("grade", "predicted_grade", "split"))
    tested = np.array([g is not None and s == "test" for g, s in zip(given, split, strict=True)], bool)
    rows = np.flatnonzero(tested)
    if not len(rows):
        return []
    error = np.abs(given[rows].astype(float) - said[rows].astype(float))
    order = rows[np.argsort(-error, kind="stable")]
    # One frame a clip: the next frame of a bad clip shows the same.
    clips = run.column("clip_id")[order]
    _, first = np.unique(clips.astype(str), return_index=True)
    order = order[np.sort(first)]
    labels = run.column("label")
    wrong = [
        Wrong(item, f"given {given[item]:g}, said {said[item]:.1f}", str(labels[item] or "view unknown"))
        for item in chosen(order.tolist(), run.column("unit_id"))
    ]
    gone = "" if run.store is not None else " The store is gone, so there are no pictures."
    intro = text(f"Test frames by their error, one of a clip and at most two of a {run.unit}.{gone}")
    body = sheet(run, wrong, most_bytes=room.bytes)
    return [Part("errors", "Worst errors", "Where is it most wrong?", intro, body)]
