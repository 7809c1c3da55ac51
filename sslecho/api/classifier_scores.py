"""What every classifier says of itself on patients that it has not learned from: calibration, figures, answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64

from sslecho.api.classifier_rows import Rows
from sslecho.metrics.calibration import Conformal, fewest_patients, fit_conformal, fit_temperature, reliability
from sslecho.metrics.classification import auroc, classification_scores
from sslecho.metrics.coverage import coverage_curve
from sslecho.metrics.intervals import bootstrap, bootstrap_mean
from sslecho.rundir import warn
from sslecho.tasks.probe_model import logarithms, tempered

OPEN_DRAWS = 500  # ranks are taken anew in each


def calibrated(
    truth: Int64[np.ndarray, " n"],
    probabilities: Float64[np.ndarray, "n c"],
    units: Int64[np.ndarray, " n"],
    *,
    confidence: float,
    seed: int,
    unit: str,
) -> tuple[float, Conformal | None, list[str]]:
    """The temperature and the sets that validation patients allow; and why there are no sets, where there are none.

    Args:
        truth: of labeled items of split val, of classes that are learned.
        probabilities: before any temperature.
    """
    temperature = fit_temperature(logarithms(probabilities), truth)
    n_patients, least = len(np.unique(units)), fewest_patients(confidence)
    if n_patients < least:
        return (
            temperature,
            None,
            [
                f"no sets of classes: split val has {n_patients} labeled {unit}s, and a promise of "
                f"{100 * confidence:g} % needs at least {least}"
            ],
        )
    tempered_ones = tempered(probabilities, temperature)
    rng = np.random.default_rng(seed)
    return temperature, fit_conformal(truth, tempered_ones, units=units, level=confidence, rng=rng), []


def scored(
    labels: np.ndarray,
    probabilities: Float64[np.ndarray, "n c"],
    rows: Rows,
    units: Int64[np.ndarray, " n"],
    *,
    classes: Sequence[str],
    conformal: Conformal | None,
    level: str,
    unit: str,
    seed: int,
    warnings: list[str],
) -> dict[str, Any]:
    """All figures of the test split, with the warnings that they need; all of them are said.

    Args:
        labels: of every item, None where unknown.
        probabilities: of every item, calibrated.
        units: codes of every item's patient.
    """
    names = np.array(classes)
    truth = codes_of(labels[rows.test], classes)
    of_test = probabilities[rows.test]
    rng = np.random.default_rng(seed)
    scores = classification_scores(truth, of_test, names=names.tolist(), units=units[rows.test], rng=rng, unit=unit)
    narrow = scores.pop("warning")
    warnings = [*warnings, *([narrow] if narrow else [])]
    for warning in warnings:
        warn(warning)
    confidence = of_test.max(1)
    right = of_test.argmax(1) == truth
    return {
        **scores,
        "split": "test",
        "level": level,
        "unit": unit,
        "groups": "patient" if unit == "patient" else f"{unit}s",
        "reliability": reliability(truth, of_test),
        "risk_coverage": coverage_curve(right, confidence, units=units[rows.test], rng=rng),
        "sets": _sets(conformal, truth, of_test, units[rows.test], rng=rng),
        "open_set": _open_set(labels, probabilities, rows, units, rng=rng),
        "n_train": len(rows.train),
        "n_train_patients": len(np.unique(units[rows.train])),
        "classes": list(classes),
        "warnings": warnings,
    }


def codes_of(labels: np.ndarray, classes: Sequence[str]) -> Int64[np.ndarray, " n"]:
    """The place of each label among the classes, all of which are known."""
    place = {name: code for code, name in enumerate(classes)}
    return np.array([place[str(label)] for label in labels], np.int64)


def with_answers(
    table: pa.Table, probabilities: Float64[np.ndarray, "n c"], *, classes: Sequence[str], conformal: Conformal | None
) -> pa.Table:
    """The items' table with prediction, confidence, probabilities and, where there is a promise, sets."""
    names = np.array(list(classes), dtype=object)
    columns: dict[str, Any] = {
        "prediction": pa.array(names[probabilities.argmax(1)].tolist(), pa.string()),
        "confidence": pa.array(probabilities.max(1).astype(np.float32)),
        "probabilities": pa.FixedSizeListArray.from_arrays(
            pa.array(probabilities.astype(np.float32).ravel()), probabilities.shape[1]
        ),
    }
    if conformal is not None:
        columns["set"] = pa.array(
            [names[held].tolist() for held in conformal.sets(probabilities)], pa.list_(pa.string())
        )
    for name, values in columns.items():
        table = table.append_column(name, values)
    return table


def _sets(
    conformal: Conformal | None,
    truth: Int64[np.ndarray, " n"],
    probabilities: Float64[np.ndarray, "n c"],
    units: Int64[np.ndarray, " n"],
    *,
    rng: np.random.Generator,
) -> dict[str, Any] | None:
    """How often the sets hold the truth, each patient counting once as in the promise, and how large they are."""
    if conformal is None:
        return None
    sets = conformal.sets(probabilities)
    _, codes = np.unique(units, return_inverse=True)
    of_unit = np.bincount(codes, weights=sets[np.arange(len(truth)), truth]) / np.bincount(codes)
    held = bootstrap_mean(of_unit, np.arange(len(of_unit)), rng=rng)
    alone = held.n_units < 2
    return {
        "level": conformal.level,
        "n_val_patients": conformal.n_patients,
        "coverage": held.value,
        "coverage_low": None if alone else held.low,
        "coverage_high": None if alone else held.high,
        "mean_size": float(sets.sum(1).mean()),
        "one_class": float((sets.sum(1) == 1).mean()),
    }


def _open_set(
    labels: np.ndarray,
    probabilities: Float64[np.ndarray, "n c"],
    rows: Rows,
    units: Int64[np.ndarray, " n"],
    *,
    rng: np.random.Generator,
) -> dict[str, Any] | None:
    """How well confidence tells items of known classes from those of others, as an AUROC over patients."""
    if not len(rows.unknown):
        return None
    both = np.concatenate([rows.test, rows.unknown])
    confidence, is_known = probabilities[both].max(1), np.arange(len(both)) < len(rows.test)
    found = bootstrap(lambda at: auroc(confidence[at], is_known[at]), units[both], rng=rng, n_draws=OPEN_DRAWS)
    return {
        "classes": sorted(set(labels[rows.unknown].tolist())),
        "auroc": found.value,
        "auroc_low": None if found.n_units < 2 else found.low,
        "auroc_high": None if found.n_units < 2 else found.high,
        "n": len(rows.unknown),
        "n_patients": len(np.unique(units[rows.unknown])),
    }
