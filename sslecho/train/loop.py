"""The training loop: read a batch, make two views, one step; every step can be the last."""

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from sslecho.data.sampler import Groups, epoch_batches, partners
from sslecho.errors import Interrupted, SslechoError
from sslecho.models.encoder import Encoder
from sslecho.progress import track
from sslecho.train import checkpoint
from sslecho.train.interrupt import StopRequest
from sslecho.train.log import TrainingLog
from sslecho.train.schedule import cosine_with_warmup
from sslecho.views.policies import Views

SECONDS_BETWEEN_CHECKPOINTS = 120.0
STEPS_BETWEEN_LOGS = 20


@dataclass(frozen=True)
class Frames:
    """What is trained on.

    Attributes:
        read: rows -> uint8 frames [n, h, w].
        rows: frames to train on, as rows of the store.
        clip_of_frame: the clip of every frame of the store.
        partner_group: the group to draw the second view's frame from, of every frame of the store; None
            makes both views of the same frame.
    """

    read: Callable[[np.ndarray], np.ndarray]
    rows: Int64[np.ndarray, " n"]
    clip_of_frame: Int64[np.ndarray, " n_frames"]
    partner_group: Int64[np.ndarray, " n_frames"] | None = None


@dataclass(frozen=True)
class Plan:
    """How long and how fast to learn.

    Attributes:
        batch_size: frames a step, over all processes.
        lr: peak learning rate.
    """

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    optimizer: str
    warmup_epochs: float
    seed: int


@dataclass(frozen=True)
class Trained:
    """What a finished run says of itself: throughput in frames, waiting as a share of the time."""

    loss: float
    images_per_s: float
    data_wait: float
    steps: int


class TwoViews(nn.Module):
    """Encoder and objective as one module, so that processes exchange the gradients of both."""

    def __init__(self, encoder: Encoder, objective: nn.Module):
        super().__init__()
        self.encoder, self.objective = encoder, objective

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        # One pass over both views: a larger batch is faster, and batch norm sees both, as in the paper.
        embedded = self.encoder(torch.cat([first, second]))
        return self.objective(*embedded.chunk(2))


