"""What a grader is worth on patients or sweeps that it has not learned from, beside what raters are to each other."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from sslecho.api.grade_rows import GradedFrames
from sslecho.metrics.grading import grading_scores, rater_error
from sslecho.metrics.intervals import bootstrap_mean
from sslecho.metrics.labels import encode_groups
from sslecho.rundir import warn
from sslecho.train.validation import means

BINS = ((0, 2), (3, 4), (5, 6), (7, 8), (9, 10))  # tenths of the scale: whole grades of CACTUS


def scored_grades(
    found: GradedFrames,
    said: Float64[np.ndarray, " n"],
    of_views: Float64[np.ndarray, "n c"] | None,
    views: Sequence[str],
    *,
    scale: tuple[int, int],
    level: str,
    unit: str,
    seed: int,
) -> dict[str, Any]:
    """All figures of the test split.

    Args:
        said: the grade of every frame.
        of_views: probabilities of every frame's view, where views were learned.
        level: "clip" scores means of clips' graded frames.
    """
    rng = np.random.default_rng(seed)
    units = encode_groups(found.frames.column("unit_id"), what="unit_id")
    labels = found.frames.column("label")
    rows = found.test
    truth, predicted, of_unit, of_view = found.grades[rows], said[rows], units[rows], labels[rows]
    if level == "clip":
        clip_ids = found.frames.column("clip_id")[rows].astype(str)
        _, first, clip = np.unique(clip_ids, return_index=True, return_inverse=True)
        both = means(np.stack([truth, predicted], axis=1), clip, len(first))
        truth, predicted, of_unit, of_view = both[:, 0], both[:, 1], of_unit[first], of_view[first]
    named = np.array([name is not None for name in of_view], bool)
    scores = grading_scores(
        truth,
        predicted,
        units=of_unit,
        constant=found.constant,
        constants=found.constants,
        scale=scale,
        rng=rng,
        views=of_view if named.any() else None,
        unit=unit,
    )
    narrow = scores.pop("warning")
    if narrow:
        warn(narrow)
    raters = _raters(found, said)
    return {
        **scores,
        "raters": raters,
        "view_accuracy_by_grade": _view_accuracy(found, of_views, views, scale=scale, rng=rng, units=units),
        "split": "test",
        "level": level,
        "unit": unit,
        "groups": "patient" if unit == "patient" else f"{unit}s",
        "narrow": narrow,
    }


def _raters(found: GradedFrames, said: Float64[np.ndarray, " n"]) -> dict[str, Any] | None:
    """How far raters are apart on the test frames that several of them graded, and the grader's error there.

    Two raters' independent errors of variance v make 2 v of squared difference. A faultless grader still errs by v from
    one rater, and by v / r from the mean of r of them: `irreducible` is that of the grades that are scored, if these
    are the raters' mean. What raters have in common, a bias say, is in neither.
    """
    raters = found.raters[found.test]
    n_raters = raters.shape[1]
    if not n_raters:
        return None
    rows = found.test[np.isfinite(raters).sum(1) >= 2]
    error = rater_error(found.raters[rows])
    own = float(((said[rows] - found.grades[rows]) ** 2).mean()) if len(rows) else None
    floor = error["mse"] / (2 * n_raters) if error["mse"] else None
    return {
        **error,
        "grader_mse": own,
        "mse_over_raters": None if not error["mse"] or own is None else own / error["mse"],
        "irreducible": floor,
        "mse_over_irreducible": None if floor is None or own is None else own / floor,
        "n": len(rows),
    }


def _view_accuracy(
    found: GradedFrames,
    of_views: Float64[np.ndarray, "n c"] | None,
    views: Sequence[str],
    *,
    scale: tuple[int, int],
    rng: np.random.Generator,
    units: np.ndarray,
) -> list[dict[str, Any]] | None:
    """Share of test frames whose view is said right, by the grade that raters gave: none can be told where nothing is
    seen."""
    if of_views is None:
        return None
    labels = found.frames.column("label")
    rows = np.array([row for row in found.test if labels[row] in set(views)], np.int64)
    if not len(rows):
        return None
    right = np.array([views[code] for code in of_views[rows].argmax(1)], dtype=object) == labels[rows]
    tenths = np.rint(10 * (found.grades[rows] - scale[0]) / (scale[1] - scale[0]))
    lines = []
    for low, high in BINS:
        inside = (tenths >= low) & (tenths <= high)
        if not inside.any():
            continue
        of_bin = bootstrap_mean(right[inside].astype(np.float64), units[rows[inside]], rng=rng)
        alone = of_bin.n_units < 2
        lines.append(
            {
                "low": scale[0] + low / 10 * (scale[1] - scale[0]),
                "high": scale[0] + high / 10 * (scale[1] - scale[0]),
                "accuracy": of_bin.value,
                "accuracy_low": None if alone else of_bin.low,
                "accuracy_high": None if alone else of_bin.high,
                "n": int(inside.sum()),
                "n_patients": of_bin.n_units,
            }
        )
    return lines
