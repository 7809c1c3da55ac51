"""`grade`: Store and Encoder -> an encoder with a grader, scored on other patients or sweeps."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from sslecho.api.finetune_start import start_of
from sslecho.api.grade_files import write_files
from sslecho.api.grade_rows import GradedFrames, graded_frames, scale_of
from sslecho.api.grade_scores import scored_grades
from sslecho.api.grade_settings import GradeSettings
from sslecho.api.joint_run import open_jointly
from sslecho.api.learning_run import fabric_of, learning_identity, outcome, running
from sslecho.api.nouns import as_store, groups, relative
from sslecho.api.origin import Origin
from sslecho.config import build, identity, to_toml
from sslecho.data.store import Store
from sslecho.errors import InputError
from sslecho.models.heads import LinearHead
from sslecho.objectives.grade import GradeHead
from sslecho.objectives.grade import GradeSettings as LossSettings
from sslecho.rundir import warn
from sslecho.tasks.finetune import codes_of_frames
from sslecho.tasks.grade import Graded, train_grader
from sslecho.tasks.grader import Grader
from sslecho.tasks.predictions import Predictions, write_predictions
from sslecho.train.layers import train_last
from sslecho.train.supervised import Tuning, spread_over_clips
from sslecho.views.policies import Views, policy


def grade(store: Store | Path | str, out: Path | str, *, overwrite: bool = False, **options: Any) -> Predictions:
    """Train a grader on the graded frames of train, stop by val, and score on test.

    The same call again goes on where it stopped. `Grader.load(out)` and `Encoder.load(out)` read what was learned.

    Args:
        store: with splits and grades.
        out: the run's folder.
        overwrite: remove an earlier run there first.
        options: the fields of `GradeSettings` (`encoder="run"`, `arm="multitask"`, `loss="ordinal"`, …).

    Raises:
        InputError: settings, store, grades, encoder or folder are not as they must be.
        Interrupted: the user stopped it; the state was saved.
    """
    settings = build(GradeSettings, options)
    store, out = as_store(store), Path(out)
    unit = groups(store.unit)
    if settings.arm in ("transfer", "frozen") and settings.encoder is None:
        raise InputError(f"--arm {settings.arm} needs --encoder: a run of pretrain, finetune or grade")
    start = start_of(
        store,
        encoder=settings.encoder,
        scratch=settings.arm == "scratch",
        backbone=settings.backbone,
        image_size=settings.image_size,
        seed=settings.seed,
    )
    found, warnings = graded_frames(store, settings, Origin(store, "", start.encoder, None, ""), unit=unit)
    scale = scale_of(found, settings)
    views = _views(found, settings)
    graded = _graded(store, found, views)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        encoder = start.new_encoder()
        head = GradeHead(encoder.dim, scale, loss=settings.loss, mean=found.constant)
        view_head = LinearHead(encoder.dim, (len(views),)) if views else None
    train_last(encoder.net, 0 if settings.arm == "frozen" else None)
    fabric, device, precision = fabric_of(settings)
    run = open_jointly(
        fabric,
        out,
        command="grade",
        identity=learning_identity(
            settings,
            start,
            store,
            precision=precision,
            learned_from=[part.tolist() for part in _decisive(graded)],
            truth=_truth(found, views),
        )
        | {"scale": list(scale)},
        settings=to_toml(settings, "grade"),
        overwrite=overwrite,
    )
    if run is None:
        return Predictions.load(out)
    seen = set(encoder.provenance.get("units") or ()) | set(found.frames.column("unit_id")[graded.rows].tolist())
    encoder.provenance = {**encoder.provenance, "units": sorted(seen), "grade": identity(settings)}
    pieces = policy(settings.policy, size=encoder.image_size, use="grades")
    trained = train_grader(
        store,
        graded,
        encoder,
        head,
        view_head,
        [Views(pieces, size=encoder.image_size, seed=settings.seed)],
        Tuning.of(settings),
        running(settings, fabric, out),
        loss=LossSettings(loss=settings.loss, lam=settings.lam),
    )
    if fabric.is_global_zero:
        about = {"unit": unit, "frames_hash": store.frames_hash, "constant": found.constant}
        model = Grader(encoder.to(fabric.device), head.to(fabric.device), view_head, views, about)
        if view_head is not None:
            view_head.to(fabric.device)
        model.save(out)
        said = model.grades(store.read, np.arange(len(store)))
        of_views = model.view_probabilities(store.read, np.arange(len(store)))
        table = _table(found, said, of_views, views)
        write_predictions(out, table, meta=_meta(store, model, out, unit=unit))
        for warning in warnings:
            warn(warning)
        scores = scored_grades(
            found, said, of_views, views, scale=scale, level=settings.level, unit=unit, seed=settings.seed
        )
        write_files(out, table, {**scores, "scale": list(scale)})
        run.finish(
            {
                **scores,
                "arm": settings.arm,
                "grade_loss": settings.loss,
                "scale": list(scale),
                "constant": found.constant,
                "views": list(views),
                "warnings": [*warnings, *([scores["narrow"]] if scores["narrow"] else [])],
                **outcome(trained, device=device, precision=precision),
                "n_train": len(found.train),
                "out": str(out),
            }
        )
    fabric.barrier()
    return Predictions.load(out)


def _views(found: GradedFrames, settings: GradeSettings) -> tuple[str, ...]:
    """The views that are learned beside grades: those of the training frames; none without --arm multitask."""
    if settings.arm != "multitask":
        return ()
    frames = found.frames
    of_train = frames.column("label")[frames.column("split") == "train"]
    names = tuple(sorted({str(name) for name in of_train if name is not None}))
    if len(names) < 2:
        raise InputError(
            f"--arm multitask learns views beside grades, and split train has {len(names)} of them in column "
            f"{settings.label_column!r}; it needs two, or take --arm transfer"
        )
    return names


def _graded(store: Store, found: GradedFrames, views: tuple[str, ...]) -> Graded:
    codes = codes_of_frames(found.frames.column("label"), views)
    in_train = found.frames.column("split") == "train"
    # A frame of train without a grade still has a view to learn.
    rows = np.flatnonzero(in_train & (np.isfinite(found.grades) | (codes >= 0)))
    kept = found.val[spread_over_clips(found.val, store.clip_of_frame[found.val])] if len(found.val) else found.val
    return Graded(rows, np.where(in_train | np.isin(np.arange(len(codes)), kept), found.grades, np.nan), codes, kept)


def _truth(found: GradedFrames, views: tuple[str, ...]) -> tuple[Any, ...]:
    """Grades, raters' grades, views and splits of all frames: what is scored, and on whom."""
    columns = (found.frames.column(name).tolist() for name in ("label", "split"))
    return views, found.grades.tolist(), found.raters.tolist(), *columns


