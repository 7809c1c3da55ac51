"""What pretraining is measured against: sslecho's own loop, the same step on ready tensors, and lightly.

Each has `rate(steps)`: two-view images per second over so many steps, after as many as it takes to get going.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
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

WARM_STEPS = 2
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
    """

    backbone: str
    size: int
    batch: int
    optimizer: str
    device: str
    precision: str
    workers: int = 2

    @property
    def plan(self) -> loop.Plan:
        lr = RATES[self.optimizer]
        return loop.Plan(2, self.batch, lr, weight_decay=1e-4, optimizer=self.optimizer, warmup_epochs=0.5, seed=0)

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
    """`sslecho.train.loop.fit` itself, with the policy "echo": one epoch to get going, and one that is measured.

    Attributes:
        data_wait: share of the measured time in which the step waited for pictures, a number a run.
    """

    def __init__(self, store: Store, setup: Setup):
        self.setup, self.store = setup, store
        self.fabric = make_fabric(device=setup.device, devices=1, nodes=1, precision=setup.precision)
        self.data_wait: list[float] = []

    def rate(self, steps: int) -> float:
        clock, setup = Clock(), self.setup
        encoder = setup.encoder()
        objective = SimCLR(encoder, SimCLRSettings(temperature=TEMPERATURE, projection_dim=DIM))
        told = {"policy": "echo", "image_size": setup.size, "backbone": setup.backbone}
        views = view_makers(objective, encoder, build(PretrainSettings, told))
        with tempfile.TemporaryDirectory() as folder:
            how = {"fabric": self.fabric, "folder": Path(folder), "log": clock}
            loop.fit(encoder, objective, frames_for(self.store, steps, setup.batch), views, setup.plan, **how)
        read = [(at, step, said) for at, step, said in clock.read if step >= steps]
        (began, first, _), (ended, last, _) = read[0], read[-1]
        self.data_wait.append(sum(said["data_wait"] for _, _, said in read[1:]) / len(read[1:]))
        return (last - first) * setup.batch / (ended - began)


def frames_for(store: Store, steps: int, batch: int) -> Frames:
    """An epoch of `steps` full batches, as many frames of each clip as it can."""
    clip = store.clip_of_frame
    place = np.arange(len(store)) - np.searchsorted(clip, clip)
    rows = np.argsort(place, kind="stable")[: steps * batch]
    assert len(rows) == steps * batch, f"the store has {len(store)} frames, {steps} steps need {steps * batch}"
    return Frames(store.read, np.sort(rows), clip)


class Limit:
    """The same network, loss and optimizer in a bare loop on random tensors that are ready: no reading, no views.

    Args:
        compiled: through torch.compile, which pays on GPUs.
    """

    def __init__(self, setup: Setup, *, compiled: bool = False):
        self.setup = setup
        encoder = setup.encoder()
        module = nn.ModuleList([encoder, projection_head(encoder.dim)])
        module = loop.as_channels_last(module.to(setup.device)).train()
        self.optimizer = loop.make_optimizer(module, setup.plan)
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
        for _ in range(WARM_STEPS):
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


def projection_head(dim: int) -> nn.Module:
    mend_torchvision()
    from lightly.models.modules.heads import SimCLRProjectionHead

    return SimCLRProjectionHead(dim, dim, DIM)


class PilFrames(torch.utils.data.Dataset):
    """PIL images in memory, as lightly's transforms want them."""

    def __init__(self, pictures: list[Any], transform: Callable):
        self.pictures, self.transform = pictures, transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> list[Tensor]:
        return self.transform(self.pictures[index])


def pil_frames(store: Store, rows: np.ndarray, size: int) -> PilFrames:
    """The store's frames with lightly's SimCLR transforms, every setting its default."""
    mend_torchvision()
    from lightly.transforms.simclr_transform import SimCLRTransform
    from PIL import Image

    pictures = [Image.fromarray(frame).convert("RGB") for frame in store.read(rows)]
    return PilFrames(pictures, SimCLRTransform(input_size=size))


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
            self.model = loop.as_channels_last(self.model)
        self.criterion = NTXentLoss(temperature=temperature)
        lr = RATES[setup.optimizer]
        if setup.optimizer == "sgd":
            self.optimizer: Any = torch.optim.SGD(self.model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
        else:
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=lr, weight_decay=1e-4)
        how = {"num_workers": setup.workers, "persistent_workers": persistent, "pin_memory": setup.device == "cuda"}
        self.loader = torch.utils.data.DataLoader(data, setup.batch, shuffle=True, drop_last=True, **how)

    def rate(self, steps: int) -> float:
        """After the workers have filled their queue."""
        for step, views in enumerate(self._forever()):
            if step == WARM_STEPS:
                self.setup.wait()
                started = time.perf_counter()
            self.learn(*views)
            if step == WARM_STEPS + steps - 1:
                self.setup.wait()
                return steps * self.setup.batch / (time.perf_counter() - started)
        raise AssertionError("the loader never ends")

    def learn(self, first: Tensor, second: Tensor) -> None:
        first, second = (x.to(self.setup.device, non_blocking=True) for x in (first, second))
        if self.tuned:
            first, second = (x.contiguous(memory_format=torch.channels_last) for x in (first, second))
        with self.setup.autocast(self.tuned):
            loss = self.criterion(self.model(first), self.model(second))
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _forever(self) -> Iterator[list[Tensor]]:
        while True:
            yield from self.loader
