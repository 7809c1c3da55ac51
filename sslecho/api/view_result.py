"""What `view` says of the test patients once it has learned: calibration, answers, figures; what it leaves behind."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sslecho.api.classifier_rows import Rows
from sslecho.api.classifier_scores import calibrated, codes_of, scored, with_answers
from sslecho.api.nouns import groups, relative
from sslecho.api.view_scores import Judged, aggregates, details, levels, nothing_seen
from sslecho.api.view_settings import ViewSettings
from sslecho.data.store import Store
from sslecho.data.windows import Windows
from sslecho.embed.embeddings import Embeddings
from sslecho.metrics.aggregation import of_windows
from sslecho.metrics.calibration import ece
from sslecho.metrics.labels import encode_groups
from sslecho.tasks.predictions import write_predictions
from sslecho.tasks.probe_model import tempered
from sslecho.tasks.viewer import Viewer


def judged(
    store: Store,
    frames: Embeddings,
    items: Embeddings,
    rows: Rows,
    blank: np.ndarray,
    model: Viewer,
    settings: ViewSettings,
    out: Path,
    *,
    windows: Windows,
    families: dict[str, str],
    warnings: list[str],
) -> dict[str, Any]:
    """Calibrate, write model and predictions, and score."""
    unit = groups(store.unit)
    logits, centers = model.logits(store, windows=windows)
    seen = Judged(
        logits,
        store.clip_of_frame[centers],
        items.column("label"),
        frames.column("label")[centers],
        encode_groups(items.column("unit_id"), what="unit_id"),
        rows,
        model.classes,
    )
    of_clips = model.aggregated(logits, seen.clip, len(items))
    table, labels, units = items.rows, seen.clip_labels, seen.units
    uncalibrated, uncertainty, used, empty = of_clips.probabilities, of_clips.uncertainty, rows, blank
    if settings.level == "frame":
        table, labels, units = frames.rows.take(pa.array(centers)), seen.window_labels, units[seen.clip]
        found = of_windows(logits, evidential=model.looking.evidential, prior=model.looking.prior)
        uncalibrated, uncertainty, empty = found.probabilities, found.uncertainty, blank[seen.clip]
        used = _of_windows(rows, seen, model.classes)
    uncalibrated = nothing_seen(uncalibrated, empty)
    uncertainty = np.where(empty, 1.0, uncertainty)
    temperature, conformal, missing = 1.0, None, []
    if len(used.val):
        temperature, conformal, missing = calibrated(
            codes_of(labels[used.val], model.classes),
            uncalibrated[used.val],
            units[used.val],
            confidence=settings.confidence,
            seed=settings.seed,
            unit=unit,
        )
    else:
        missing = [
            "split val has no labeled item of a learned class: the classifier is not calibrated, and the last step "
            "was taken, not the best one"
        ]
    model = replace(model, temperature=temperature, conformal=conformal)
    probabilities = tempered(uncalibrated, temperature)
    model.save(out)
    answers = _answers(table, probabilities, uncertainty, empty, model)
    write_predictions(out, answers, meta=_meta(store, model, settings, out, unit=unit))
    truth = codes_of(labels[used.test], model.classes)
    scores = scored(
        labels,
        probabilities,
        used,
        units,
        classes=model.classes,
        conformal=conformal,
        level=settings.level,
        unit=unit,
        seed=settings.seed,
        warnings=[*warnings, *missing],
    )
    by_aggregate = aggregates(seen, model.looking, seed=settings.seed)
    own = next(line for line in by_aggregate if line["aggregate"] == settings.aggregate)
    as_clips = scores if settings.level == "clip" else {**own, "n": len(rows.test), "n_patients": scores["n_patients"]}
    return {
        **scores,
        **details(
            truth,
            probabilities[used.test],
            uncertainty[used.test],
            units[used.test],
            classes=model.classes,
            families=families,
            seed=settings.seed,
        ),
        "aggregates": by_aggregate,
        "levels": levels(seen, model.looking, as_clips, of_clips.answer, seed=settings.seed),
        "temperature": temperature,
        "ece_uncalibrated": ece(truth, uncalibrated[used.test]),
        "chance": 1 / len(model.classes),
        "n_blank": int(blank.sum()),
    }


def _of_windows(rows: Rows, seen: Judged, classes: tuple[str, ...]) -> Rows:
    """Windows by the use of their clips; a label of its own may make a frame one of an unknown class."""
    known = np.array([label in classes for label in seen.window_labels], bool)
    labeled = np.array([label is not None for label in seen.window_labels], bool)
    train, val, test, unknown = (np.isin(seen.clip, part) for part in rows)
    strange = (unknown | test) & labeled & ~known
    return Rows(*(np.flatnonzero(part) for part in (train & known, val & known, test & known, strange)))


def _answers(
    table: pa.Table, probabilities: np.ndarray, uncertainty: np.ndarray, empty: np.ndarray, model: Viewer
) -> pa.Table:
    """The items' table with answers; items that show nothing have none."""
    table = with_answers(table, probabilities, classes=model.classes, conformal=model.conformal)
    place = table.column_names.index("prediction")
    named = [None if nothing else name for name, nothing in zip(table["prediction"].to_pylist(), empty, strict=True)]
    table = table.set_column(place, "prediction", pa.array(named, pa.string()))
    return table.append_column("uncertainty", pa.array(uncertainty.astype(np.float32)))


def _meta(store: Store, model: Viewer, settings: ViewSettings, out: Path, *, unit: str) -> dict[str, Any]:
    return {
        "task": "view",
        "classes": list(model.classes),
        "level": settings.level,
        "unit": unit,
        "frames_hash": store.frames_hash,
        "store": relative(store.path, out),
    }
