"""`probe`: Embeddings and labels -> a classifier on frozen embeddings, scored on other patients."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sslecho.api.nouns import groups, relative
from sslecho.api.origin import Origin, find_origin
from sslecho.api.probe_settings import ProbeSettings
from sslecho.config import build, identity, to_toml
from sslecho.embed.embeddings import Embeddings, rows_hash
from sslecho.errors import InputError
from sslecho.metrics.calibration import Conformal, ece, fewest_patients, fit_conformal, fit_temperature, reliability
from sslecho.metrics.classification import auroc, classification_scores
from sslecho.metrics.coverage import coverage_curve
from sslecho.metrics.intervals import bootstrap, bootstrap_mean
from sslecho.metrics.labels import encode_groups
from sslecho.rundir import RunDir, sha256_of, warn
from sslecho.tasks.predictions import Predictions, write_predictions
from sslecho.tasks.probe_model import KINDS, ProbeModel, logarithms, tempered

OPEN_DRAWS = 500  # ranks are taken anew in each


class _Rows(NamedTuple):
    """Rows of the items by use; `unknown` are test items of a class that is not learned."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    unknown: np.ndarray


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
    rows, warnings = _rows_of(items, settings, unit=unit)
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
    units = encode_groups(items.column("unit_id"), what="unit_id")
    about = {"encoder_hash": given.meta["encoder_hash"], "level": settings.level, "unit": unit}
    model, more = _fitted(items, rows, units, settings, about=about)
    warnings += more
    model.save(out / "model")
    probabilities = model.probabilities(np.asarray(items.vectors))
    write_predictions(
        out, _table(items, model, probabilities), meta=_meta(given, origin, settings, model.classes, out, unit=unit)
    )
    for warning in warnings:
        warn(warning)
    run.finish(_result(items, rows, units, model, probabilities, settings, out, unit=unit, warnings=warnings))
    return Predictions.load(out)


def _rows_of(items: Embeddings, settings: ProbeSettings, *, unit: str) -> tuple[_Rows, list[str]]:
    """Whom to learn from, choose by and score; what of it the user should know.

    Raises:
        InputError: no split, or too little to learn from or to score.
    """
    labels, splits = items.column("label"), items.column("split")
    known = np.array([label is not None for label in labels], bool)
    if not known.any():
        raise InputError(
            "no label is known for these embeddings; give --labels CSV (clip_id,label), or ingest --labels"
        )
    if all(name is None for name in splits):
        raise InputError(
            "these embeddings have no split, and a probe must be scored on patients that it has not learned from; run "
            "`sslecho split STORE --test 0.2 --val 0.1` first"
        )
    left_out = np.isin(labels.astype(str), settings.open_set)
    if missing := sorted(set(settings.open_set) - set(labels[known].tolist())):
        raise InputError(f"--open-set {', '.join(missing)}: no item has this label; there are: {_some(labels[known])}")
    train = np.flatnonzero(known & ~left_out & (splits == "train"))
    classes = sorted(set(labels[train].tolist()))
    if len(classes) < 2:
        has = f"one class ({classes[0]})" if classes else "no labeled item"
        raise InputError(f"split train has {has}, and a probe needs two classes; label more of its {unit}s")
    learned = np.isin(labels.astype(str), classes)
    val, tested = (np.flatnonzero(known & (splits == name)) for name in ("val", "test"))
    test, unknown = tested[learned[tested]], tested[~learned[tested]]
    if not len(test):
        raise InputError(f"no item of split test has a class that is learned ({', '.join(classes)}); label some")
    units, warnings = items.column("unit_id"), []
    for name in classes:
        of_class = len(set(units[train][labels[train] == name]))
        if of_class == 1:
            warnings.append(f"class {name!r} has one {unit} in train: what is learned of it may be that {unit}")
    if absent := sorted(set(classes) - set(labels[test].tolist())):
        warnings.append(f"no test item is of class {', '.join(absent)}: nothing is said of it")
    if new := sorted(set(labels[unknown].tolist()) - set(settings.open_set)):
        warnings.append(f"classes of test that train has not: {', '.join(new)}; their items are scored as an open set")
    return _Rows(train, val[learned[val]], test, unknown), warnings


