"""How fast are networks of clips trained, and clips embedded, against the machine's limit?

    python benchmarks/speed/view.py [--quick] [--archs stfm,lstm,r2plus1d] [--size 64]

Clips of 40 frames of 256 x 256 pixels that carry the polygon of their sector; windows of 5 frames, 5 apart, changed by
the policy "stfm"; ResNet-18, batches of 16 windows, Re-EDL with selective sampling. In one run, in turn:

- ours: sslecho's loop itself, `fit`: windows drawn by the bank, read from a store, changed on the device, one step;
- limit: the same network, loss and optimizer in a bare loop on random tensors that are ready in memory;
- embed: every frame of every clip by `embed_frames`, reading and resizing included, in frames a second;
- forward: the same encoder on random tensors of the final size that are ready in memory.

`limit` is ours to limit for the first architecture, `limit_NAME` for the others, `embed_limit` is embed to forward; 1
means as fast. The spread is over repeats. About ten minutes on two idle cores, `--quick` two. Prints a table and, last,
one line of JSON.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fan_store import make_store
from measure import finish, in_turn, ratio
from peers import Clock, channels_last

from sslecho.data.store import Store
from sslecho.data.window_sampler import Selecting, WindowSampler
from sslecho.data.windows import Windows
from sslecho.embed.embed import embed_frames
from sslecho.models.encoder import Encoder
from sslecho.models.video import create_video
from sslecho.models.video.video_network import VideoNetwork
from sslecho.objectives.evidence import re_edl
from sslecho.objectives.recognize import Recognize, RecognizeSettings
from sslecho.tasks.view import DrawnWindows
from sslecho.train import loop
from sslecho.train.batches import Frames
from sslecho.train.device import choose_device, choose_precision, make_fabric
from sslecho.views.policies import Views, policy
from sslecho.views.sector import Sectors

GOALS = {"limit": 0.95, "embed_limit": 0.95}
BATCH, FRAMES, STRIDE, CLASSES = 16, 5, 5, 9
CLIP_FRAMES = 40
WARM_STEPS = {"cpu": 2, "cuda": 8}
RATE, DECAY = 1e-4, 0.05


@dataclass(frozen=True)
class Setup:
    """What ours and the limit share."""

    arch: str
    size: int
    device: str
    precision: str

    def network(self) -> VideoNetwork:
        torch.manual_seed(0)
        return create_video(self.arch, self.encoder(), n_classes=CLASSES, n_frames=FRAMES)

    def encoder(self) -> Encoder:
        return Encoder("resnet18", image_size=self.size, mean=0.2, std=0.2)

    def wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def ours(store: Store, setup: Setup, steps: int, waits: list[float]) -> float:
    """Windows a second of `fit`, in its second epoch."""
    network, clock = setup.network(), _clock()
    label = store.clip_of_frame % CLASSES
    copies = np.full(store.clips.num_rows, steps * BATCH // store.clips.num_rows)
    # No random epochs: what is measured draws by the bank.
    sampler = WindowSampler(
        np.arange(len(store)), store.clip_of_frame, label, copies=copies, selecting=Selecting(0.2, random_epochs=0)
    )
    counts = torch.full((CLASSES,), 1.0)
    objective = Recognize(network, RecognizeSettings(loss="re-edl"), counts=counts, n_segments=sampler.n_segments)
    frames = Frames(
        store.read,
        sampler.rows,
        store.clip_of_frame,
        label_of_frame=label,
        sectors=Sectors.of(store),
        draws=DrawnWindows(sampler, objective.bank),
        windows=Windows(FRAMES, store.clip_of_frame, STRIDE),
        segment_of_frame=sampler.segment_of_frame,
    )
    plan = loop.Plan(
        epochs=2, batch_size=BATCH, lr=RATE, weight_decay=DECAY, optimizer="adamw", warmup_epochs=0.5, seed=0
    )
    makers = [Views(policy("stfm", size=setup.size), size=setup.size, seed=0)]
    fabric = make_fabric(device=setup.device, devices=1, nodes=1, precision=setup.precision)
    with tempfile.TemporaryDirectory() as folder:
        loop.fit(network, objective, frames, makers, plan, fabric=fabric, folder=Path(folder), log=clock)
    read = [read for read in clock.read if read[1] % steps == 0]
    (began, first, _), (ended, last, said) = read[0], read[-1]
    waits.append(said["data_wait"])
    return (last - first) * BATCH / (ended - began)


def _clock() -> Any:
    return Clock()


class Limit:
    """The same network, loss and optimizer on a batch that is ready."""

    def __init__(self, setup: Setup):
        self.setup = setup
        self.network = setup.network().to(setup.device).train()
        for values in (*self.network.parameters(), *self.network.buffers()):
            if values.ndim == 4:
                values.data = values.data.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
        self.ready = torch.rand(BATCH, FRAMES, 1, setup.size, setup.size, device=setup.device)
        self.labels = torch.arange(BATCH, device=setup.device) % CLASSES

    def step(self) -> None:
        with torch.autocast(self.setup.device, torch.bfloat16, enabled=self.setup.precision == "bf16"):
            logits = self.network(self.ready)
        re_edl(logits.float(), self.labels).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def rate(self, steps: int) -> float:
        for _ in range(WARM_STEPS[self.setup.device]):
            self.step()
        self.setup.wait()
        started = time.perf_counter()
        for _ in range(steps):
            self.step()
        self.setup.wait()
        return steps * BATCH / (time.perf_counter() - started)


def embedded(store: Store, setup: Setup, encoder: Encoder, n: int) -> float:
    """Frames a second, of the first n frames, all of whole clips."""
    with tempfile.TemporaryDirectory() as folder:
        how: dict[str, Any] = {"folder": Path(folder) / "e", "batch_size": 4 * BATCH, "device": setup.device}
        started = time.perf_counter()
        embed_frames(store.read, np.arange(n), encoder, **how)
        return n / (time.perf_counter() - started)


@torch.inference_mode()
def forward(setup: Setup, encoder: Encoder, n: int) -> float:
    """Frames a second of the bare forward pass."""
    ready = torch.rand(4 * BATCH, 1, setup.size, setup.size, device=setup.device)
    encoder(ready)
    setup.wait()
    started = time.perf_counter()
    for _ in range(n // len(ready)):
        encoder(ready).cpu()
    return n // len(ready) * len(ready) / (time.perf_counter() - started)


def row(what: str, values: list[float], **more: Any) -> dict[str, Any]:
    """Median and spread of some rates."""
    return {
        "what": what,
        "a_second": sorted(values)[len(values) // 2],
        "lowest": min(values),
        "highest": max(values),
        **more,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the first architecture, one repeat of few steps")
    parser.add_argument("--archs", default="stfm,lstm,r2plus1d")
    parser.add_argument("--size", type=int, default=64)
    given = parser.parse_args()
    archs = given.archs.split(",")[: 1 if given.quick else None]
    repeats, steps = (1, 2) if given.quick else (3, 6)
    device, _ = choose_device("auto")
    precision = choose_precision("auto", device)[0]
    ratios: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        store = make_store(Path(name) / "store", clips=BATCH, frames=CLIP_FRAMES)
        for number, arch in enumerate(archs):
            setup = Setup(arch, given.size, device, precision)
            limit, waits = Limit(setup), []
            rates = in_turn(
                {
                    "ours": lambda setup=setup, waits=waits: ours(store, setup, steps, waits),
                    "limit": lambda limit=limit: limit.rate(steps),
                },
                repeats=repeats,
            )
            ratios["limit" if number == 0 else f"limit_{arch}"] = ratio(rates["ours"], rates["limit"])
            shown = {"arch": arch, "pixels": given.size, "unit": "windows", "precision": precision}
            rows += [row(what, values, **shown) for what, values in rates.items()]
            rows[-2]["data_wait"] = max(waits)
        encoder = channels_last(setup.encoder().to(device)).eval()
        n = len(store) // (4 if given.quick else 1)
        rates = in_turn(
            {"embed": lambda: embedded(store, setup, encoder, n), "forward": lambda: forward(setup, encoder, n)},
            repeats=repeats,
        )
        ratios["embed_limit"] = ratio(rates["embed"], rates["forward"])
        shown = {"arch": "resnet18", "pixels": given.size, "unit": "frames", "precision": "32"}
        rows += [row(what, values, **shown) for what, values in rates.items()]
    goals = {name: GOALS["limit" if name.startswith("limit") else name] for name in ratios}
    finish("view", ratios=ratios, rows=rows, goals=goals)


if __name__ == "__main__":
    main()
