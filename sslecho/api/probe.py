"""`probe`: Embeddings and labels -> a classifier on frozen embeddings, scored on other patients."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sslecho.api.classifier_rows import Rows, rows_of
from sslecho.api.classifier_scores import calibrated, codes_of, scored, with_answers
from sslecho.api.nouns import groups, relative
from sslecho.api.origin import Origin, find_origin
from sslecho.api.probe_settings import ProbeSettings
from sslecho.config import build, identity, to_toml
from sslecho.embed.embeddings import Embeddings, rows_hash
from sslecho.embed.index.vectors import pieces
from sslecho.errors import InputError
from sslecho.metrics.calibration import ece
from sslecho.metrics.labels import encode_groups
from sslecho.rundir import RunDir, sha256_of
from sslecho.tasks.assignment import prepared
from sslecho.tasks.predictions import Predictions, write_predictions
from sslecho.tasks.probe_model import KINDS, ProbeModel, tempered


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
    if settings.kind == "attention" and settings.level == "frame":
        raise InputError("--kind attention pools the frames of a clip, so --level frame can't go with it")
    unit = groups(given.meta["unit"])
    rows, warnings = rows_of(items, origin, open_set=settings.open_set, unit=unit)
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
    inputs = Inputs.of(named if settings.kind == "attention" else items, items)
    model, more = _fitted(inputs, items, rows, units, settings, about=about)
    model.save(out / "model")
    uncalibrated = model.uncalibrated(inputs.vectors, clips=inputs.clips)
    probabilities = tempered(uncalibrated, model.temperature)
    answers = with_answers(items.rows, probabilities, classes=model.classes, conformal=model.conformal)
    write_predictions(out, answers, meta=_meta(given, origin, settings, model.classes, out, unit=unit))
    labels = items.column("label")
    result = scored(
        labels,
        probabilities,
        rows,
        units,
        classes=model.classes,
        conformal=model.conformal,
        level=settings.level,
        unit=unit,
        seed=settings.seed,
        warnings=[*warnings, *more],
    )
    truth = codes_of(labels[rows.test], model.classes)
    run.finish(
        {
            **result,
            "kind": settings.kind,
            "chosen": model.probe.chosen_,
            "temperature": model.temperature,
            "ece_uncalibrated": ece(truth, uncalibrated[rows.test]),
            "out": str(out),
        }
    )
    return Predictions.load(out)


@dataclass(frozen=True)
class Inputs:
    """What a probe sees of the items: a vector each, or those of their frames.

    Attributes:
        clips: the item of each vector where these are frames'; else None.
    """

    vectors: np.ndarray
    clips: np.ndarray | None

    @classmethod
    def of(cls, seen: Embeddings, items: Embeddings) -> "Inputs":
        """The vectors of `seen`: the items' own, or of their frames."""
        vectors = np.asarray(seen.vectors)
        if len(seen) == len(items):
            return cls(vectors, None if seen is items else np.arange(len(items)))
        place = {clip_id: number for number, clip_id in enumerate(items.column("clip_id").tolist())}
        return cls(vectors, np.array([place[clip_id] for clip_id in seen.column("clip_id").tolist()], np.int64))

    def part(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Vectors of some items, and where these are frames' the item of each, numbered from 0 in that order."""
        if self.clips is None:
            return self.vectors[rows], None
        number = np.full(int(self.clips.max()) + 1, -1, np.int64)
        number[rows] = np.arange(len(rows))
        inside = np.flatnonzero(number[self.clips] >= 0)
        return self.vectors[inside], number[self.clips[inside]]


def _fitted(
    inputs: Inputs, items: Embeddings, rows: Rows, units: np.ndarray, settings: ProbeSettings, *, about: dict[str, Any]
) -> tuple[ProbeModel, list[str]]:
    """The probe, calibrated; and why it isn't, where it isn't."""
    labels = items.column("label").astype(str)
    estimator = KINDS[settings.kind](random_state=settings.seed)
    if settings.kind != "knn":
        estimator.set_params(balance=settings.balance)
    seen, clips = inputs.part(rows.train)
    how: dict[str, Any] = {} if clips is None else {"clips": clips}
    val, val_how = None, {}
    if len(rows.val):
        val_seen, val_clips = inputs.part(rows.val)
        val = (val_seen, labels[rows.val], *(() if val_clips is None else (val_clips,)))
        val_how = {} if val_clips is None else {"clips": val_clips}
    estimator.fit(seen, labels[rows.train], groups=units[rows.train], val=val, **how)
    if val is None:
        return ProbeModel(settings.kind, estimator, 1.0, None, about), [
            "split val has no labeled item of a learned class: the probe is not calibrated and was chosen on train",
            *_unchosen(estimator),
        ]
    temperature, conformal, missing = calibrated(
        codes_of(labels[rows.val], estimator.classes_.tolist()),
        estimator.predict_proba(val[0], **val_how),
        units[rows.val],
        confidence=settings.confidence,
        seed=settings.seed,
        unit=about["unit"],
    )
    return ProbeModel(settings.kind, estimator, temperature, conformal, about), [*_unchosen(estimator), *missing]


def _unchosen(estimator: Any) -> list[str]:
    if estimator.was_chosen_:
        return []
    return [f"there was nothing to choose by, so the middle value stands ({estimator.chosen_:g})"]


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