def _decisive(graded: Graded) -> tuple[np.ndarray, ...]:
    learned = graded.rows
    return (
        learned,
        graded.grade_of_frame[learned],
        graded.view_of_frame[learned],
        graded.val_rows,
        graded.grade_of_frame[graded.val_rows],
    )


def _table(found: GradedFrames, said: np.ndarray, of_views: np.ndarray | None, views: tuple[str, ...]) -> pa.Table:
    """A row a frame: the grade that was given, the grade that is said, and the view where it is said too."""
    table = found.frames.rows
    truth = [None if np.isnan(value) else float(value) for value in found.grades]
    table = table.append_column("grade", pa.array(truth, pa.float64()))
    table = table.append_column("predicted_grade", pa.array(said))
    if of_views is not None:
        names = [views[code] for code in of_views.argmax(1)]
        table = table.append_column("predicted_view", pa.array(names, pa.string()))
        table = table.append_column("view_confidence", pa.array(of_views.max(1).astype(np.float32)))
    return table


def _meta(store: Store, model: Grader, out: Path, *, unit: str) -> dict[str, Any]:
    return {
        "task": "grade",
        "level": "frame",
        "unit": unit,
        "scale": list(model.head.scale),
        "frames_hash": store.frames_hash,
        "encoder_hash": model.encoder.hash(),
        "store": relative(store.path, out),
    }
