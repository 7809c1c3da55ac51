"""FUSC on the whole network: encoder and head learn together, from frames beside their neighbors, then from themselves.

Second step: anchor and neighbor, both strongly augmented, share a cluster. Third step: where the plain frame's answer
is among the surest of its cluster, its strongly augmented view is to get the same one; the share that is kept grows, a
batch without a sure frame changes nothing. The network begins with an encoder and a head that `fit_fusc` made of its
frozen embeddings, and of the three states (before, after each step) the one with the least loss on frames of other
patients stays.

Both steps run in the training loop of pretraining: they are shown like its objectives, and go on after an interruption.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from sslecho.data.store import Store
from sslecho.models.encoder import Encoder
from sslecho.objectives.objective import Batch, Known, Now, Objective, embed
from sslecho.rundir import say, warn
from sslecho.tasks.fusc.fit import check_neighbors, criterion, warn_of_empty
from sslecho.tasks.fusc.losses import confident, fusc_loss, self_label_loss
from sslecho.tasks.fusc.model import Scale, SemanticModel
from sslecho.tasks.fusc.self_label import growing_share
from sslecho.tasks.fusc.settings import FuscSettings
from sslecho.train.batches import Frames
from sslecho.train.log import TrainingLog
from sslecho.train.loop import Plan, fit
from sslecho.views.cutout import Cutout
from sslecho.views.policies import Views, policy
from sslecho.views.sector import Sectors

CUTOUT_SIDE = 16 / 224  # the paper's hole: 16 of 224 pixels at most
FRAMES_AT_ONCE = 256


@dataclass(frozen=True)
class Neighborhood:
    """Frames of a store and who is near whom.

    Attributes:
        rows: the frames, as rows of the store.
        neighbor_ids: the places in `rows` of each frame's neighbors, -1 where there is none.
    """

    rows: Int64[np.ndarray, " n"]
    neighbor_ids: Int64[np.ndarray, "n j"]


class Head(nn.Module):
    """Embeddings to logits, as `SemanticModel` has it, with weights that can be trained."""

    mean: Tensor
    length: Tensor

    def __init__(self, model: SemanticModel):
        super().__init__()
        (scale,) = model.scales
        self.register_buffer("mean", torch.from_numpy(scale.mean.copy()))
        self.register_buffer("length", torch.tensor(scale.length, dtype=torch.float32))
        self.weight = nn.Parameter(torch.from_numpy(model.weights.copy()))
        self.bias = nn.Parameter(torch.from_numpy(model.biases[0].copy()))

    def forward(self, embedded: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        points = (F.normalize(embedded.float(), dim=1) - self.mean) / self.length
        return points @ self.weight + self.bias

    def as_model(self, *, prior: Float64[np.ndarray, " k"], criteria: Float64[np.ndarray, " h"]) -> SemanticModel:
        """The head as it is now."""
        weight, bias, mean = (t.detach().cpu().numpy().copy() for t in (self.weight, self.bias, self.mean))
        return SemanticModel(weight, bias[None], [Scale(mean, float(self.length))], prior, criteria)


@final
class NeighborObjective(Objective):
    """The second step: `fusc_loss` of a frame and its neighbor."""

    def __init__(self, head: Head, *, lam: float, prior: Float[Tensor, " k"] | None):
        super().__init__()
        self.head, self.lam = head, lam
        self.prior: Tensor | None
        self.register_buffer("prior", prior)

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        return tuple(self.head(z).float().log_softmax(-1) for z in embed(encoder, batch.views))

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        return fusc_loss(outputs[0], outputs[1], lam=self.lam, prior=self.prior)

    def after_step(self, encoder: Encoder, now: Now) -> None:
        """Nothing moves beside the weights."""

    def chance(self, n: int) -> None:
        """Theory has none: a head that knows nothing may have any clusters."""


@final
class SelfLabelObjective(Objective):
    """The third step: the strong view (the second) is to get the plain one's cluster, where that is sure.

    Attributes:
        skipped: batches without a sure frame.
    """

    skipped: Tensor

    def __init__(self, head: Head, *, shares: Float[Tensor, " k"] | None):
        super().__init__()
        self.head = head
        self.shares: Tensor | None
        self.register_buffer("shares", shares)
        self.register_buffer("skipped", torch.zeros((), dtype=torch.int64))

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        plain, strong = batch.views
        with torch.no_grad():
            log_p = self.head(encoder(plain)).float().log_softmax(-1)
        return log_p, self.head(encoder(strong)).float()

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        log_p, logits = outputs
        kept = confident(log_p, share=growing_share(known.now.step / max(1, known.now.steps - 1)))
        if not bool(kept.any()):
            self.skipped += 1
        return self_label_loss(logits, log_p.argmax(-1), kept, shares=self.shares)

    def after_step(self, encoder: Encoder, now: Now) -> None:
        """Nothing moves beside the weights."""

    def chance(self, n: int) -> None:
        """Theory has none."""


def fit_network(
    store: Store,
    encoder: Encoder,
    start: SemanticModel,
    *,
    train: Neighborhood,
    val: Neighborhood | None = None,
    settings: FuscSettings | None = None,
    seed: int,
    fabric: Any,
    folder: Path,
) -> tuple[Encoder, SemanticModel]:
    """Train encoder and head; the same call again goes on where it stopped.

    Args:
        encoder: what to begin with; it is trained in place.
        start: the head to begin with, fitted on this encoder's embeddings.
        train: frames to learn from.
        val: frames of other patients to choose by; by default those to learn from.
        settings: `lam`, `prior`, `self_label` and all that is said to be the whole network's count here.
        fabric: of `sslecho.train.device.make_fabric`.
        folder: holds the checkpoints and logs of both steps.

    Returns:
        The encoder in eval mode, and the head; its `criteria` are the losses of the three states (two without
        self-labelling).

    Raises:
        InputError: a neighbor that is no frame.
        Interrupted: Ctrl-C or SIGTERM; the state was saved first.
    """
    settings = settings or FuscSettings()
    for hood in (train, val):
        if hood is not None:
            check_neighbors(hood.neighbor_ids, len(hood.rows))
    prior = None if settings.prior == "uniform" else torch.from_numpy(start.prior).float()
    head = Head(start)
    size = encoder.image_size
    strong = Views((*policy(settings.policy, size=size), Cutout(1.0, side=CUTOUT_SIDE)), size=size, seed=seed)
    plain = Views(policy("none", size=size), size=size, seed=seed)
    judged = train if val is None else val
    states, criteria = [], []

    def remember() -> None:
        encoder.to("cpu").eval()
        head.to("cpu")
        log_p = torch.from_numpy(log_probabilities(store, encoder, head, judged.rows, device=fabric.device))
        criteria.append(criterion(log_p, judged.neighbor_ids, lam=settings.lam, prior=prior))
        states.append((copy.deepcopy(encoder.state_dict()), copy.deepcopy(head.state_dict())))

    def learn(name: str, objective: Objective, makers: Sequence[Views], epochs: int, near: np.ndarray | None) -> None:
        batch_size = min(settings.network_batch_size, len(train.rows))
        (folder / name).mkdir(parents=True, exist_ok=True)
        fit(
            encoder,
            objective,
            Frames(
                copy.copy(store).read, train.rows, store.clip_of_frame, neighbor_ids=near, sectors=Sectors.of(store)
            ),
            makers,
            Plan(
                epochs=epochs,
                batch_size=batch_size,
                lr=settings.network_lr,
                weight_decay=1e-4,
                optimizer="adamw",
                warmup_epochs=0.0,
                seed=seed,
            ),
            fabric=fabric,
            folder=folder / name,
            log=TrainingLog(folder / name, active=fabric.is_global_zero),
        )
        remember()

    remember()
    second = NeighborObjective(head, lam=settings.lam, prior=prior)
    learn("neighbors", second, [strong, strong], settings.epochs, train.neighbor_ids)
    if settings.self_label:
        third = SelfLabelObjective(head, shares=prior if prior is None else torch.from_numpy(start.prior).float())
        learn("self_label", third, [plain, strong], settings.self_label_epochs, None)
        if int(third.skipped):
            warn(f"fusc, k = {start.k}: {int(third.skipped)} batches had no frame above 0.5 and were skipped")
    best = int(np.argmin(criteria))
    said = ("before training", "after clustering", "after self-labelling")
    say(f"fusc, k = {start.k}: the network {said[best]} has the least loss ({criteria[best]:.4f}) and is kept")
    encoder.load_state_dict(states[best][0])
    head.load_state_dict(states[best][1])
    clusters = log_probabilities(store, encoder, head, train.rows, device=fabric.device).argmax(1)
    warn_of_empty(clusters, start.k, when=said[best])
    return encoder.to("cpu").eval(), head.to("cpu").as_model(prior=start.prior, criteria=np.array(criteria))


@torch.no_grad()
def log_probabilities(
    store: Store, encoder: Encoder, head: Head, rows: Int64[np.ndarray, " n"], *, device: torch.device
) -> Float32[np.ndarray, "n k"]:
    """Log probabilities of the clusters of plain frames."""
    encoder.to(device).eval()
    head.to(device)
    found = np.empty((len(rows), head.bias.shape[0]), np.float32)
    for at in range(0, len(rows), FRAMES_AT_ONCE):
        frames = torch.from_numpy(store.read(rows[at : at + FRAMES_AT_ONCE])).to(device)
        found[at : at + FRAMES_AT_ONCE] = head(encoder.encode(frames)).log_softmax(-1).cpu().numpy()
    return found
