"""How fast is pretraining, against the machine's limit and against lightly?

    python benchmarks/speed/pretrain.py [--quick] [--sizes 64,128]

ResNet-18, SimCLR, batch 128, frames of 256 x 256 pixels; two-view images per second. In one run, in turn:

- ours: `sslecho pretrain`'s step: read uint8 frames from a store, make two views, one step;
- limit: the same step on random tensors that are ready in memory;
- lightly: stock, `SimCLRTransform` on PIL images in a DataLoader with 2 workers, float32;
- tuned: lightly with channels-last and the precision that sslecho chooses here (bfloat16 where the hardware has it).

Prints a table and, last, one line of JSON. A ratio of 1 means as fast as the other; its spread is over repeats.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import finish, in_turn, ratio
from torch import nn

from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter
from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives.objective import Now
from sslecho.objectives.simclr import SimCLR, SimCLRSettings
from sslecho.train import batches, loop, pictures
from sslecho.train.device import choose_device, choose_precision, make_fabric
from sslecho.views.policies import Views, policy

BATCH, FRAMES, SIDE = 128, 1024, 256
WARM_STEPS = 2


def make_store(folder: Path) -> Store:
    """Frames with the smoothness of ultrasound, eight a clip: noise would be no harder to read, but to look at."""
    rng = np.random.default_rng(0)
    with StoreWriter(folder, (SIDE, SIDE)) as writer:
        for clip in range(FRAMES // 8):
            coarse = rng.integers(0, 256, (8, SIDE // 4, SIDE // 4)).astype(np.uint8)
            frames = coarse.repeat(4, axis=1).repeat(4, axis=2)
            writer.add_clip(frames, {"clip_id": f"c{clip}", "patient_id": f"p{clip // 4}", "source_id": f"s{clip}"})
        return writer.commit()


class Ours:
    """The steps of `sslecho.train.loop.fit`, one at a time."""

    def __init__(self, store: Store, size: int, *, device: str, precision: str):
        self.fabric = make_fabric(device=device, devices=1, nodes=1, precision=precision)
        encoder = Encoder("resnet18", image_size=size, mean=0.2, std=0.2)
        module = loop.Learner(encoder, SimCLR(encoder, SimCLRSettings()))
        module = loop.as_channels_last(module)
        self.plan = loop.Plan(10_000, BATCH, lr=0.06, weight_decay=1e-4, optimizer="sgd", warmup_epochs=1, seed=0)
        self.module, self.optimizer = self.fabric.setup(module, loop.make_optimizer(module, self.plan))
        self.module.train()
        self.frames = batches.Frames(store.read, np.arange(len(store)), store.clip_of_frame)
        self.views = [Views(policy("echo", size=size), size=size, seed=0)] * 2
        how = {"batch_size": BATCH, "epochs": 10_000, "seed": 0, "start": 0, "rank": 0, "world": 1}
        self.batches = batches.row_batches(self.frames, **how)
        self.reader = ThreadPoolExecutor(1)
        self.upcoming = self.reader.submit(pictures.load, self.frames, next(self.batches))

    def step(self) -> None:
        batch = self.upcoming.result()
        self.upcoming = self.reader.submit(pictures.load, self.frames, next(self.batches))
        self.learn(batch)

    def learn(self, batch: Any) -> None:
        how = {"fabric": self.fabric, "seed": 0, "now": Now(0, 1, 0.0)}
        loop._step(self.module, self.optimizer, batch, self.frames, self.views, **how)


class Limit(Ours):
    """The same network, loss and optimizer on tensors that are ready."""

    def __init__(self, store: Store, size: int, **how: str):
        super().__init__(store, size, **how)
        device = self.fabric.device
        ready = torch.rand(BATCH, 1, size, size, device=device)
        rows = next(self.batches)[0]
        self.views = [Ready(ready)] * 2  # pyright: ignore[reportAttributeAccessIssue]
        nothing = torch.empty((0, 0, 0), dtype=torch.uint8)
        self.batch = pictures.Loaded(rows, rows, nothing, nothing)

    def step(self) -> None:
        self.learn(self.batch)


class Ready:
    """Stands for the augmentations and hands out what is ready."""

    def __init__(self, tensor: torch.Tensor):
        self.tensor = tensor

    def prepare(self, frames: torch.Tensor) -> torch.Tensor:
        return self.tensor

    def __call__(self, x: torch.Tensor, rows: np.ndarray, *, epoch: int, view: int) -> torch.Tensor:
        return self.tensor


class PilFrames(torch.utils.data.Dataset):
    """PIL images in memory, as lightly's transforms want them."""

    def __init__(self, pictures: list[Any], transform: Callable):
        self.pictures, self.transform = pictures, transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> list[torch.Tensor]:
        return self.transform(self.pictures[index])


