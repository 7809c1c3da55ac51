"""The training loop: read a batch, make its views, one step; every step can be the last."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from sslecho.errors import Interrupted, SslechoError
from sslecho.objectives.objective import Known, Now, Objective
from sslecho.progress import track
from sslecho.rundir import warn
from sslecho.train import checkpoint
from sslecho.train.batches import Frames, known_of, row_batches
from sslecho.train.bundle import write_bundle
from sslecho.train.checkpoint import Saving, Score
from sslecho.train.compiled import Compiled
from sslecho.train.device import from_first
from sslecho.train.guard import Guard, NotFinite
from sslecho.train.interrupt import StopRequest
from sslecho.train.learner import Learner, as_channels_last, bare, begin_momentum, make_optimizer, rates_of, seed_layers
from sslecho.train.log import TrainingLog
from sslecho.train.meter import Meter
from sslecho.train.pictures import Loaded, show
from sslecho.train.schedule import share_of_rate
from sslecho.train.transfer import Ahead
from sslecho.train.watching import Watch, is_due, look
from sslecho.views.policies import Views

STEPS_BETWEEN_LOGS = 20


@dataclass(frozen=True)
class Plan:
    """How long and how fast to learn.

    Attributes:
        batch_size: frames a step, over all processes.
        lr: peak learning rate.
        clip_grad: the longest gradient, over all trained weights; None leaves every length.
        layer_decay: the learning rate of a layer of the encoder, as a share of that of the layer above it.
        patience: steps without a better score of the watch after which the run ends early; None ends no run early.
        take_best: end with the weights of the best score, not with the last ones.
        schedule: of the learning rate, one of `schedule.SCHEDULES`.
    """

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    optimizer: str
    warmup_epochs: float
    seed: int
    clip_grad: float | None = None
    layer_decay: float = 1.0
    patience: int | None = None
    take_best: bool = False
    schedule: str = "cosine"


@dataclass(frozen=True)
class Trained:
    """What a finished run says of itself: throughput in frames, waiting as a share of the time, steps done, and the
    step whose weights it ended with."""

    loss: float
    images_per_s: float
    data_wait: float
    steps: int
    taken: int


def fit(
    encoder: nn.Module,
    objective: Objective,
    frames: Frames,
    makers: Sequence[Views],
    plan: Plan,
    *,
    fabric: Any,
    folder: Path,
    log: TrainingLog,
    watch: Watch | None = None,
    saving: Saving = Saving(),  # noqa: B008 (frozen)
    backend: str | Callable[..., Any] | None = None,
    doing: str = "pretrain",
) -> Trained:
    """Train until the plan is done, going on from the folder's latest whole checkpoint where there is one.

    Args:
        encoder: trained in place; for clips a `VideoNetwork`.
        objective: made from this encoder.
        makers: one for each view that the objective needs, the whole ones first.
        folder: holds the checkpoints.
        log: gets `step`, `epoch`, `loss`, `grad_norm`, `lr`, `images_per_s`, `data_wait` now and then, and what the
            watch sees.
        watch: looks at the network now and then, in the first process.
        saving: when to save, and what is kept.
        backend: of `torch.compile`, "inductor" for example; None compiles nothing.
        doing: what the progress bar calls it.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; the state was saved first.
        SslechoError: the loss or the gradient is no finite number any more, or what the watch raised; a bundle was
            written first.
    """
    module = as_channels_last(_with_joint_batch_norm(Learner(encoder, objective), fabric))
    optimizer = make_optimizer(
        module,
        name=plan.optimizer,
        lr=plan.lr,
        weight_decay=plan.weight_decay,
        rates=rates_of(encoder, plan.layer_decay),
    )
    compiled = Compiled(module, backend)
    module, optimizer = fabric.setup(module, optimizer)
    learner = bare(module)
    begin_momentum(optimizer.optimizer)
    # After the set-up, so that the optimizer's state lands on the parameters' device.
    found = from_first(fabric, lambda: checkpoint.find(folder))
    done, said_before = checkpoint.restore(found, learner, optimizer.optimizer) if found else (0, {})
    module.train()
    per_epoch = len(frames.rows) // plan.batch_size
    total = per_epoch * plan.epochs
    meter = Meter(plan.batch_size, said_before)
    guard = Guard(fabric.device)
    hosts = torch.distributed.new_group(backend="gloo") if fabric.world_size > 1 else None
    saved_at = time.monotonic()
    score: Score | None = None

    def rows_of(start: int, *, epochs: int, rank: int = 0, world: int = 1) -> Any:
        sizes = {"batch_size": plan.batch_size, "epochs": epochs}
        return row_batches(frames, **sizes, seed=plan.seed, start=start, rank=rank, world=world)

    def save(step: int, score: Score | None = None) -> None:
        # After a step that was not finite, what stands is from before it; the next reading ends the run.
        if fabric.is_global_zero and not bool(guard.flag):
            said = meter.overall()
            checkpoint.save(
                folder,
                learner,
                optimizer.optimizer,
                step=step,
                said=said,
                keep=saving.keep,
                score=score or (Score(said["loss"], "loss") if meter.has_read else None),
            )

    def over(done: int) -> bool:
        """Whether the watch has waited long enough; a function of what is saved, so that a resumed run knows too."""
        if plan.patience is None or watch is None:
            return False
        best = checkpoint.best_step(folder, by=watch.score)
        return best is not None and done - best >= plan.patience

    def given_up(step: int, error: Exception) -> str:
        """Where the bundle is that has the weights before the given step, counted from 0, and that step's batch."""
        rows, partner_rows = next(rows_of(step, epochs=plan.epochs + 1))  # one more: the last step may be done
        path = folder / "bundle"
        if fabric.is_global_zero:
            path = write_bundle(
                folder,
                reason=str(error),
                step=step,
                epoch=step // per_epoch,
                rows=rows,
                partner_rows=partner_rows,
                seed=plan.seed,
                state=learner.state_dict(),
            )
        fabric.barrier()  # a process that ends has the others ended, in the middle of writing
        return f"{path} has the batch and the weights before it"

    last = total if not from_first(fabric, lambda: over(done)) else done
    pairs = rows_of(done, epochs=plan.epochs, rank=fabric.global_rank, world=fabric.world_size)
    with (
        StopRequest() as stop,
        torch.random.fork_rng(devices=[fabric.device] if fabric.device.type == "cuda" else []),
        log.after(done),
        track(doing, total=total, unit="steps", done=done) as bar,
        Ahead(frames, pairs, fabric.device) as ahead,
    ):
        for step in range(done, last):
            waiting = time.monotonic()
            # The rows of an epoch may depend on the last step before it.
            ends_epoch = (step + 1) % per_epoch == 0
            loaded = ahead.next(hold=ends_epoch and frames.draws is not None and frames.draws.learns)
            meter.waited(time.monotonic() - waiting)
            lr = plan.lr * share_of_rate(
                plan.schedule, step, total=total, per_epoch=per_epoch, warmup=plan.warmup_epochs
            )
            for group in optimizer.param_groups:
                group["lr"] = lr * group.get("lr_scale", 1.0)
            now = Now(step, total, step / per_epoch)
            due = (step + 1) % STEPS_BETWEEN_LOGS == 0 or ends_epoch or step + 1 == total
            try:
                loss, grad_norm = compiled.step(
                    lambda loaded=loaded, now=now: _step(
                        module,
                        optimizer,
                        loaded,
                        frames,
                        makers,
                        fabric=fabric,
                        seed=plan.seed,
                        now=now,
                        guard=guard,
                        clip_grad=plan.clip_grad,
                    ),
                    undo=optimizer.zero_grad,
                )
                meter.stepped(loss, grad_norm)
                if due:
                    guard.read()
            except NotFinite as error:
                raise SslechoError(
                    f"{error}; lower --lr or raise --warmup-epochs and start anew with --overwrite; "
                    f"{given_up(error.step, error)}"
                ) from None
            score, looked = None, False
            if due:
                said = meter.read()
                if watch is not None and is_due(step + 1, every=watch.every, per_epoch=per_epoch, total=total):
                    looking = time.monotonic()
                    try:
                        with compiled.paused():
                            seen = look(watch, learner, fabric, stop, step=step + 1, total=total, whole=plan.take_best)
                    except SslechoError as error:
                        raise type(error)(f"{error}; {given_up(step + 1, error)}") from None  # step is done
                    meter.paused(time.monotonic() - looking)
                    looked = True
                    said |= seen
                    score = Score(seen[watch.score], watch.score) if watch.score in seen else None
                log.write(step=step + 1, epoch=(step + 1) / per_epoch, lr=lr, **said)
                bar.advance(
                    0,
                    loss=f"{said['loss']:.3f}",
                    **{"images/s": f"{said['images_per_s']:.0f}", "waiting": f"{said['data_wait']:.1%}"},
                )
            bar.advance(1)
            if _any_process(hosts, stop.asked) and step + 1 < total:
                save(step + 1, score)
                raise Interrupted(f"stopped after {step + 1} of {total} steps; the same command goes on from there")
            better = score is not None and score.beats(checkpoint.best_score(folder))
            if step + 1 < total and (better or time.monotonic() - saved_at > saving.seconds):
                save(step + 1, score)
                saved_at = time.monotonic()
            if looked and step + 1 < total and from_first(fabric, lambda step=step: over(step + 1)):
                last = step + 1
                break
        save(last, score)
    compiled.off()

    def take_best() -> int:
        best = None if watch is None or not plan.take_best else checkpoint.best_step(folder, by=watch.score)
        if best is not None:
            checkpoint.restore_best(folder, learner)
        return last if best is None else best

    # The first process has written the checkpoints, and its weights are those that are saved.
    taken = from_first(fabric, take_best)
    encoder.eval()
    return Trained(**meter.overall(), steps=last, taken=taken)


