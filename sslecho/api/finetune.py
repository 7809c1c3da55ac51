"""`finetune`: Store and Encoder -> an encoder with a classifier, scored on other patients."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sslecho.api.classifier_rows import Rows, labeled_frames, rows_of
from sslecho.api.classifier_scores import calibrated, codes_of, scored, with_answers
from sslecho.api.finetune_forgetting import forgetting
from sslecho.api.finetune_settings import FinetuneSettings
from sslecho.api.finetune_start import start_of
from sslecho.api.joint_run import open_jointly
from sslecho.api.learning_run import fabric_of, learning_identity, outcome, running
from sslecho.api.nouns import as_store, groups, relative
from sslecho.api.origin import Origin
from sslecho.config import build, identity, to_toml
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError
from sslecho.metrics.calibration import ece
from sslecho.metrics.labels import encode_groups
from sslecho.objectives.classify import ClassifySettings
from sslecho.tasks.classifier import Classifier
from sslecho.tasks.finetune import Labeled, codes_of_frames, fine_tune
from sslecho.tasks.predictions import Predictions, write_predictions
from sslecho.tasks.probe_model import tempered
from sslecho.train.layers import train_last
from sslecho.train.supervised import Tuning, spread_over_clips
from sslecho.train.validation import means
from sslecho.views.policies import Views, policy


def finetune(store: Store | Path | str, out: Path | str, *, overwrite: bool = False, **options: Any) -> Predictions:
    """Train an encoder with a classifier on the labeled frames of train, stop by val, and score on test.

    The same call again goes on where it stopped. `Classifier.load(out)` and `Encoder.load(out)` read what was learned.

    Args:
        store: with splits and labels.
        out: the run's folder.
        overwrite: remove an earlier run there first.
        options: the fields of `FinetuneSettings` (`encoder="run"`, `balance="logit"`, `train="last"`, …).

    Raises:
        InputError: settings, store, labels, encoder or folder are not as they must be.
        Interrupted: the user stopped it; the state was saved.
    """
    settings = build(FinetuneSettings, options)
    store, out = as_store(store), Path(out)
    unit = groups(store.unit)
    if settings.encoder is None and settings.from_ != "scratch":
        raise InputError("--encoder is missing: name a run of `sslecho pretrain`, or say --from scratch")
    start = start_of(
        store,
        encoder=settings.encoder,
        scratch=settings.from_ == "scratch",
        backbone=settings.backbone,
        image_size=settings.image_size,
        seed=settings.seed,
        keep_head=settings.head == "keep",
    )
    origin = Origin(store, "", start.encoder, None, "")
    frames = labeled_frames(store, origin, labels=settings.labels, column=settings.label_column)
    items = frames.per_clip() if settings.level == "clip" else frames
    known_before = () if start.before is None else start.before.classes
    rows, warnings = rows_of(items, origin, open_set=settings.open_set, unit=unit, known_before=known_before)
    learned = sorted(set(items.column("label")[rows.train].tolist()) - set(known_before))
    classes = (*known_before, *learned)
    labeled = _labeled(frames, items, rows, classes)
    # Before the folder is begun: a backbone may be misspelled, or have fewer layers than are to learn.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        encoder = start.new_encoder()
        head = start.new_head(encoder.dim, n_new=len(learned), dropout=settings.dropout)
    train_last(encoder.net, {"all": None, "last": settings.last_layers, "none": 0}[settings.train])
    fabric, device, precision = fabric_of(settings)
    run = open_jointly(
        fabric,
        out,
        command="finetune",
        identity=learning_identity(
            settings,
            start,
            store,
            precision=precision,
            learned_from=[part.tolist() for part in _decisive(labeled)],
            truth=(classes, *_truth(items)),
        ),
        settings=to_toml(settings, "finetune"),
        overwrite=overwrite,
    )
    if run is None:
        return Predictions.load(out)
    encoder.provenance = _provenance(encoder, items, rows, settings)
    maker = Views(
        policy(settings.policy, size=encoder.image_size, min_area=settings.min_area),
        size=encoder.image_size,
        seed=settings.seed,
    )
    sampler = settings.balance == "sampler"
    encoder, head, trained = fine_tune(
        store,
        labeled,
        encoder,
        head,
        [maker],
        Tuning.of(settings),
        running(settings, fabric, out),
        loss=ClassifySettings(
            balance="none" if sampler else settings.balance,
            tau=settings.tau,
            gamma=settings.gamma,
            label_smoothing=settings.label_smoothing,
            mixup=settings.mixup,
            ema=settings.ema,
        ),
        balanced=sampler,
    )
    if fabric.is_global_zero:
        about = {"level": settings.level, "unit": unit, "frames_hash": store.frames_hash}
        model = Classifier(encoder.to(fabric.device), head.to(fabric.device), classes, 1.0, None, about)
        result = _judged(store, frames, items, rows, model, start.before, settings, out, unit=unit, warnings=warnings)
        run.finish(
            {
                **result,
                "from": settings.from_,
                "balance": settings.balance,
                "train": settings.train,
                **outcome(trained, device=device, precision=precision),
                "out": str(out),
            }
        )
    fabric.barrier()
    return Predictions.load(out)


def _judged(
    store: Store,
    frames: Embeddings,
    items: Embeddings,
    rows: Rows,
    model: Classifier,
    before: Classifier | None,
    settings: FinetuneSettings,
    out: Path,
    *,
    unit: str,
    warnings: list[str],
) -> dict[str, Any]:
    """Calibrate, write model and predictions, and score."""
    units = encode_groups(items.column("unit_id"), what="unit_id")
    every = frames.rows["row"].to_numpy()
    uncalibrated = _of_items(model.uncalibrated(store.read, every), frames, items)
    model, more = _calibrated(model, items, rows, units, uncalibrated, settings, unit=unit)
    probabilities = tempered(uncalibrated, model.temperature)
    model.save(out)
    answers = with_answers(items.rows, probabilities, classes=model.classes, conformal=model.conformal)
    write_predictions(out, answers, meta=_meta(store, model, settings, out, unit=unit))
    labels = items.column("label")
    truth = codes_of(labels[rows.test], model.classes)
    lost = None
    if before is not None:
        then = _of_items(before.uncalibrated(store.read, every), frames, items)[rows.test]
        lost = forgetting(then, probabilities[rows.test], truth, units[rows.test], classes=before.classes)
    return {
        **scored(
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
        ),
        "temperature": model.temperature,
        "ece_uncalibrated": ece(truth, uncalibrated[rows.test]),
        "forgetting": lost,
    }


def _labeled(frames: Embeddings, items: Embeddings, rows: Rows, classes: tuple[str, ...]) -> Labeled:
    """Frames of the train and val items that have a label; a frame's own label is what is learned."""
    clip_ids, codes = frames.column("clip_id"), codes_of_frames(frames.column("label"), classes)
    numbers = np.unique(clip_ids.astype(str), return_inverse=True)[1].astype(np.int64)
    train = set(items.column("clip_id")[rows.train].tolist())
    learned_from = np.flatnonzero(np.array([clip in train for clip in clip_ids]) & (codes >= 0))
    # Clips are what is looked at while learning, whatever is scored.
    of_val = {clip: place for place, clip in enumerate(dict.fromkeys(items.column("clip_id")[rows.val].tolist()))}
    looked_at = np.flatnonzero(np.array([clip in of_val for clip in clip_ids]) & (codes >= 0))
    # A clip's class is that of most of its frames.
    votes = np.zeros((len(of_val), len(classes)), np.int64)
    clip_of_vote = np.array([of_val[clip] for clip in clip_ids[looked_at]], np.int64)
    np.add.at(votes, (clip_of_vote, codes[looked_at]), 1)
    looked_at = looked_at[spread_over_clips(looked_at, numbers[looked_at])]
    place = np.array([of_val[clip] for clip in clip_ids[looked_at]], np.int64)
    row = frames.rows["row"].to_numpy()
    return Labeled(row[learned_from], codes, row[looked_at], place, votes.argmax(1), len(classes))


