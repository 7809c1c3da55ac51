"""What the lines of `grading.py` come to: errors with intervals, by view and by grade, and the declared difference."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sslecho.evaluate.resampling import draw
from sslecho.metrics.grading import qwk, spearman
from sslecho.metrics.intervals import percentiles, too_few

ENDPOINT = "transfer, mse"
SHOWN = ("transfer, mse", "transfer, ordinal")  # in the tables by view
BINS = ((0, 2), (3, 4), (5, 6), (7, 8), (9, 10))
N_DRAWS = 2000

Line = Mapping[str, Any]
Mean = tuple[float, np.ndarray]  # over seeds, and its draws


class Sweeps:
    """Means over test frames, by seed and resampled: sweeps with all their frames, and seeds, as in
    `sslecho/evaluate/resampling.py`. Sweeps of two seeds are two sweeps."""

    def __init__(self, lines: Sequence[Line]):
        self.lines = lines
        names = [[f"{line['seed']}:{sweep}" for sweep in line["sweeps"]] for line in lines]
        self.units, codes = np.unique(np.concatenate([np.array(of) for of in names]), return_inverse=True)
        self._codes = np.split(codes, np.cumsum([len(of) for of in names])[:-1])
        self._draws = draw(len(self.units), len(lines), rng=np.random.default_rng(0), n_draws=N_DRAWS)

    def mean(self, of: Callable[[Line], np.ndarray], inside: Callable[[Line], np.ndarray] | None = None) -> Mean | None:
        """Of a figure that every frame has, where a seed has frames inside; None where none has."""
        values, drawn, total = [], np.zeros(N_DRAWS), np.zeros(N_DRAWS)
        for line, codes, share in zip(self.lines, self._codes, self._draws.supports, strict=True):
            kept = np.ones(len(codes), bool) if inside is None else inside(line)
            if not kept.any():
                continue
            figure = of(line)[kept]
            sums = np.bincount(codes[kept], figure, minlength=len(self.units))
            counts = np.bincount(codes[kept], minlength=len(self.units)).astype(float)
            values.append(float(figure.mean()))
            seen = counts @ self._draws.units
            # A seed none of whose sweeps was drawn says nothing in that draw.
            known = seen > 0
            drawn[known] += share[known] * (sums @ self._draws.units)[known] / seen[known]
            total[known] += share[known]
        if not values:
            return None
        drawn = np.divide(drawn, total, out=np.full(N_DRAWS, np.nan), where=np.abs(total) > 0.05)
        return float(np.mean(values)), drawn


def summary(lines: Sequence[Line]) -> dict[str, Any]:
    """What `finish` prints."""
    sweeps = Sweeps(lines)
    raters = sweeps.mean(_between)
    assert raters is not None
    rows = [_arm(sweeps, name, raters) for name in lines[0]["said"]]
    rows += [
        _reference(sweeps, "always the training mean", lambda line: _grades(line, "truth") - line["constant"]),
        _reference(sweeps, "always the view's training mean", lambda line: _grades(line, "truth") - _of_view(line)),
        _reference(sweeps, "rater against rater", lambda line: _grades(line, "rater_1") - _grades(line, "rater_2")),
        _reference(sweeps, "the true grade (irreducible)", _below),
    ]
    leaky = [line["leaky"] for line in lines]
    rows.append({"arm": f"{ENDPOINT}, split by frames (leaky: a warning)", "MSE": f"{_mean(leaky, 'mse'):.3f}"})
    views = [{"split": "by sweep", "view accuracy": _mean(lines, "view_accuracy")}]
    views.append({"split": "by frames (leaky: a warning)", "view accuracy": _mean(leaky, "view_accuracy")})
    value, low, high = _minus(sweeps.mean(_squared(ENDPOINT)), raters)
    lead = {"ratio": round(value, 4), "lowest": round(low, 4), "highest": round(high, 4)}
    word = "better than" if high < 0 else "worse than" if low > 0 else "not shown to differ from"
    ordinary = sweeps.mean(_squared(ENDPOINT))
    assert ordinary is not None
    text = [
        f"Against the consensus a grader is {word} one rater against the other: {value:+.2f} mean squared error (95 %: "
        f"{low:+.2f} to {high:+.2f}); goal of no worse: {'reached' if value <= 0 else 'not reached'}.",
        f"The same model split by frames would have claimed {_mean(leaky, 'mse'):.2f} in place of {ordinary[0]:.2f}.",
    ]
    if (warning := too_few(len(sweeps.units), unit="test sweep")) is not None:
        text.append(f"{warning[0].upper()}{warning[1:]}.")
    return {
        "rows": rows,
        "tables": {"by_view": by_view(sweeps), "by_grade": by_grade(sweeps), "views": views},
        "ratios": {f"{ENDPOINT} - rater against rater": lead},
        "recommendation": {"text": text},
        "n_units": len(sweeps.units),
    }


def by_view(sweeps: Sweeps) -> list[dict[str, Any]]:
    """Errors by view: a grader that only knows the view is not below that view's own mean."""
    rows = []
    for view in sorted({name for line in sweeps.lines for name in line["views"]}):

        def inside(line: Line, view: str = view) -> np.ndarray:
            return np.array(line["views"]) == view

        row: dict[str, Any] = {"view": view}
        for name in SHOWN:
            row[f"MSE of {name}"] = _with_interval(sweeps.mean(_squared(name), inside))
        row["its training mean"] = _with_interval(
            sweeps.mean(lambda line: (_grades(line, "truth") - _of_view(line)) ** 2, inside)
        )
        row["rater against rater"] = _with_interval(sweeps.mean(_between, inside))
        row["irreducible"] = _with_interval(sweeps.mean(lambda line: _below(line) ** 2, inside))
        for name in SHOWN:
            row[f"QWK of {name}"] = _over_seeds(sweeps.lines, name, lambda a, b: qwk(a, np.rint(b)), inside)
        row["sweeps"] = sum(len(set(np.array(line["sweeps"])[inside(line)].tolist())) for line in sweeps.lines)
        rows.append(row)
    return rows