class Lightly:
    """lightly as its SimCLR example has it; `tuned` adds what a careful user would."""

    def __init__(self, store: Store, size: int, *, device: str, precision: str, tuned: bool):
        mend_torchvision()
        from lightly.loss import NTXentLoss
        from lightly.models.modules.heads import SimCLRProjectionHead
        from lightly.transforms import SimCLRTransform
        from PIL import Image
        from torchvision.models import resnet18

        pictures = [Image.fromarray(frame).convert("RGB") for frame in store.read(np.arange(len(store)))]
        self.data = PilFrames(pictures, SimCLRTransform(input_size=size))
        net = resnet18()
        net.fc = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
        self.model = nn.Sequential(net, SimCLRProjectionHead(512, 512, 128)).to(device)
        self.device, self.tuned, self.bf16 = device, tuned, tuned and precision == "bf16"
        if tuned:
            self.model = self.model.to(memory_format=torch.channels_last)
        self.criterion = NTXentLoss(temperature=0.1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.06, momentum=0.9, weight_decay=1e-4)

    def steps(self, n: int) -> float:
        """Images per second over n steps, after the workers have filled their queue."""
        loader = torch.utils.data.DataLoader(self.data, BATCH, shuffle=True, drop_last=True, num_workers=2)
        for step, (first, second) in enumerate(self._forever(loader)):
            if step == WARM_STEPS:
                started = time.perf_counter()
            self.learn(first, second)
            if step == WARM_STEPS + n - 1:
                self._wait()
                return n * BATCH / (time.perf_counter() - started)
        raise AssertionError("the loader never ends")

    def learn(self, first: torch.Tensor, second: torch.Tensor) -> None:
        first, second = first.to(self.device), second.to(self.device)
        if self.tuned:
            first, second = (x.contiguous(memory_format=torch.channels_last) for x in (first, second))
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16):
            loss = self.criterion(self.model(first), self.model(second))
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _forever(self, loader: Any) -> Any:
        while True:
            yield from loader

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def rate(run: Ours, steps: int) -> float:
    """Two-view images per second over some steps."""
    for _ in range(WARM_STEPS):
        run.step()
    started = time.perf_counter()
    for _ in range(steps):
        run.step()
    if run.fabric.device.type == "cuda":
        torch.cuda.synchronize()
    return steps * BATCH / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one repeat of two steps, at 64 pixels only")
    parser.add_argument("--sizes", default="64,128")
    given = parser.parse_args()
    sizes = [64] if given.quick else [int(size) for size in given.sizes.split(",")]
    repeats, steps = (1, 2) if given.quick else (3, 3)
    device, _ = choose_device("auto")
    how = {"device": device, "precision": choose_precision("auto", device)[0]}
    ratios: dict[str, Any] = {}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder) / "store")
        for size in sizes:
            ours, limit = Ours(store, size, **how), Limit(store, size, **how)
            stock = Lightly(store, size, **how, tuned=False)
            tuned = Lightly(store, size, **how, tuned=True)
            rates = in_turn(
                {
                    "ours": lambda ours=ours: rate(ours, steps),
                    "limit": lambda limit=limit: rate(limit, steps),
                    "lightly": lambda stock=stock: stock.steps(steps),
                    "tuned": lambda tuned=tuned: tuned.steps(steps),
                },
                repeats=repeats,
            )
            for other in ("limit", "lightly", "tuned"):
                ratios[f"{other}_{size}"] = ratio(rates["ours"], rates[other])
            for name, values in rates.items():
                rows.append(
                    {
                        "what": name,
                        "pixels": size,
                        "images_per_s": sorted(values)[len(values) // 2],
                        "lowest": min(values),
                        "highest": max(values),
                        "precision": how["precision"] if name != "lightly" else "32",
                    }
                )
    finish("pretrain", ratios=ratios, rows=rows)


if __name__ == "__main__":
    main()
