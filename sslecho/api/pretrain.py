"""`pretrain`: Store -> Encoder."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sslecho.api.nouns import as_store, counts
from sslecho.api.pretrain_labels import KnownLabels, known_labels
from sslecho.api.settings import PretrainSettings
from sslecho.config import build, identity, to_toml
from sslecho.data.store import Store
from sslecho.errors import InputError, SettingsError, SslechoError
from sslecho.metrics.spread import effective_rank
from sslecho.models.encoder import Encoder
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import MethodSettings, Objective
from sslecho.rundir import RunDir, provenance, warn
from sslecho.train.batches import Frames
from sslecho.train.device import choose_device, choose_precision, make_fabric
from sslecho.train.log import TrainingLog
from sslecho.train.loop import Plan, fit
from sslecho.views.policies import Views, local_policy, policy

SAMPLE = 1000  # frames for the gray levels' mean and for the effective rank: enough for two digits


def pretrain(store: Store | Path | str, out: Path | str, *, overwrite: bool = False, **options: Any) -> Encoder:
    """Train an encoder on a store's frames; the same call again goes on where it stopped.

    Args:
        store: its splits train and val are used, or all of it where there are none or `all=True`.
        out: the run's folder.
        overwrite: remove an earlier run there first.
        options: the fields of `PretrainSettings` (`epochs=100`, `backbone="resnet18"`, `policy="echo"`, …).

    Returns:
        The encoder, in eval mode.

    Raises:
        InputError: settings, store or folder are not as they must be.
        Interrupted: the user stopped it; the state was saved.
    """
    settings = build(PretrainSettings, options)
    store, out = as_store(store), Path(out)
    objective_class = OBJECTIVES[settings.method]
    method_settings = _method_settings(objective_class, settings)
    rows, split = _training_rows(store, settings.all)
    labels = None if objective_class.labels == "none" else known_labels(store, settings.method)
    if labels is not None and objective_class.labels == "all":
        rows, split = rows[labels.of_frame[rows] >= 0], "train"
    clip_of_frame = store.clip_of_frame
    n_clips = len(np.unique(clip_of_frame[rows]))
    if objective_class.negatives and n_clips < 2:
        raise InputError(
            f"{store.path} has {n_clips} clip to train on; a contrastive loss needs at least 2, "
            "since frames of one clip are no negatives; ingest more clips"
        )
    if settings.positives == "patient":
        warn("positives from other clips of a patient remove what tells views apart; use them for diagnosis only")
    device, _ = choose_device(settings.device)
    precision, _ = choose_precision(settings.precision, device)
    batch_size = min(settings.batch_size, len(rows))
    if batch_size % (settings.devices * settings.nodes):
        raise InputError(
            f"--batch-size {batch_size} does not divide over {settings.devices * settings.nodes} processes; "
            "choose a multiple of their number"
        )
    if settings.workers:
        torch.set_num_threads(settings.workers)
    how = {name: value for name, value in identity(settings).items() if name not in ("temperature", "method_set")}
    how |= {f"{settings.method}.{name}": value for name, value in identity(method_settings).items()}
    if labels is not None:
        how["labels"] = labels.hash
    # Before the folder is begun: a backbone may be misspelled, or be nothing for the method.
    encoder = _new_encoder(store, rows, settings, how)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        objective: Objective = objective_class(encoder, method_settings)
    fabric = make_fabric(device=device, devices=settings.devices, nodes=settings.nodes, precision=precision)
    run = _open_run(
        fabric,
        out,
        identity={
            **how,
            "precision": precision,
            "frames": store.frames_hash,
            "split": split,
            "rows": hashlib.sha256(rows.tobytes()).hexdigest(),
        },
        settings=to_toml(settings, "pretrain"),
        overwrite=overwrite,
    )
    if run is None:
        return Encoder.load(out)
    if batch_size < settings.batch_size:
        warn(f"--batch-size {settings.batch_size} is more than the {len(rows)} frames; {batch_size} is used")
    positives = settings.positives
    if objective.n_views == 1 and positives != "frame":
        warn(f"--method {settings.method} makes one view of a frame; --positives {positives} has no effect")
        positives = "frame"
    trained = fit(
        encoder,
        objective,
        Frames(
            store.read,
            rows,
            clip_of_frame,
            _partner_groups(store, positives, labels),
            None if labels is None else labels.of_frame,
        ),
        _view_makers(objective, encoder, settings),
        Plan(
            epochs=settings.epochs,
            batch_size=batch_size,
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            optimizer=settings.optimizer,
            warmup_epochs=min(settings.warmup_epochs, settings.epochs / 4),
            seed=settings.seed,
        ),
        fabric=fabric,
        folder=out,
        log=TrainingLog(out, active=fabric.is_global_zero),
    )
    encoder = encoder.to("cpu")
    if fabric.is_global_zero:
        encoder.save(out / "encoder")
        run.finish(
            {
                "out": str(out),
                "run": str(out),
                "method": settings.method,
                "backbone": settings.backbone,
                "epochs": settings.epochs,
                "loss": trained.loss,
                "loss_at_chance": objective.chance(batch_size),
                "images_per_s": trained.images_per_s,
                "data_wait": trained.data_wait,
                "effective_rank": effective_rank(_embed_sample(store, rows, encoder, settings.seed)),
                "dim": encoder.dim,
                "n_frames": len(rows),
                **({} if labels is None else labels.counts(rows)),
                **counts(store, np.unique(clip_of_frame[rows])),
                "split": split,
                "device": device,
                "precision": precision,
            }
        )
    fabric.barrier()
    return encoder.eval()


def _open_run(fabric: Any, out: Path, **how: Any) -> RunDir | None:
    """The run's folder, opened by the first process alone; None, in all processes, where the run is done.

    Raises:
        InputError: in all processes, what the first one met: none may go on to wait for it.
    """
    run, verdict = None, ("go", None)
    if fabric.is_global_zero:
        try:
            run = RunDir.open(out, command="pretrain", **how)
            verdict = ("done" if run.done else "go", None)
        except SslechoError as error:
            verdict = ("error", error)
    word, error = fabric.broadcast(verdict)
    if error is not None:
        raise error
    return None if word == "done" else (run or RunDir(out, "running"))


def _training_rows(store: Store, everything: bool) -> tuple[np.ndarray, str]:
    """Frames to learn from, and the splits they come from in words."""
    split = store.column("split", level="frame")
    if everything or all(word is None for word in split):
        return np.arange(len(store), dtype=np.int64), "all"
    rows = np.flatnonzero((split == "train") | (split == "val")).astype(np.int64)
    if not len(rows):
        raise InputError(f"{store.path} has no frame in train or val; run `sslecho split {store.path}`, or say --all")
    return rows, "train+val"


def _partner_groups(store: Store, positives: str, labels: KnownLabels | None) -> np.ndarray | None:
    """The group that a frame's partner is drawn from; where labels are known, partners share the label."""
    if positives == "frame":
        return None
    groups = store.clip_of_frame
    if positives == "patient":
        unit = np.unique(store.column("unit_id").astype(str), return_inverse=True)[1]
        groups = unit.astype(np.int64)[groups]
    return groups if labels is None else groups * (len(labels.names) + 1) + labels.of_frame + 1