def _fitted(
    items: Embeddings, rows: _Rows, units: np.ndarray, settings: ProbeSettings, *, about: dict[str, Any]
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
            "split val has no labeled item: the probe is not calibrated, and its strength was chosen on folds of train"
        ]
    truth = np.searchsorted(estimator.classes_, labels[rows.val])
    probabilities = estimator.predict_proba(vectors[rows.val])
    temperature = fit_temperature(logarithms(probabilities), truth)
    conformal: Conformal | None = None
    warnings = []
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
            f"{settings.confidence:.0%} needs at least {least}"
        )
    return ProbeModel(settings.kind, estimator, temperature, conformal, about), warnings


def _result(
    items: Embeddings,
    rows: _Rows,
    units: np.ndarray,
    model: ProbeModel,
    probabilities: np.ndarray,
    settings: ProbeSettings,
    out: Path,
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
    uncalibrated = model.probe.predict_proba(np.asarray(items.vectors)[rows.test])
    return {
        **scores,
        "split": "test",
        "level": settings.level,
        "unit": unit,
        "kind": settings.kind,
        "chosen": model.probe.chosen_,
        "temperature": model.temperature,
        "ece_uncalibrated": ece(truth, uncalibrated),
        "reliability": reliability(truth, of_test),
        "risk_coverage": coverage_curve(right, confidence, units=units[rows.test], rng=rng),
        "sets": _sets(model, truth, of_test, units[rows.test], rng=rng),
        "open_set": _open_set(labels, probabilities, rows, units, rng=rng),
        "n_train": len(rows.train),
        "n_train_patients": len(np.unique(units[rows.train])),
        "classes": classes,
        "out": str(out),
        "warnings": [*warnings, *([narrow] if narrow else [])],
    }


def _sets(
    model: ProbeModel, truth: np.ndarray, probabilities: np.ndarray, units: np.ndarray, *, rng: np.random.Generator
) -> dict[str, Any] | None:
    """How often the sets hold the truth of test items, and how large they are."""
    if model.conformal is None:
        return None
    sets = model.conformal.sets(probabilities)
    held = bootstrap_mean(sets[np.arange(len(truth)), truth].astype(np.float64), units, rng=rng)
    return {
        "level": model.conformal.level,
        "n_val_patients": model.conformal.n_patients,
        "coverage": held.value,
        "coverage_low": held.low,
        "coverage_high": held.high,
        "mean_size": float(sets.sum(1).mean()),
        "one_class": float((sets.sum(1) == 1).mean()),
    }


def _open_set(
    labels: np.ndarray, probabilities: np.ndarray, rows: _Rows, units: np.ndarray, *, rng: np.random.Generator
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
        "auroc_low": found.low,
        "auroc_high": found.high,
        "n": len(rows.unknown),
        "n_patients": len(np.unique(units[rows.unknown])),
    }


def _table(items: Embeddings, model: ProbeModel, probabilities: np.ndarray) -> pa.Table:
    n, n_classes = probabilities.shape
    names = np.array(model.classes, dtype=object)
    columns: dict[str, Any] = {
        "prediction": pa.array(names[probabilities.argmax(1)].tolist(), pa.string()),
        "confidence": pa.array(probabilities.max(1).astype(np.float32)),
        "probabilities": pa.ListArray.from_arrays(
            pa.array(np.arange(n + 1, dtype=np.int32) * n_classes), pa.array(probabilities.astype(np.float32).ravel())
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


def _some(labels: np.ndarray) -> str:
    return ", ".join(sorted(set(labels.tolist()))[:20])
