"""The figures of a label-efficiency benchmark as rows: for the JSON and for the Scores noun."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sslecho.api.label_efficiency_settings import LabelEfficiencySettings
from sslecho.config import identity
from sslecho.evaluate.arms import Arm
from sslecho.evaluate.cells import seed_of
from sslecho.evaluate.comparison import Lead, curve_interval, leads
from sslecho.evaluate.design import Design
from sslecho.evaluate.resampling import METRICS, Curve


class Compared(NamedTuple):
    """Every metric of every arm; the first arm is the one that the verdict is of."""

    numbers: list[int]
    arms: list[Arm]
    curves: dict[str, dict[str, Curve]]


def compared_rows(compared: Compared, design: Design, *, supports: int) -> list[dict[str, Any]]:
    """A row an arm and number of labels: all metrics with intervals, and what was labeled, on the mean of supports."""
    rows = []
    labeled = {x: [design.labeled(x, support=s) for s in range(supports)] for x in compared.numbers}
    for arm in compared.arms:
        for place, x in enumerate(compared.numbers):
            row: dict[str, Any] = {"arm": arm.name, "x": x, "all": x == design.most}
            for metric in METRICS:
                curve = compared.curves[arm.name][metric]
                row[metric] = _number(curve.values[place])
                row[f"{metric}_low"], row[f"{metric}_high"] = curve_interval(curve, place)
            row["n_labeled"] = float(np.mean([len(part) for part in labeled[x]]))
            row["n_labeled_patients"] = float(np.mean([part.n_units for part in labeled[x]]))
            row["n_labeled_classes"] = float(np.mean([len(np.unique(part.codes)) for part in labeled[x]]))
            rows.append(row)
    return rows


def leads_rows(compared: Compared, over: Mapping[str, Sequence[Lead]], *, metric: str) -> list[dict[str, Any]]:
    """A row a rival, metric and number of labels; bounds for all at once for the declared metric alone.

    Args:
        over: the leads of the declared metric.
    """
    first, *rivals = compared.arms
    rows = []
    for other in METRICS:
        of = {name: arm_curves[other] for name, arm_curves in compared.curves.items()}
        found = (
            over if other == metric else leads(compared.numbers, of[first.name], {r.name: of[r.name] for r in rivals})
        )
        for name, of_rival in found.items():
            for lead in of_rival:
                row: dict[str, Any] = {"arm": first.name, "against": name, "metric": other, "x": lead.x}
                row |= {"difference": _number(lead.value), "low": _number(lead.low), "high": _number(lead.high)}
                if other == metric:
                    row |= {"simultaneous_low": lead.all_low, "simultaneous_high": lead.all_high, "shown": lead.shown}
                rows.append(row)
    return rows


def score_rows(
    compared: Compared, design: Design, settings: LabelEfficiencySettings, *, leaky: Mapping[str, Any] | None
) -> Any:
    """The Scores noun: a row for each cell (with its support, run and seed) and for each mean with its interval."""
    from sslecho.evaluate.scores import Scores

    rows: list[dict[str, Any]] = []
    n_patients = design.test.n_units
    for arm in compared.arms:
        for metric in METRICS:
            curve = compared.curves[arm.name][metric]
            about = {"metric": metric, "arm": arm.name, "n_patients": n_patients, "split": "test"}
            for place, x in enumerate(compared.numbers):
                low, high = curve_interval(curve, place)
                rows.append({**about, "x": x, "value": _number(curve.values[place]), "low": low, "high": high})
                for support, run in np.ndindex(curve.cells.shape[1:]):
                    seed = seed_of(design, support=support, run=run)
                    value = _number(curve.cells[place, support, run])
                    rows.append({**about, "x": x, "value": value, "support": support, "run": run, "seed": seed})
    for metric in METRICS if leaky else ():
        rows.append(
            {
                "metric": metric,
                "arm": compared.arms[0].name,
                "value": leaky[metric] if leaky else None,
                "n_patients": leaky["n_patients"] if leaky else None,
                "split": "frames at random (leaky: a warning, not a result)",
                "seed": settings.seed,
            }
        )
    meta = {"protocol": "label-efficiency", "settings": identity(settings), "classes": list(design.classes)}
    return Scores.from_rows(rows, meta=meta, x=pa.int64(), support=pa.int64(), run=pa.int64())


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
