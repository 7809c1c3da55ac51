"""What pretraining is measured against: sslecho's own loop, the same step on ready tensors, and lightly.

Each has `rate(steps)`: two-view images per second over so many steps, after some to get going.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sslecho.api.pretrain_views import view_makers
from sslecho.api.settings import PretrainSettings
from sslecho.config import build
from sslecho.data.store import Store
from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives.simclr import SimCLR, SimCLRSettings
from sslecho.train import loop
from sslecho.train.batches import Frames
from sslecho.train.device import make_fabric
from sslecho.views.sector import Sectors

WARM_STEPS = {"cpu": 2, "cuda": 8}  # until the workers' queue is full, and kernels are chosen
ENDLESS = 10_000  # passes of a loader: in a pass of a few steps its workers would start anew all the time
TEMPERATURE, DIM = 0.1, 128  # of NT-Xent, and of the vectors that it compares
RATES = {"sgd": 0.06, "adamw": 1e-3}


@dataclass(frozen=True)
class Setup:
    """What all share.

    Args:
        backbone: a timm architecture.
        size: side of the views in pixels.
        batch: frames a step.
        optimizer: "sgd" or "adamw".
        device: "cpu" or "cuda".
        precision: "32" or "bf16".
        workers: of lightly's loader; sslecho makes its views on the device.
        epochs: of sslecho's loop, of which the first is not measured.
        backend: of torch.compile in sslecho's loop; None compiles nothing.
    """

    backbone: str
    size: int
    batch: int
    optimizer: str
    device: str
    precision: str
    workers: int = 2
    epochs: int = 2
    backend: str | None = None

    @property
    def plan(self) -> loop.Plan:
        how = {"optimizer": self.optimizer, "lr": RATES[self.optimizer], "weight_decay": 1e-4}
        return loop.Plan(epochs=self.epochs, batch_size=self.batch, warmup_epochs=0.5, seed=0, **how)

    def descend(self, module: nn.Module, *, decay: float, fused: bool) -> torch.optim.Optimizer:
        """The optimizer of a module's weights."""
        how: dict[str, Any] = {"lr": RATES[self.optimizer], "weight_decay": decay, "fused": fused}
        if self.optimizer == "sgd":
            return torch.optim.SGD(module.parameters(), momentum=0.9, **how)
        return torch.optim.AdamW(module.parameters(), **how)

    def encoder(self) -> Encoder:
        torch.manual_seed(0)
        return Encoder(self.backbone, image_size=self.size, mean=0.2, std=0.2)

    def autocast(self, on: bool = True) -> Any:
        """bfloat16 where that is the precision."""
        return torch.autocast(self.device, torch.bfloat16, enabled=on and self.precision == "bf16")

    def wait(self) -> None:
        """Until the device has done all that it was told."""
        if self.device == "cuda":
            torch.cuda.synchronize()


class Clock:
    """Stands where the loop has its log: notes when it reads the loss, at each epoch's end, and what it says."""

    def __init__(self) -> None:
        self.read: list[tuple[float, int, dict[str, float]]] = []

    def after(self, step: int) -> Any:
        return nullcontext()

    def write(self, *, step: int, **said: float) -> None:
        self.read.append((time.perf_counter(), step, said))


class Ours:
    """`sslecho.train.loop.fit` itself, with the policy "echo": one epoch to get going, the others are measured.

    Attributes:
        data_wait: share of the measured time in which the step waited for pictures, a number a run.
    """

    def __init__(self, store: Store, setup: Setup):
        self.setup, self.store = setup, store
        self.data_wait: list[float] = []

    def rate(self, steps: int) -> float:
        # At an epoch's end the loop reads the loss, so the device has done all of it.
        read = [read for read in fitted(self.store, self.setup, steps) if read[1] % steps == 0]
        (began, first, _), (ended, last, _) = read[0], read[-1]
        self.data_wait.append(sum(said["data_wait"] for _, _, said in read[1:]) / len(read[1:]))
        return (last - first) * self.setup.batch / (ended - began)


def fitted(store: Store, setup: Setup, steps: int) -> list[tuple[float, int, dict[str, float]]]:
    """What the loop says over the setup's epochs of `steps` each: when, after which step, what."""
    clock: Any = Clock()
    encoder = setup.encoder()
    objective = SimCLR(encoder, SimCLRSettings(temperature=TEMPERATURE, projection_dim=DIM))
    told = {"policy": "echo", "image_size": setup.size, "backbone": setup.backbone}
    views = view_makers(objective, encoder, build(PretrainSettings, told))
    frames = frames_for(store, steps, setup.batch)
    fabric = make_fabric(device=setup.device, devices=1, nodes=1, precision=setup.precision)
    with tempfile.TemporaryDirectory() as folder:
        how = {"fabric": fabric, "folder": Path(folder), "log": clock, "backend": setup.backend}
        loop.fit(encoder, objective, frames, views, setup.plan, **how)
    return clock.read


def frames_for(store: Store, steps: int, batch: int) -> Frames:
    """An epoch of `steps` full batches, as many frames of each clip as it can."""
    clip = store.clip_of_frame
    place = np.arange(len(store)) - np.searchsorted(clip, clip)
    rows = np.argsort(place, kind="stable")[: steps * batch]
    assert len(rows) == steps * batch, f"the store has {len(store)} frames, {steps} steps need {steps * batch}"
    return Frames(store.read, np.sort(rows), clip, sectors=Sectors.of(store))