def _with_joint_batch_norm(module: nn.Module, fabric: Any) -> nn.Module:
    """The module with batch norm over all processes' frames, where that can be."""
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    if fabric.world_size == 1 or not norms:
        return module
    if fabric.device.type == "cuda":
        from timm.layers.norm_act import convert_sync_batchnorm  # torch's loses the activation in timm's own norms

        return convert_sync_batchnorm(module)
    if fabric.is_global_zero:
        warn(
            f"batch norm sees only a process's own frames on CPUs, 1/{fabric.world_size} of each batch; "
            "raise --batch-size, or take a network with layer norm, such as a ViT"
        )
    return module


def _any_process(group: Any, asked: bool) -> bool:
    """Whether any process was asked to stop: all stop after the same step, or one would wait for the others forever.

    Args:
        group: of the hosts, with gloo: asking through the GPUs would wait for them in every step. None for one process.
    """
    if group is None:
        return asked
    told = torch.tensor(float(asked))
    torch.distributed.all_reduce(told, group=group)
    return bool(told > 0)


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
    guard: Guard | None = None,
    clip_grad: float | None = None,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """One step; its loss, and the norm of the gradient of all trained weights."""
    learner = bare(module)
    objective = learner.objective
    batch = show(loaded, makers, now, n_draws=objective.n_draws, seed=seed, device=fabric.device)
    known = known_of(loaded.rows, frames, now, fabric.device)
    seed_layers(seed, now.step, loaded.rows)
    outputs = module(batch)
    if fabric.world_size > 1:  # the other processes' frames are in the loss too

        def gathered(tensor: Tensor) -> Tensor:
            # Process r has the frames r, r + world, … of the joint batch, whose order this restores.
            return fabric.all_gather(tensor, sync_grads=tensor.is_floating_point()).transpose(0, 1).flatten(0, 1)

        outputs = tuple(gathered(output) for output in outputs)
        grades, segments = (None if v is None else gathered(v) for v in (known.grades, known.segments))
        known = Known(gathered(known.clips), gathered(known.labels), now, grades, segments)
    loss = objective.loss(outputs, known)
    fabric.backward(loss)
    # In float16 gradients are scaled up until here. Fabric refuses to unscale for fused optimizers, torch does not.
    scaler = getattr(fabric.strategy.precision, "scaler", None)
    if scaler is not None:
        scaler.unscale_(optimizer.optimizer)
    trained = [p for p in module.parameters() if p.grad is not None]
    grad_norm = get_total_norm([p.grad for p in trained if p.grad is not None])
    if guard is not None:
        # A gradient that overflows float16 is no fault: the scaler leaves the step out and scales less.
        guard.judge(now.step, loss, grad_norm if scaler is None else torch.zeros_like(grad_norm))
        optimizer.optimizer.found_inf = guard.flag  # a scaler sets its own
    if clip_grad is not None:
        clip_grads_with_norm_(trained, clip_grad, grad_norm)
    optimizer.step()
    optimizer.zero_grad()
    objective.after_step(learner.encoder, now)
    return loss.detach(), grad_norm
