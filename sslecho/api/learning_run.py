"""What `finetune` and `grade` have in common: the machine they use, what decides their result, what they say of it."""

import hashlib
from pathlib import Path
from typing import Any

import torch

from sslecho.api.finetune_start import Start
from sslecho.api.learning_settings import LearningSettings
from sslecho.config import identity
from sslecho.data.store import Store
from sslecho.rundir import sha256_of
from sslecho.train.checkpoint import Saving
from sslecho.train.device import choose_compiler, choose_device, choose_precision, make_fabric
from sslecho.train.log import TrainingLog
from sslecho.train.loop import Trained
from sslecho.train.supervised import Running


def fabric_of(settings: LearningSettings) -> tuple[Any, str, str]:
    """Processes on their devices; the device and the precision in words."""
    device, _ = choose_device(settings.device)
    precision, _ = choose_precision(settings.precision, device)
    if settings.workers:
        torch.set_num_threads(settings.workers)
    fabric = make_fabric(device=device, devices=settings.devices, nodes=settings.nodes, precision=precision)
    return fabric, device, precision


def running(settings: LearningSettings, fabric: Any, out: Path) -> Running:
    """Where a run happens."""
    log = TrainingLog(out, active=fabric.is_global_zero)
    compiler = choose_compiler(settings.compile, fabric.device.type)
    return Running(fabric, out, log, Saving(settings.checkpoint_seconds), compiler)


def learning_identity(
    settings: Any, start: Start, store: Store, *, precision: str, learned_from: Any, truth: Any
) -> dict[str, Any]:
    """What decides the result, for the run's folder.

    Args:
        learned_from: frames that are learned from and stopped by, with what is known of them.
        truth: what is scored, and on whom.
    """
    return {
        **identity(settings),
        "labels": sha256_of(Path(settings.labels)) if settings.labels else None,
        "encoder": start.hash,
        "frames_hash": store.frames_hash,
        "precision": precision,
        "learned_from": _hash(learned_from),
        "truth": _hash(truth),
    }


def outcome(trained: Trained, *, device: str, precision: str) -> dict[str, Any]:
    """What a result says of the training."""
    return {
        "steps": trained.steps,
        "best_step": trained.taken,
        "loss": trained.loss,
        "images_per_s": trained.images_per_s,
        "data_wait": trained.data_wait,
        "device": device,
        "precision": precision,
    }


def _hash(values: Any) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()