class Limit:
    """The same network, loss and optimizer in a bare loop on random tensors that are ready: no reading, no views.

    Args:
        compiled: through torch.compile, which pays on GPUs.
    """

    def __init__(self, setup: Setup, *, compiled: bool = False):
        self.setup = setup
        encoder = setup.encoder()
        module = nn.ModuleList([encoder, projection_head(encoder.dim)])
        module = channels_last(module.to(setup.device)).train()
        self.optimizer = setup.descend(module, decay=1e-4, fused=True)
        self.ready = torch.rand(2 * setup.batch, 1, setup.size, setup.size, device=setup.device)
        net, self.head = module
        self.net = torch.compile(net) if compiled else net

    def step(self) -> Tensor:
        with self.setup.autocast():
            first, second = (self.head(x) for x in self.net(self.ready).chunk(2))
        loss = nt_xent(first, second)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()

    def rate(self, steps: int) -> float:
        for _ in range(WARM_STEPS[self.setup.device]):
            self.step()
        self.setup.wait()
        started = time.perf_counter()
        for _ in range(steps):
            self.step()
        self.setup.wait()
        return steps * self.setup.batch / (time.perf_counter() - started)


def nt_xent(first: Tensor, second: Tensor) -> Tensor:
    """NT-Xent with no more than it needs."""
    z = F.normalize(torch.cat([first, second]).float(), dim=1)
    logits = (z @ z.T / TEMPERATURE).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits, torch.arange(len(z), device=z.device).roll(len(first)))


def channels_last(module: nn.Module) -> Any:
    return module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def projection_head(dim: int) -> nn.Module:
    mend_torchvision()
    from lightly.models.modules.heads import SimCLRProjectionHead

    return SimCLRProjectionHead(dim, dim, DIM)


class PilFrames(torch.utils.data.Dataset):
    """PIL images in memory, as lightly's transforms want them; each `times` times a pass."""

    def __init__(self, pictures: list[Any], transform: Callable, *, times: int):
        self.pictures, self.transform, self.times = pictures, transform, times

    def __len__(self) -> int:
        return len(self.pictures) * self.times

    def __getitem__(self, index: int) -> list[Tensor]:
        return self.transform(self.pictures[index % len(self.pictures)])


def pil_frames(store: Store, rows: np.ndarray, size: int, *, times: int = 1) -> PilFrames:
    """The store's frames with lightly's SimCLR transforms, every setting its default."""
    mend_torchvision()
    from lightly.transforms.simclr_transform import SimCLRTransform
    from PIL import Image

    pictures = [Image.fromarray(frame).convert("RGB") for frame in store.read(rows)]
    return PilFrames(pictures, SimCLRTransform(input_size=size), times=times)


def rgb_network(backbone: str, size: int) -> Any:
    """A timm network with three channels and no classifier, as lightly's users have it."""
    mend_torchvision()
    import timm

    sized: Any = {"img_size": size} if timm.get_pretrained_cfg_value(backbone, "fixed_input_size") else {}
    return timm.create_model(backbone, num_classes=0, **sized)


class Lightly:
    """lightly's SimCLR with the optimizer of its tutorial; `tuned` adds channels-last and the precision chosen here.

    Args:
        seed: of the weights and of all that is drawn.
        temperature: of the loss.
        persistent: keep the loader's workers from one epoch to the next.
    """

    def __init__(
        self,
        data: PilFrames,
        setup: Setup,
        *,
        tuned: bool,
        seed: int = 0,
        temperature: float = TEMPERATURE,
        persistent: bool = False,
    ):
        mend_torchvision()
        from lightly.loss import NTXentLoss

        torch.manual_seed(seed)
        self.setup, self.tuned = setup, tuned
        self.net = rgb_network(setup.backbone, setup.size)
        self.model = nn.Sequential(self.net, projection_head(self.net.num_features)).to(setup.device).train()
        if tuned:
            self.model = channels_last(self.model)
        self.criterion = NTXentLoss(temperature=temperature)
        self.optimizer = setup.descend(self.model, decay=5e-4, fused=False)
        how = {"num_workers": setup.workers, "persistent_workers": persistent, "pin_memory": setup.device == "cuda"}
        self.loader = torch.utils.data.DataLoader(data, setup.batch, shuffle=True, drop_last=True, **how)

    def rate(self, steps: int) -> float:
        """After the workers have filled their queue; the loader's frames must be `ENDLESS`."""
        warm = WARM_STEPS[self.setup.device]
        batches = iter(self.loader)
        for _ in range(warm):
            self.learn(*next(batches))
        self.setup.wait()
        started = time.perf_counter()
        for _ in range(steps):
            self.learn(*next(batches))
        self.setup.wait()
        return steps * self.setup.batch / (time.perf_counter() - started)

    def learn(self, first: Tensor, second: Tensor) -> None:
        first, second = (x.to(self.setup.device, non_blocking=True) for x in (first, second))
        if self.tuned:
            first, second = (x.contiguous(memory_format=torch.channels_last) for x in (first, second))
        with self.setup.autocast(self.tuned):
            loss = self.criterion(self.model(first), self.model(second))
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
