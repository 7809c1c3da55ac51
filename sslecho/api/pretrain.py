"""`pretrain`: Store -> Encoder."""

import copy
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sslecho.api.joint_run import open_jointly
from sslecho.api.method_settings import settings_of_method
from sslecho.api.nouns import as_store, counts, groups
from sslecho.api.pretrain_encoder import embed_sample, new_encoder, picture_size, say_match
from sslecho.api.pretrain_frames import frames_a_step, repeated_clips, training_frames, training_rows
from sslecho.api.pretrain_labels import known_labels
from sslecho.api.pretrain_verdict import judge, judge_again, named_baselines, others
from sslecho.api.pretrain_views import view_makers
from sslecho.api.pretrain_watch import watched
from sslecho.api.settings import PretrainSettings
from sslecho.config import build, identity, to_toml
from sslecho.data.store import Store
from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.models.weight_files import read_weights
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import MethodSettings, Objective
from sslecho.rundir import warn
from sslecho.train.checkpoint import Saving
from sslecho.train.device import choose_compiler, choose_device, choose_precision, make_fabric
from sslecho.train.health import Watch, looks_every, spread_of
from sslecho.train.log import TrainingLog
from sslecho.train.loop import Plan, fit


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
    baselines = named_baselines(settings.baseline)
    objective_class = OBJECTIVES[settings.method]
    method_settings = _method_settings(objective_class, settings)
    rows, split = training_rows(store, settings.all)
    seen = watched(store, rows, settings.seed)
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
    device, _ = choose_device(settings.device)
    precision, _ = choose_precision(settings.precision, device)
    batch_size = frames_a_step(settings, len(rows), labels)
    if settings.workers:
        torch.set_num_threads(settings.workers)
    how = {name: value for name, value in identity(settings).items() if name not in ("temperature", "method_set")}
    weights = None if settings.weights is None else read_weights(settings.weights)
    how["image_size"] = size = picture_size(settings, weights)
    settings = replace(settings, image_size=size if isinstance(size, int) else None)
    if weights is not None:
        how["weights"] = weights.sha256
    how |= {f"{settings.method}.{name}": value for name, value in identity(method_settings).items()}
    if labels is not None:
        how["labels"] = labels.hash
    # Before the folder is begun: a backbone may be misspelled, or be nothing for the method.
    encoder, match = new_encoder(store, rows, settings, how, size=size, weights=weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        objective: Objective = objective_class(encoder, method_settings)
    fabric = make_fabric(device=device, devices=settings.devices, nodes=settings.nodes, precision=precision)
    run = open_jointly(
        fabric,
        out,
        command="pretrain",
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
    started = None if match is None else copy.deepcopy(encoder)
    judging = {"seed": settings.seed, "device": fabric.device, "unit": groups(store.unit)}
    if run is None:
        trained_before = Encoder.load(out)
        if fabric.is_global_zero:
            judge_again(store, seen, trained_before, out, baselines, started=started, **judging)
        return trained_before
    if match is not None and fabric.is_global_zero:
        say_match(match)
    if batch_size < settings.batch_size:
        warn(f"--batch-size {settings.batch_size} is more than the {len(rows)} frames; {batch_size} is used")
    frames = training_frames(store, rows, settings, objective, labels)
    makers = view_makers(objective, encoder, settings)
    every = looks_every(
        len(seen.sample.rows),
        n_frames=len(rows),
        batch_size=batch_size,
        n_views=objective.n_views,
        n_processes=fabric.world_size,
        epochs=settings.watch_every,
    )
    warmup_epochs = min(settings.warmup_epochs, settings.epochs / 4)
    calm_steps = round(warmup_epochs * (len(rows) // batch_size))
    trained = fit(
        encoder,
        objective,
        frames,
        makers,
        Plan(
            epochs=settings.epochs,
            batch_size=batch_size,
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            optimizer=settings.optimizer,
            warmup_epochs=warmup_epochs,
            seed=settings.seed,
            clip_grad=settings.clip_grad,
        ),
        fabric=fabric,
        folder=out,
        log=TrainingLog(out, active=fabric.is_global_zero),
        watch=Watch(
            # A store's open files belong to one thread, and the next batch is read in another one meanwhile.
            seen.sample,
            replace(frames, read=copy.copy(store).read),
            makers[0],
            seed=settings.seed,
            every=every,
            calm_steps=calm_steps,
            began=encoder,
        ),
        saving=Saving(settings.checkpoint_seconds, settings.keep_checkpoints),
        backend=choose_compiler(settings.compile, device),
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
                **spread_of(embed_sample(store, rows, encoder, settings.seed)),
                **judge(store, seen, encoder, others(encoder, started, baselines, settings.seed), **judging),
                "dim": encoder.dim,
                **({} if match is None else {"weights": match.as_dict()}),
                "n_frames": len(rows),
                "n_repeated_clips": repeated_clips(frames),
                **({} if labels is None else labels.counts(rows)),
                **counts(store, np.unique(clip_of_frame[rows])),
                "split": split,
                "device": device,
                "precision": precision,
            }
        )
    fabric.barrier()
    return encoder.eval()


def _method_settings(objective_class: type[Objective], settings: PretrainSettings) -> MethodSettings:
    """The method's own settings, from `--temperature` and `--method-set`.

    Raises:
        SettingsError: all that are unknown or break a rule, and which there are.
    """
    return settings_of_method(
        objective_class.settings_class,
        method=settings.method,
        assignments=settings.method_set,
        values={} if settings.temperature is None else {"temperature": settings.temperature},
    )