def _decisive(labeled: Labeled) -> tuple[np.ndarray, ...]:
    return labeled.rows, labeled.code_of_frame[labeled.rows], labeled.val_rows, labeled.val_truth


def _truth(items: Embeddings) -> tuple[list[Any], list[Any]]:
    """Labels and splits of all items: what is scored, and on whom."""
    return items.column("label").tolist(), items.column("split").tolist()


def _of_items(values: np.ndarray, frames: Embeddings, items: Embeddings) -> np.ndarray:
    """Of each item, the mean over its frames."""
    if len(items) == len(frames):
        return values
    place = {clip_id: number for number, clip_id in enumerate(items.column("clip_id").tolist())}
    group = np.array([place[clip_id] for clip_id in frames.column("clip_id").tolist()], np.int64)
    return means(values, group, len(items))


def _calibrated(
    model: Classifier,
    items: Embeddings,
    rows: Rows,
    units: np.ndarray,
    uncalibrated: np.ndarray,
    settings: FinetuneSettings,
    *,
    unit: str,
) -> tuple[Classifier, list[str]]:
    if not len(rows.val):
        return model, [
            "split val has no labeled item of a learned class: the classifier is not calibrated, and the last step "
            "was taken, not the best one"
        ]
    temperature, conformal, missing = calibrated(
        codes_of(items.column("label")[rows.val], model.classes),
        uncalibrated[rows.val],
        units[rows.val],
        confidence=settings.confidence,
        seed=settings.seed,
        unit=unit,
    )
    return replace(model, temperature=temperature, conformal=conformal), missing


def _provenance(encoder: Any, items: Embeddings, rows: Rows, settings: FinetuneSettings) -> dict[str, Any]:
    """What made the weights before, and now; `units` has everyone that they have seen."""
    seen = set(encoder.provenance.get("units") or ()) | set(items.column("unit_id")[rows.train].tolist())
    return {**encoder.provenance, "units": sorted(seen), "finetune": identity(settings)}


def _meta(store: Store, model: Classifier, settings: FinetuneSettings, out: Path, *, unit: str) -> dict[str, Any]:
    return {
        "task": "finetune",
        "classes": list(model.classes),
        "level": settings.level,
        "unit": unit,
        "frames_hash": store.frames_hash,
        "encoder_hash": model.encoder.hash(),
        "store": relative(store.path, out),
    }
