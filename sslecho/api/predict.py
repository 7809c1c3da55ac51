"""`predict`: new files and a model -> labels, confidence, sets, grades, and what a person should look at.

    files ─ingest─▶ OUT/store ─model─▶ predictions/, predictions.csv, left_out.csv, predictions.html

Files are read exactly as `ingest` reads them: the model sees what it learned from, and names leave nothing behind.
"""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from sslecho.api.answers import Models, answered, model_hash, stored_size
from sslecho.api.embed import frame_rows
from sslecho.api.ingest import Sources
from sslecho.api.nouns import counts, groups
from sslecho.api.predict_files import PAGE, TABLE, paths_of, write_tables
from sslecho.api.predict_live import predict_live
from sslecho.api.predict_settings import PredictSettings
from sslecho.config import build, identity, to_toml
from sslecho.data import ingest as layer
from sslecho.data.identity import key_folder
from sslecho.data.store import Store
from sslecho.report.predict_page import build_predict_page
from sslecho.rundir import RunDir, warn, write_text
from sslecho.tasks.predictions import Predictions, write_predictions


def predict(sources: Sources, out: Path | str, *, overwrite: bool = False, **options: Any) -> Predictions:
    """Name and grade new files; the same call again goes on where it stopped.

    Args:
        sources: files and folders, as `ingest` takes them; with `live=True` one video, or "-" for a pipe.
        out: the run's folder; what leads back to the files goes to `<out>.key` beside it.
        overwrite: remove an earlier run there first.
        options: the fields of `PredictSettings` (`model="classifier"`, `grader="grader"`, `level="frame"`, …).

    Raises:
        InputError: settings, model or files are not as they must be, or no file could be used.
        Interrupted: the user stopped it; what was read is kept.
    """
    predict_with_summary(sources, out, overwrite=overwrite, **options)
    return Predictions.load(out)


def predict_with_summary(
    sources: Sources, out: Path | str, *, overwrite: bool = False, **options: Any
) -> dict[str, Any]:
    """As `predict`; returns what the command prints, with the paths that no file under `out` holds."""
    settings = build(PredictSettings, options)
    paths = [Path(sources)] if isinstance(sources, (str, Path)) else [Path(source) for source in sources]
    models = Models.load(settings.model, settings.grader, device=settings.device)
    if settings.live or settings.level == "frame":
        models.refuse_frames("--live" if settings.live else "--level frame")
    if settings.live:
        return predict_live(paths, Path(out), models, settings, overwrite=overwrite)
    if settings.workers:
        torch.set_num_threads(settings.workers)
    out, size = Path(out), settings.size or stored_size(Path(str(settings.model)))
    run = RunDir.open(
        out,
        command="predict",
        identity={
            **identity(settings),
            "size": size,
            "model": model_hash(settings.model),
            "grader": model_hash(settings.grader),
        },
        settings=to_toml(settings, "predict"),
        overwrite=overwrite,
    )
    began = time.monotonic()
    store, read = _read(paths, out, settings, size=size)
    if not run.done:
        reading = time.monotonic() - began
        began = time.monotonic()
        columns, warnings = answered(
            models,
            store,
            level=settings.level,
            abstain=settings.abstain,
            least_confidence=settings.least_confidence,
        )
        naming = time.monotonic() - began
        result = _written(out, store, models, columns, settings)
        for warning in [*read["warnings"], *warnings]:
            warn(warning)
        run.finish(
            {
                **result,
                **{name: read[name] for name in ("files", "accepted", "quarantined", "left_out", "kinds")},
                "warnings": [*read["warnings"], *warnings],
                # What an earlier, interrupted call read was not read in this time, so nothing is said of it.
                "seconds": {"reading": None if read["already"] else reading, "model": naming},
                "frames_per_s": None if read["already"] else len(store) / (reading + naming),
                "clips_per_s": None if read["already"] else store.clips.num_rows / (reading + naming),
                "model_frames_per_s": len(store) / naming,
                "out": str(out),
            }
        )
    return {
        **run.result,
        "quarantine": read["quarantine"],
        "predictions": _with_paths(out, store),
        "private": str(key_folder(store.path) / TABLE),
    }


def _read(paths: list[Path], out: Path, settings: PredictSettings, *, size: int) -> tuple[Store, dict[str, Any]]:
    """The files as a store in the run's folder; its key stands outside."""
    store, summary = layer.ingest(
        paths,
        out / "store",
        workers=settings.workers,
        max_seconds=settings.max_seconds,
        max_memory_mb=settings.max_memory_mb,
        layout="none",
        patient_from=settings.patient_from,
        kinds=settings.kinds,
        sector=settings.sector,
        doubtful=settings.doubtful,
        sign_off=None if settings.sign_off is None else Path(settings.sign_off),
        size=size,
        every=settings.every,
        max_frames=settings.max_frames,
    )
    assert store is not None
    return store, summary


def _written(
    out: Path, store: Store, models: Models, columns: dict[str, pa.Array], settings: PredictSettings
) -> dict[str, Any]:
    """Write the noun, the tables and the page; returns the main figures."""
    table = _items(store, settings.level)
    for name, values in columns.items():
        table = table.append_column(name, values)
    unit = groups(store.unit)
    meta = {
        "task": "predict",
        "classes": list(models.views),
        "level": settings.level,
        "unit": unit,
        "frames_hash": store.frames_hash,
        "store": "store",
    }
    write_predictions(out, table, meta=meta)
    rows = table.to_pylist()
    write_tables(out, rows, store, views=models.views)
    named = [row for row in rows if row.get("prediction") is not None]
    result = {
        **counts(store, np.arange(store.clips.num_rows)),
        "split": "all",
        "level": settings.level,
        "frames": len(store),
        "classes": list(models.views),
        "named": dict(Counter(row["prediction"] for row in named if not row["abstained"]).most_common()),
        "abstained": sum(row["abstained"] for row in named),
        "mean_grade": float(np.mean([row["grade"] for row in rows])) if models.grader is not None else None,
        "scale": None if models.grader is None else list(models.grader.head.scale),
    }
    write_text(out / PAGE, build_predict_page(rows, store, result))
    return result


def _items(store: Store, level: str) -> pa.Table:
    """A row a clip or frame, as predictions have them, with how many frames the clip has and its kind."""
    table = frame_rows(store)
    clip = store.clip_of_frame
    n_frames, kinds = store.clips["n_frames"].to_pylist(), store.column("kind").tolist()
    if level == "clip":
        firsts = np.flatnonzero(np.append(True, clip[1:] != clip[:-1]))
        table, clip = table.take(pa.array(firsts)), clip[firsts]
        table = table.drop_columns(["frame_index"])
    table = table.append_column("frames", pa.array([n_frames[one] for one in clip], pa.int64()))
    return table.append_column("kind", pa.array([kinds[one] for one in clip], pa.string()))


def _with_paths(out: Path, store: Store) -> list[dict[str, Any]]:
    """The answers for a program, each with its file where this user may know it."""
    path_of = paths_of(store.path)
    left_away = {"row", "label", "split", "unit_id"}
    return [
        {"path": path_of.get(row["clip_id"]), **{name: value for name, value in row.items() if name not in left_away}}
        for row in Predictions.load(out).table.to_pylist()
    ]
