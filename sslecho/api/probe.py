"""`probe`: Embeddings and labels -> a classifier on frozen embeddings, scored on other patients."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sslecho.api.nouns import groups, relative
from sslecho.api.origin import Origin, find_origin
from sslecho.api.probe_rows import Rows, rows_of
from sslecho.api.probe_settings import ProbeSettings
from sslecho.config import build, identity, to_toml
from sslecho.embed.embeddings import Embeddings, rows_hash
from sslecho.embed.index.vectors import pieces
from sslecho.metrics.calibration import Conformal, ece, fewest_patients, fit_conformal, fit_temperature, reliability
from sslecho.metrics.classification import auroc, classification_scores
from sslecho.metrics.coverage import coverage_curve
from sslecho.metrics.intervals import bootstrap, bootstrap_mean
from sslecho.metrics.labels import encode_groups
from sslecho.rundir import RunDir, sha256_of, warn
from sslecho.tasks.assignment import prepared
from sslecho.tasks.predictions import Predictions, write_predictions
from sslecho.tasks.probe_model import KINDS, ProbeModel, logarithms, tempered

OPEN_DRAWS = 500  # ranks are taken anew in each


def probe(
    embeddings: Embeddings | Path | str, out: Path | str, *, overwrite: bool = False, **options: Any
) -> Predictions:
    """Fit a classifier on frozen embeddings of the train split, calibrate it on val and score it on test.

    The strength of the penalty, or the number of neighbors, is chosen on val; without val over folds of the training
    patients. From val come the temperature, and, where it has enough patients, sets of classes that hold the truth as
    often as `confidence` says. `ProbeModel.load(out)` names new embeddings.

    Args:
        embeddings: the noun, or the folder that `embed` wrote.
        out: the folder to write.
        options: the fields of `ProbeSettings` (`kind="knn"`, `labels="labels.csv"`, …).

    Raises:
        InputError: settings, embeddings, labels, splits or folder are not as they must be.
    """
    settings = build(ProbeSettings, options)
    out = Path(out)
    given = embeddings if isinstance(embeddings, Embeddings) else Embeddings.load(embeddings)
    origin = find_origin(given, store=settings.store, encoder=None)
    named = origin.with_labels(given, labels=settings.labels, column=settings.label_column)
    items = named.per_clip() if settings.level == "clip" else named
    unit = groups(given.meta["unit"])
    rows, warnings = rows_of(items, origin, settings, unit=unit)
    units = encode_groups(items.column("unit_id"), what="unit_id")
    for piece in pieces(np.asarray(items.vectors)):
        prepared(piece, normalize=True)  # refuses what is not finite, before a folder is made
    truth = (items.column("label"), items.column("split"))
    run = RunDir.open(
        out,
        command="probe",
        identity={
            **identity(settings),
            "labels": sha256_of(Path(settings.labels)) if settings.labels else None,
            "frames": given.meta["frames_hash"],
            "encoder": given.meta["encoder_hash"],
            "rows": rows_hash(items.rows),
            "truth": hashlib.sha256(repr([column.tolist() for column in truth]).encode()).hexdigest(),
        },
        settings=to_toml(settings, "probe"),
        overwrite=overwrite,
    )
    if run.done:
        return Predictions.load(out)
    about = {"encoder_hash": given.meta["encoder_hash"], "level": settings.level, "unit": unit}
    model, more = _fitted(items, rows, units, settings, about=about)
    warnings += more
    model.save(out / "model")
    uncalibrated = model.uncalibrated(np.asarray(items.vectors))
    probabilities = tempered(uncalibrated, model.temperature)
    write_predictions(
        out, _table(items, model, probabilities), meta=_meta(given, origin, settings, model.classes, out, unit=unit)
    )
    for warning in warnings:
        warn(warning)
    result = _result(items, rows, units, model, probabilities, settings, unit=unit, warnings=warnings)
    truth = np.searchsorted(np.array(model.classes), items.column("label")[rows.test].astype(str))
    run.finish({**result, "ece_uncalibrated": ece(truth, uncalibrated[rows.test]), "out": str(out)})
    return Predictions.load(out)


def _fitted(
    items: Embeddings, rows: Rows, units: np.ndarray, settings: ProbeSettings, *, about: dict[str, Any]
) -> tuple[ProbeModel, list[str]]:
    """The probe, calibrated; and why it isn't, where it isn't."""
    vectors, labels = np.asarray(items.vectors), items.column("label").astype(str)
    estimator = KINDS[settings.kind](random_state=settings.seed)
    if settings.kind == "linear":
        estimator.set_params(balance=settings.balance)
    val = (vectors[rows.val], labels[rows.val]) if len(rows.val) else None
    estimator.fit(vectors[rows.train], labels[rows.train], groups=units[rows.train], val=val)
    if val is None:
        return ProbeModel(settings.kind, estimator, 1.0, None, about), [
            "split val has no labeled item of a learned class: the probe is not calibrated and was chosen on train",
            *_unchosen(estimator),
        ]
    truth = np.searchsorted(estimator.classes_, labels[rows.val])
    probabilities = estimator.predict_proba(vectors[rows.val])
    temperature = fit_temperature(logarithms(probabilities), truth)
    conformal: Conformal | None = None
    warnings = _unchosen(estimator)
    n_patients, least = len(np.unique(units[rows.val])), fewest_patients(settings.confidence)
    if n_patients >= least:
        conformal = fit_conformal(
            truth,
            tempered(probabilities, temperature),
            units=units[rows.val],
            level=settings.confidence,
            rng=np.random.default_rng(settings.seed),
        )
    else:
        warnings.append(
            f"no sets of classes: split val has {n_patients} labeled {about['unit']}s, and a promise of "
            f"{100 * settings.confidence:g} % needs at least {least}"
        )
    return ProbeModel(settings.kind, estimator, temperature, conformal, about), warnings


def _unchosen(estimator: Any) -> list[str]:
    if estimator.was_chosen_:
        return []
    return [f"there was nothing to choose by, so the middle value stands ({estimator.chosen_:g})"]


def _result(
    items: Embeddings,
    rows: Rows,
    units: np.ndarray,
    model: ProbeModel,
    probabilities: np.ndarray,
    settings: ProbeSettings,
    *,
    unit: str,
    warnings: list[str],
) -> dict[str, Any]:
    """All figures of the test split."""
    labels, classes = items.column("label"), model.classes
    truth = np.searchsorted(np.array(classes), labels[rows.test].astype(str))
    of_test = probabilities[rows.test]
    rng = np.random.default_rng(settings.seed)
    scores = classification_scores(truth, of_test, names=classes, units=units[rows.test], rng=rng, unit=unit)
    narrow = scores.pop("warning")
    if narrow:
        warn(narrow)
    confidence = of_test.max(1)
    right = of_test.argmax(1) == truth
    return {
        **scores,
        "split": "test",
        "level": settings.level,
        "unit": unit,
        "groups": "patient" if unit == "patient" else f"{unit}s",
        "kind": settings.kind,
        "chosen": model.probe.chosen_,
        "temperature": model.temperature,
        "reliability": reliability(truth, of_test),
        "risk_coverage": coverage_curve(right, confidence, units=units[rows.test], rng=rng),
        "sets": _sets(model, truth, of_test, units[rows.test], rng=rng),
        "open_set": _open_set(labels, probabilities, rows, units, rng=rng),
        "n_train": len(rows.train),
        "n_train_patients": len(np.unique(units[rows.train])),
        "classes": classes,
        "warnings": [*warnings, *([narrow] if narrow else [])],
    }


def _sets(
    model: ProbeModel, truth: np.ndarray, probabilities: np.ndarray, units: np.ndarray, *, rng: np.random.Generator
) -> dict[str, Any] | None:
    """How often the sets hold the truth, each patient counting once as in the promise, and how large they are."""
    if model.conformal is None:
        return None
    sets = model.conformal.sets(probabilities)
    _, codes = np.unique(units, return_inverse=True)
    of_unit = np.bincount(codes, weights=sets[np.arange(len(truth)), truth]) / np.bincount(codes)
    held = bootstrap_mean(of_unit, np.arange(len(of_unit)), rng=rng)
    alone = held.n_units < 2
    return {
        "level": model.conformal.level,
        "n_val_patients": model.conformal.n_patients,
        "coverage": held.value,
        "coverage_low": None if alone else held.low,
        "coverage_high": None if alone else held.high,
        "mean_size": float(sets.sum(1).mean()),
        "one_class": float((sets.sum(1) == 1).mean()),
    }


def _open_set(
    labels: np.ndarray, probabilities: np.ndarray, rows: Rows, units: np.ndarray, *, rng: np.random.Generator
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


def _table(items: Embeddings, model: ProbeModel, probabilities: np.ndarray) -> pa.Table:
    names = np.array(model.classes, dtype=object)
    columns: dict[str, Any] = {
        "prediction": pa.array(names[probabilities.argmax(1)].tolist(), pa.string()),
        "confidence": pa.array(probabilities.max(1).astype(np.float32)),
        "probabilities": pa.FixedSizeListArray.from_arrays(
            pa.array(probabilities.astype(np.float32).ravel()), probabilities.shape[1]
        ),
    }
    if model.conformal is not None:
        sets = model.conformal.sets(probabilities)
        columns["set"] = pa.array([names[held].tolist() for held in sets], pa.list_(pa.string()))
    table = items.rows
    for name, values in columns.items():
        table = table.append_column(name, values)
    return table


def _meta(
    given: Embeddings, origin: Origin, settings: ProbeSettings, classes: list[str], out: Path, *, unit: str
) -> dict[str, Any]:
    return {
        "task": "probe",
        "kind": settings.kind,
        "classes": classes,
        "level": settings.level,
        "unit": unit,
        "frames_hash": given.meta["frames_hash"],
        "encoder_hash": given.meta["encoder_hash"],
        "store": relative(origin.store.path, out) if origin.store else None,
        "embeddings": relative(given.path, out) if given.path else None,
    }