def by_grade(sweeps: Sweeps) -> list[dict[str, Any]]:
    """How often the multi-task graders name the view, by the consensus."""
    rows = []
    for low, high in BINS:

        def inside(line: Line, low: int = low, high: int = high) -> np.ndarray:
            # Random is graded 0 and is a class of its own, which is no view.
            truth = np.rint(_grades(line, "truth"))
            return (truth >= low) & (truth <= high) & (np.array(line["views"]) != "Random")

        row: dict[str, Any] = {"grade": f"{low} to {high}"}
        for name in sweeps.lines[0]["said_views"]:

            def right(line: Line, name: str = name) -> np.ndarray:
                return (np.array(line["said_views"][name]) == np.array(line["views"])).astype(float)

            row[f"view accuracy of {name}"] = _with_interval(sweeps.mean(right, inside))
        row["frames"] = int(sum(inside(line).sum() for line in sweeps.lines))
        rows.append(row)
    return rows


def _arm(sweeps: Sweeps, name: str, raters: Mean) -> dict[str, Any]:
    mean = sweeps.mean(_squared(name))
    value, low, high = _minus(mean, raters)
    errors = sweeps.mean(lambda line: np.abs(np.array(line["said"][name]) - _grades(line, "truth")))
    return {
        "arm": name,
        "MSE": _with_interval(mean),
        "minus rater against rater": f"{value:+.2f} ({low:+.2f} to {high:+.2f})",
        "MAE": _with_interval(errors),
        "QWK": _over_seeds(sweeps.lines, name, lambda a, b: qwk(a, np.rint(b))),
        "Spearman": _over_seeds(sweeps.lines, name, spearman),
    }


def _reference(sweeps: Sweeps, name: str, of: Callable[[Line], np.ndarray]) -> dict[str, Any]:
    return {
        "arm": name,
        "MSE": _with_interval(sweeps.mean(lambda line: of(line) ** 2)),
        "MAE": _with_interval(sweeps.mean(lambda line: np.abs(of(line)))),
    }


def _squared(name: str) -> Callable[[Line], np.ndarray]:
    return lambda line: (np.array(line["said"][name]) - _grades(line, "truth")) ** 2


def _between(line: Line) -> np.ndarray:
    return (_grades(line, "rater_1") - _grades(line, "rater_2")) ** 2


def _below(line: Line) -> np.ndarray:
    """What is left of the consensus beside the true grade and what raters add on average; all know what is Random."""
    left = _grades(line, "truth") - _grades(line, "true_grade")
    seen = np.array(line["views"]) != "Random"
    return np.where(seen, left - left[seen].mean(), left)


def _of_view(line: Line) -> np.ndarray:
    return np.array([line["constants"].get(view, line["constant"]) for view in line["views"]])


def _grades(line: Line, name: str) -> np.ndarray:
    return np.array(line[name], float)


def _minus(a: Mean | None, b: Mean) -> tuple[float, float, float]:
    assert a is not None
    return a[0] - b[0], *percentiles(a[1] - b[1])


def _mean(lines: Sequence[Line], name: str) -> float:
    return float(np.mean([line[name] for line in lines]))


def _over_seeds(
    lines: Sequence[Line],
    name: str,
    figure: Callable[[np.ndarray, np.ndarray], float],
    inside: Callable[[Line], np.ndarray] | None = None,
) -> float | None:
    """The mean over the seeds in which it is defined, without an interval."""
    values = []
    for line in lines:
        kept = np.ones(len(line["truth"]), bool) if inside is None else inside(line)
        if kept.sum() > 1:
            values.append(figure(_grades(line, "truth")[kept], np.array(line["said"][name])[kept]))
    known = [value for value in values if np.isfinite(value)]
    return round(float(np.mean(known)), 3) if known else None


def _with_interval(mean: Mean | None) -> str | None:
    if mean is None:
        return None
    low, high = percentiles(mean[1][np.isfinite(mean[1])])
    if high - low < 1e-9:  # one sweep: nothing to resample
        return f"{mean[0]:.2f}"
    return f"{mean[0]:.2f} ({max(low, 0):.2f} to {high:.2f})"
