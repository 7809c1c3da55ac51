"""Whether a classifier is as often right as it says: the reliability plot, risk against coverage, and its promise."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sslecho.report.chapter import Part
from sslecho.report.chart import Axes, Line, chart
from sslecho.report.markup import text
from sslecho.report.run_folder import Run
from sslecho.report.wording import share, with_interval


def calibration_part(run: Run) -> Part:
    """Both charts side by side, and what may be said of them."""
    result = run.result
    figures = _reliability(result, run) + coverage_chart(
        result.get("risk_coverage") or [],
        title="If it may leave out what it is unsure of",
        level=run.level,
        overall=result.get("accuracy"),
    )
    lines = _lines(run)
    points = f'<ul class="points">{"".join(f"<li>{text(line)}</li>" for line in lines)}</ul>'
    intro = (
        "Left: dots on the dotted line are answers that are right as often as the confidence says; below it, the "
        "classifier is too sure. Right: only the most confident answers are kept; the error at each coverage is one "
        "minus the curve."
    )
    body = f'<div class="pair">{figures}</div>{points}'
    return Part("calibration", "Calibration", "Is it as often right as it says?", intro, body)


def coverage_chart(
    points: Sequence[Mapping[str, Any]],
    *,
    title: str,
    level: str,
    overall: float | None = None,
    at: float | None = None,
    caption: str = "",
) -> str:
    """Precision of the most confident items against their share.

    Args:
        points: of `metrics.coverage.coverage_curve`.
        overall: of all items, as a dotted line.
        at: the coverage that was chosen, marked.
    """
    if not points:
        return ""
    xs = [point["coverage"] for point in points]
    line = Line(
        xs,
        [point["precision"] for point in points],
        [point.get("precision_low") for point in points],
        [point.get("precision_high") for point in points],
    )
    axes = Axes(
        f"coverage: share of {level}s that get an answer",
        "precision: share of answers that are right",
        level=None if overall is None else (overall, f"all answered: {share(overall)}"),
        upright=None if at is None else (at, f"chosen: {share(at)}"),
    )
    said = f"Precision is {share(line.y[0])} at coverage {share(xs[0])} and {share(line.y[-1])} at {share(xs[-1])}"
    return chart([line], axes, title=title, alt=said, caption=caption)


def _reliability(result: Mapping[str, Any], run: Run) -> str:
    bins = result.get("reliability") or []
    if not bins:
        return ""
    most = max(row["n"] for row in bins)
    line = Line(
        [row["confidence"] for row in bins],
        [row["accuracy"] for row in bins],
        # The area of a dot is the number of items in its bin.
        radius=[3 + 9 * math.sqrt(row["n"] / most) for row in bins],
    )
    axes = Axes("confidence", "share of answers that are right", diagonal=True)
    said = f"Share right against confidence in {len(bins)} bins"
    return chart(
        [line], axes, title="Confidence against the truth", alt=said, caption=f"The area of a dot: {run.level}s in it."
    )


def _lines(run: Run) -> list[str]:
    result = run.result
    lines = []
    if result.get("ece") is not None:
        before = result.get("ece_uncalibrated")
        was = "" if before is None else f"; before calibration it was {share(before)}"
        found = with_interval(result["ece"], result.get("ece_low"), result.get("ece_high"))
        lines.append(
            f"Expected calibration error {found}{was}. It is never negative and chance lifts it: with "
            f"{result['n']:,} {run.level}s compare it with sets of the same size only."
        )
    if result.get("temperature") is not None:
        lines.append(f"Log probabilities are divided by {result['temperature']:.2f}, fitted on validation {run.unit}s.")
    if sets := result.get("sets"):
        held = with_interval(sets.get("coverage"), sets.get("coverage_low"), sets.get("coverage_high"))
        lines.append(
            f"Sets of classes promised to hold the truth for {100 * sets['level']:g} % of new {run.unit}s; they held "
            f"it for {held}, with {sets['mean_size']:.1f} classes on average; {share(sets['one_class'])} of them have "
            "one class."
        )
    else:
        lines.append("It gives no sets of classes with a promise: there were too few validation patients.")
    return lines