def _method_settings(objective_class: type[Objective], settings: PretrainSettings) -> MethodSettings:
    """The method's own settings, from `--temperature` and `--method-set`.

    Raises:
        SettingsError: all that are unknown or break a rule, and which there are.
    """
    values: dict[str, Any] = {} if settings.temperature is None else {"temperature": settings.temperature}
    problems = []
    for text in settings.method_set:
        key, equals, written = text.partition("=")
        if not equals or not key or key in values:
            problems.append(f"--method-set {text!r} must read KEY=VALUE, each KEY once")
        values[key] = written
    if problems:
        raise SettingsError(problems)
    try:
        return build(objective_class.settings_class, values)
    except SettingsError as error:
        raise SettingsError([f"--method {settings.method}: {problem}" for problem in error.problems]) from None


def _view_makers(objective: Objective, encoder: Encoder, settings: PretrainSettings) -> list[Views]:
    """What makes each view that the objective needs."""
    side, seed = settings.image_size, settings.seed
    whole = Views(policy(settings.policy, size=side, min_area=settings.min_area), size=side, seed=seed)
    makers = [whole] * objective.n_views
    local = objective.local
    if local is not None:
        # A network with a position for each patch takes one size only, so there a small crop is drawn large.
        fixed = encoder.net.default_cfg.get("fixed_input_size", False)
        small = side if fixed else max(1, round(local.size * side))
        pieces = local_policy(settings.policy, size=small, min_area=local.min_area, max_area=local.max_area)
        makers += [Views(pieces, size=small, seed=seed)] * local.count
    return makers


def _new_encoder(store: Store, rows: np.ndarray, settings: PretrainSettings, how: dict[str, Any]) -> Encoder:
    """An encoder with random weights that knows the frames' gray levels."""
    gray = store.read(_sample(rows, settings.seed)).astype(np.float32) / 255
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return Encoder(
            settings.backbone,
            image_size=settings.image_size,
            mean=round(float(gray.mean()), 6),
            std=round(max(float(gray.std()), 1e-3), 6),
            provenance={
                "settings": how,
                "frames": store.frames_hash,
                # Hashes: what scores this encoder can tell whom it has seen.
                "units": sorted(set(store.column("unit_id")[np.unique(store.clip_of_frame[rows])].tolist())),
                **provenance(),
            },
        )


def _embed_sample(store: Store, rows: np.ndarray, encoder: Encoder, seed: int) -> np.ndarray:
    encoder.eval()
    device = next(encoder.parameters()).device
    parts = [part for part in np.array_split(_sample(rows, seed), 8) if len(part)]
    return torch.cat([encoder.encode(torch.from_numpy(store.read(part)).to(device)) for part in parts]).cpu().numpy()


def _sample(rows: np.ndarray, seed: int) -> np.ndarray:
    if len(rows) <= SAMPLE:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
