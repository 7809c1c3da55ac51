"""`view`: Store and Encoder -> a classifier of clips, scored on other patients."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sslecho.api.classifier_rows import Rows, labeled_frames, rows_of
from sslecho.api.finetune_start import Start, start_of
from sslecho.api.joint_run import open_jointly
from sslecho.api.learning_run import fabric_of, learning_identity, outcome, running
from sslecho.api.nouns import as_store, groups
from sslecho.api.origin import Origin
from sslecho.api.view_result import judged
from sslecho.api.view_rows import blank_clips, decisive, labeled_clips, network_frames, without
from sslecho.api.view_settings import ViewSettings, pairs
from sslecho.config import build, identity, to_toml
from sslecho.data.store import Store
from sslecho.data.window_sampler import Selecting
from sslecho.data.windows import Windows
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError
from sslecho.models.video import create_video
from sslecho.models.video.video_network import VideoNetwork
from sslecho.objectives.recognize import RecognizeSettings
from sslecho.tasks.predictions import Predictions
from sslecho.tasks.view import train_viewer
from sslecho.tasks.viewer import Looking, Viewer
from sslecho.train.layers import train_last
from sslecho.train.learner import rates_of
from sslecho.train.supervised import Tuning
from sslecho.views.policies import Views, policy
from sslecho.views.pose import Pose


def view(store: Store | Path | str, out: Path | str, *, overwrite: bool = False, **options: Any) -> Predictions:
    """Train a classifier of clips on the labeled clips of train, stop by val, and score on test.

    The same call again goes on where it stopped. `Viewer.load(out)` reads what was learned.

    Args:
        store: with splits and labels.
        out: the run's folder.
        overwrite: remove an earlier run there first.
        options: the fields of `ViewSettings` (`encoder="run"`, `arch="stfm"`, `preset="madani"`, …).

    Raises:
        InputError: settings, store, labels, encoder or folder are not as they must be.
        Interrupted: the user stopped it; the state was saved.
    """
    settings = build(ViewSettings, options)
    store, out = as_store(store), Path(out)
    unit = groups(store.unit)
    loss = _loss(settings)
    if settings.encoder is None and settings.from_ != "scratch":
        raise InputError("--encoder is missing: name a run of `sslecho pretrain`, or say --from scratch")
    start = start_of(
        store,
        encoder=settings.encoder,
        scratch=settings.from_ == "scratch",
        backbone=settings.backbone,
        image_size=settings.image_size,
        seed=settings.seed,
    )
    origin = Origin(store, "", start.encoder, None, "")
    frames = labeled_frames(store, origin, labels=settings.labels, column=settings.label_column)
    items = frames.per_clip()
    n_frames = network_frames(store, settings)
    rows, warnings = rows_of(items, origin, open_set=settings.open_set, unit=unit)
    blank = blank_clips(store, n_windows=settings.windows, most_frames=settings.most_frames)
    rows, more = without(rows, blank)
    classes = tuple(sorted(set(items.column("label")[rows.train].tolist())))
    families = _families(settings, classes)
    labeled = labeled_clips(store, frames, rows, classes, settings)
    windows = Windows.of(store, n_frames, stride=settings.stride, stride_s=settings.stride_s)
    # Before the folder is begun: an architecture may not fit the encoder.
    network = _network(start, settings, n_classes=len(classes), n_frames=n_frames)
    fabric, device, precision = fabric_of(settings)
    run = open_jointly(
        fabric,
        out,
        command="view",
        identity=learning_identity(
            settings,
            start,
            store,
            precision=precision,
            learned_from=decisive(labeled),
            truth=(classes, items.column("label").tolist(), items.column("split").tolist()),
        ),
        settings=to_toml(settings, "view"),
        overwrite=overwrite,
    )
    if run is None:
        return Predictions.load(out)
    _note(network, start, items, rows, settings)
    trained, confidence = train_viewer(
        store,
        labeled,
        network,
        windows,
        [_views(network, settings)],
        Tuning.of(settings),
        running(settings, fabric, out),
        loss=loss,
        aggregate_by=settings.aggregate,
        balanced=settings.balance == "sampler",
        selecting=Selecting(settings.epsilon, settings.random_epochs) if settings.sampling == "selective" else None,
    )
    if fabric.is_global_zero:
        model = Viewer(
            network.to(fabric.device),
            settings.arch,
            start.architecture[0],
            classes,
            _looking(settings, loss),
            1.0,
            None,
            {"level": settings.level, "unit": unit, "frames_hash": store.frames_hash, "preset": settings.preset},
        )
        result = judged(
            store,
            frames,
            items,
            rows,
            blank,
            model,
            settings,
            out,
            windows=windows,
            families=families,
            warnings=[*warnings, *more],
        )
        run.finish(
            {
                **result,
                **_about(settings, network, confidence),
                **outcome(trained, device=device, precision=precision),
                "out": str(out),
            }
        )
    fabric.barrier()
    return Predictions.load(out)


def _loss(settings: ViewSettings) -> RecognizeSettings:
    """The loss, whose rules the other options must keep."""
    if settings.loss != "ce" and settings.balance in ("weights", "logit"):
        raise InputError(
            f"--balance {settings.balance} changes cross-entropy, and --loss {settings.loss} is none; take --balance "
            "sampler, copies or none"
        )
    if settings.aggregate == "evidence" and settings.loss == "ce":
        raise InputError("--aggregate evidence needs a loss whose outputs are evidence, such as --loss re-edl")
    return RecognizeSettings(
        loss=settings.loss,
        balance=settings.balance if settings.balance in ("weights", "logit") else "none",
        tau=settings.tau,
        label_smoothing=settings.label_smoothing,
        lambda1=settings.lambda1,
        lambda2=settings.lambda2,
    )


def _families(settings: ViewSettings, classes: tuple[str, ...]) -> dict[str, str]:
    found = pairs(settings.families, "--families")
    if strange := sorted(set(found) - set(classes)):
        raise InputError(f"--families {strange[0]}={found[strange[0]]}: no clip of train is of this class")
    return found


def _network(start: Start, settings: ViewSettings, *, n_classes: int, n_frames: int) -> VideoNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        encoder = start.new_encoder()
        network = create_video(settings.arch, encoder, n_classes=n_classes, n_frames=n_frames, dropout=settings.dropout)
    rates_of(network, settings.layer_decay)  # which not every architecture has
    if settings.train == "all":
        return network
    if network.encoder is None:
        raise InputError(
            f"--train {settings.train} keeps layers of an encoder as they are, and --arch {settings.arch} has none "
            "inside; take frame, lstm, gru, attention, divided or stfm"
        )
    train_last(network.encoder.net, settings.last_layers if settings.train == "last" else 0)
    return network


def _views(network: VideoNetwork, settings: ViewSettings) -> Views:
    pose, *others = policy(settings.policy, size=network.image_size, min_area=settings.min_area)
    assert isinstance(pose, Pose)
    pose = pose if settings.flip_y else replace(pose, flip_y=0.0)
    return Views([pose, *others], size=network.image_size, seed=settings.seed)


def _looking(settings: ViewSettings, loss: RecognizeSettings) -> Looking:
    return Looking(
        stride=settings.stride,
        stride_s=settings.stride_s,
        n_windows=settings.windows,
        most_frames=settings.most_frames,
        aggregate=settings.aggregate,
        evidential=loss.evidential,
        prior=loss.prior,
    )


def _note(network: VideoNetwork, start: Start, items: Embeddings, rows: Rows, settings: ViewSettings) -> None:
    """What made the weights, in the encoder inside; `units` has everyone that they have seen."""
    if network.encoder is None:
        return
    before = {} if start.encoder is None else start.encoder.provenance
    seen = set(before.get("units") or ()) | set(items.column("unit_id")[rows.train].tolist())
    network.encoder.provenance = {
        **network.encoder.provenance,
        "units": sorted(seen),
        "view": identity(settings),
    }


def _about(settings: ViewSettings, network: VideoNetwork, confidence: np.ndarray | None) -> dict[str, Any]:
    """What the network is, and how sure it was of the segments that it learned from."""
    return {
        "arch": settings.arch,
        "taken": network.taken,
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "frames": network.n_frames,
        "preset": settings.preset,
        "control": settings.control,
        "from": settings.from_,
        "balance": settings.balance,
        "train": settings.train,
        "aggregate": settings.aggregate,
        "loss_name": settings.loss,
        "segments": None
        if confidence is None
        else {
            "n": len(confidence),
            "visited": float((confidence >= 0).mean()),
            "confidence": float(confidence[confidence >= 0].mean()) if (confidence >= 0).any() else None,
        },
    }
