"""The training loop: read a batch, make its views, one step; every step can be the last."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sslecho.errors import Interrupted, SslechoError
from sslecho.models.encoder import Encoder
from sslecho.objectives.objective import Batch, Known, Now, Objective
from sslecho.progress import track
from sslecho.train import checkpoint
from sslecho.train.batches import Frames, known_of, row_batches
from sslecho.train.interrupt import StopRequest
from sslecho.train.log import TrainingLog
from sslecho.train.meter import Meter
from sslecho.train.pictures import Loaded, load, show
from sslecho.train.schedule import cosine_with_warmup
from sslecho.views.policies import Views

SECONDS_BETWEEN_CHECKPOINTS = 120.0
STEPS_BETWEEN_LOGS = 20


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


class Learner(nn.Module):
    """Encoder and objective as one module, so that processes exchange the gradients of both."""

    def __init__(self, encoder: Encoder, objective: Objective):
        super().__init__()
        self.encoder, self.objective = encoder, objective

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        return self.objective(self.encoder, batch)


def fit(
    encoder: Encoder,
    objective: Objective,
    frames: Frames,
    makers: Sequence[Views],
    plan: Plan,
    *,
    fabric: Any,
    folder: Path,
    log: TrainingLog,
) -> Trained:
    """Train until the plan is done, going on from the folder's checkpoint where there is one.

    Args:
        encoder: trained in place.
        objective: made from this encoder.
        makers: one for each view that the objective needs, the whole ones first.
        folder: holds the checkpoint.
        log: gets `step`, `epoch`, `loss`, `lr`, `images_per_s`, `data_wait` now and then.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; the state was saved first.
        SslechoError: the loss is no finite number any more.
    """
    module = as_channels_last(Learner(encoder, objective))
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
        batches = row_batches(
            frames,
            batch_size=plan.batch_size,
            epochs=plan.epochs,
            seed=plan.seed,
            start=done,
            rank=fabric.global_rank,
            world=fabric.world_size,
        )
        upcoming = reader.submit(load, frames, next(batches, None))
        for step in range(done, total):
            waiting = time.monotonic()
            loaded: Any = upcoming.result()
            meter.waited(time.monotonic() - waiting)
            upcoming = reader.submit(load, frames, next(batches, None))
            lr = plan.lr * cosine_with_warmup(step, total_steps=total, warmup_steps=int(plan.warmup_epochs * per_epoch))
            for group in optimizer.param_groups:
                group["lr"] = lr
            now = Now(step, total, step / per_epoch)
            loss = _step(module, optimizer, loaded, frames, makers, fabric=fabric, seed=plan.seed, now=now)
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
    trained = [p for p in module.parameters() if p.requires_grad]  # a teacher's weights are not
    decayed = [p for p in trained if p.ndim > 1]
    free = [p for p in trained if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": plan.weight_decay}, {"params": free, "weight_decay": 0.0}]
    if plan.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=plan.lr, momentum=0.9, fused=True)
    return torch.optim.AdamW(groups, lr=plan.lr, fused=True)


def _step(
    module: Any,
    optimizer: Any,
    loaded: Loaded,
    frames: Frames,
    makers: Sequence[Views],
    *,
    fabric: Any,
    seed: int,
    now: Now,
) -> Float[Tensor, ""]:
    bare = _bare(module)
    objective = bare.objective
    batch = show(loaded, makers, now, n_draws=objective.n_draws, seed=seed, device=fabric.device)
    known = known_of(loaded.rows, frames, now, fabric.device)
    outputs = module(batch)
    if fabric.world_size > 1:  # the other processes' frames are in the loss too

        def gathered(tensor: Tensor) -> Tensor:
            # Process r has the frames r, r + world, … of the joint batch, whose order this restores.
            return fabric.all_gather(tensor, sync_grads=tensor.is_floating_point()).transpose(0, 1).flatten(0, 1)

        outputs = tuple(gathered(output) for output in outputs)
        known = Known(gathered(known.clips), gathered(known.labels), now)
    loss = objective.loss(outputs, known)
    fabric.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
    objective.after_step(bare.encoder, now)
    return loss.detach()


def _bare(module: Any) -> Learner:
    """The module itself, without what Fabric wrapped around it."""
    while not isinstance(module, Learner):
        module = module.module
    return module