def fit(
    encoder: Encoder,
    objective: Any,
    frames: Frames,
    views: Views,
    plan: Plan,
    *,
    fabric: Any,
    folder: Path,
    log: TrainingLog,
) -> Trained:
    """Train until the plan is done, going on from the folder's checkpoint where there is one.

    Args:
        encoder: trained in place.
        objective: `forward(first, second)` projects, `loss(first, second, clips)` is the number to lower.
        folder: holds the checkpoint.
        log: gets `step`, `epoch`, `loss`, `lr`, `images_per_s`, `data_wait` now and then.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; the state was saved first.
        SslechoError: the loss is no finite number any more.
    """
    module = as_channels_last(TwoViews(encoder, objective))
    optimizer = make_optimizer(module, plan)
    module, optimizer = fabric.setup(module, optimizer)
    # After the set-up, so that the optimizer's state lands on the parameters' device.
    done, said_before = checkpoint.restore(folder, _bare(module), optimizer.optimizer)
    module.train()
    per_epoch = len(frames.rows) // plan.batch_size
    total = per_epoch * plan.epochs
    meter = Meter(plan.batch_size, said_before)
    saved_at = time.monotonic()

    def save(step: int) -> None:
        if fabric.is_global_zero:
            checkpoint.save(folder, _bare(module), optimizer.optimizer, step=step, said=meter.overall())

    with (
        StopRequest() as stop,
        log.after(done),
        ThreadPoolExecutor(1) as reader,  # reads the next batch while this one trains
        track("pretrain", total=total, unit="steps", done=done) as bar,
    ):
        batches = _batches(frames, plan, start=done, rank=fabric.global_rank, world=fabric.world_size)
        upcoming = reader.submit(_read, frames, next(batches, None))
        for step in range(done, total):
            waiting = time.monotonic()
            batch = upcoming.result()
            meter.waited(time.monotonic() - waiting)
            upcoming = reader.submit(_read, frames, next(batches, None))
            lr = plan.lr * cosine_with_warmup(step, total_steps=total, warmup_steps=int(plan.warmup_epochs * per_epoch))
            for group in optimizer.param_groups:
                group["lr"] = lr
            loss = _step(module, optimizer, batch, frames, views, fabric=fabric, epoch=step // per_epoch)
            meter.stepped(loss)
            if (step + 1) % STEPS_BETWEEN_LOGS == 0 or (step + 1) % per_epoch == 0 or step + 1 == total:
                said = meter.read()
                if not math.isfinite(said["loss"]):
                    raise SslechoError(
                        f"the loss is {said['loss']} after {step + 1} steps; "
                        "lower --lr or raise --warmup-epochs and start anew with --overwrite"
                    )
                log.write(step=step + 1, epoch=(step + 1) / per_epoch, lr=lr, **said)
                bar.advance(
                    0,
                    loss=f"{said['loss']:.3f}",
                    **{"images/s": f"{said['images_per_s']:.0f}", "waiting": f"{said['data_wait']:.1%}"},
                )
            bar.advance(1)
            if _any_process(fabric, stop.asked) and step + 1 < total:
                save(step + 1)
                raise Interrupted(f"stopped after {step + 1} of {total} steps; the same command goes on from there")
            if time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS:
                save(step + 1)
                saved_at = time.monotonic()
        save(total)
    encoder.eval()
    return Trained(**meter.overall(), steps=total)


def _any_process(fabric: Any, asked: bool) -> bool:
    """Whether any process was asked to stop: all stop after the same step, or one would wait for the others forever."""
    if fabric.world_size == 1:
        return asked
    return bool(fabric.all_reduce(torch.tensor(float(asked), device=fabric.device), reduce_op="sum") > 0)


def as_channels_last(module: nn.Module) -> Any:
    """The module with its convolutions' weights in the order that is fastest on CPUs and GPUs alike."""
    return module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def make_optimizer(module: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """SGD with momentum or AdamW; biases and norms (vectors) are not decayed.

    Fused: one pass over all parameters, on the CPU too, where the plain loop over tensors takes a tenth of a step.
    """
    decayed = [p for p in module.parameters() if p.ndim > 1]
    free = [p for p in module.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": plan.weight_decay}, {"params": free, "weight_decay": 0.0}]
    if plan.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=plan.lr, momentum=0.9, fused=True)
    return torch.optim.AdamW(groups, lr=plan.lr, fused=True)


def _batches(frames: Frames, plan: Plan, *, start: int, rank: int, world: int) -> Any:
    """Rows of both views for each step from `start` on, this process's share of them."""
    per_epoch = len(frames.rows) // plan.batch_size
    members = None if frames.partner_group is None else Groups(frames.rows, frames.partner_group)
    for step in range(start, per_epoch * plan.epochs):
        epoch, at = divmod(step, per_epoch)
        if step == start or at == 0:
            order = epoch_batches(frames.rows, batch_size=plan.batch_size, seed=plan.seed, epoch=epoch)
        first = order[at]
        second = first
        if members is not None and frames.partner_group is not None:
            second = partners(first, frames.partner_group, members, seed=plan.seed, epoch=epoch)
        yield first[rank::world], second[rank::world]


def _read(frames: Frames, pair: tuple[np.ndarray, np.ndarray] | None) -> Any:
    if pair is None:
        return None
    first, second = pair
    pictures = torch.from_numpy(frames.read(first))
    return first, second, pictures, pictures if second is first else torch.from_numpy(frames.read(second))


def _step(
    module: Any,
    optimizer: Any,
    batch: tuple[np.ndarray, np.ndarray, UInt8[Tensor, "n h w"], UInt8[Tensor, "n h w"]],
    frames: Frames,
    views: Views,
    *,
    fabric: Any,
    epoch: int,
) -> Float[Tensor, ""]:
    rows, other_rows, pictures, others = batch
    device = fabric.device
    prepared = views.prepare(pictures.to(device, non_blocking=True))
    other = prepared if others is pictures else views.prepare(others.to(device, non_blocking=True))
    first = views(prepared, rows, epoch=epoch, view=0)
    second = views(other, other_rows, epoch=epoch, view=1)
    clips = torch.from_numpy(frames.clip_of_frame[rows]).to(device)
    z1, z2 = module(first, second)
    if fabric.world_size > 1:  # the other processes' frames are negatives too
        z1, z2, clips = (fabric.all_gather(t, sync_grads=t.is_floating_point()).flatten(0, 1) for t in (z1, z2, clips))
    objective: Any = _bare(module).objective
    loss = objective.loss(z1, z2, clips)
    fabric.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


def _bare(module: Any) -> TwoViews:
    """The module itself, without what Fabric wrapped around it."""
    while not isinstance(module, TwoViews):
        module = module.module
    return module


class Meter:
    """Mean loss, throughput and waiting since the last reading, and since the run was started or resumed.

    Args:
        before: what was said when the run was stopped; it counts until a step is done.
    """

    def __init__(self, batch_size: int, before: dict[str, float]):
        self._batch_size = batch_size
        self._before = before
        self._started = self._since = time.monotonic()
        self._losses: list[Tensor] = []
        self._wait = self._all_wait = 0.0
        self._steps = 0
        self._last_loss = math.nan

    def waited(self, seconds: float) -> None:
        self._wait += seconds
        self._all_wait += seconds

    def stepped(self, loss: Tensor) -> None:
        self._losses.append(loss)  # a tensor: reading it here would make the device wait
        self._steps += 1

    def read(self) -> dict[str, float]:
        self._last_loss = float(torch.stack(self._losses).mean())
        seconds = max(time.monotonic() - self._since, 1e-9)
        said = {
            "loss": self._last_loss,
            "images_per_s": len(self._losses) * self._batch_size / seconds,
            "data_wait": self._wait / seconds,
        }
        self._losses, self._wait, self._since = [], 0.0, time.monotonic()
        return said

    def overall(self) -> dict[str, float]:
        """`loss` as last read, `images_per_s`, `data_wait`."""
        if not self._steps and self._before:
            return self._before
        seconds = max(time.monotonic() - self._started, 1e-9)
        return {
            "loss": self._last_loss,
            "images_per_s": self._steps * self._batch_size / seconds,
            "data_wait": self._all_wait / seconds,
        }
