"""How fast is pretraining, against the machine's limit and against lightly?

    python benchmarks/speed/pretrain.py [--quick] [--sizes 64,128] [--time-to-quality [--data DIR] [--rows FILE]]

SimCLR, batch 128, frames of 256 x 256 pixels that carry the polygon of their sector, the whole policy "echo";
two-view images per second. In one run, in turn, for ResNet-18 and ViT-tiny:

- ours: sslecho's loop itself, `fit`: uint8 frames from a store, two views on the device, one step;
- limit: the same network, loss and optimizer in a bare loop on random tensors that are ready in memory;
- lightly (ResNet-18 only): stock, `SimCLRTransform` on PIL images in a DataLoader with 2 workers, float32;
- tuned: lightly with channels-last and the precision that sslecho chooses here (bfloat16 where the hardware has it).

A ratio of 1 means as fast as the other; its spread is over repeats. Goals stand beside. `data_wait` is the share of
time in which a step of ours waited for its pictures. `--time-to-quality` adds the ratio of `time_to_quality.py`, whose
rows it takes from FILE where they are there, and measures where they are not (half an hour).

About ten minutes on two idle cores, `--quick` one. Prints a table and, last, one line of JSON.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import time_to_quality
from fan_store import make_store
from measure import finish, in_turn, ratio
from peers import ENDLESS, Lightly, Limit, Ours, Setup, pil_frames

from sslecho.data.store import Store
from sslecho.train.device import choose_device, choose_precision

BATCH = 128
# Optimizers as in each network's papers; suffix of the ratio's name; whether lightly is measured too.
NETWORKS = {"resnet18": ("sgd", "", True), "vit_tiny_patch16_224": ("adamw", "_vit", False)}
GOALS = {
    "limit_64": 0.95,
    "limit_128": 0.95,
    "limit_vit_64": 0.92,
    "limit_vit_128": 0.92,
    "lightly_64": 1.9,
    "lightly_128": 2.3,
    "time_to_quality": time_to_quality.GOAL,
}
STEPS = {64: 4, 128: 2}  # that are measured a repeat; a step at 128 pixels takes more than twice as long


def compared(store: Store, setup: Setup, *, lightly: bool, repeats: int, steps: int) -> tuple[dict, list[dict]]:
    """Ratios of ours to each other thing by its name, and a row each."""
    ours = Ours(store, setup)
    variants = {"ours": ours, "limit": Limit(setup)}
    if lightly:
        data = pil_frames(store, np.arange(len(store)), setup.size, times=ENDLESS)
        variants |= {name: Lightly(data, setup, tuned=name == "tuned") for name in ("lightly", "tuned")}
    rates = in_turn(
        {name: lambda variant=variant: variant.rate(steps) for name, variant in variants.items()}, repeats=repeats
    )
    rows = [
        {
            "what": name,
            "network": setup.backbone,
            "pixels": setup.size,
            "images_per_s": sorted(values)[len(values) // 2],
            "lowest": min(values),
            "highest": max(values),
            "data_wait": max(ours.data_wait) if name == "ours" else None,
            "precision": "32" if name == "lightly" else setup.precision,
        }
        for name, values in rates.items()
    ]
    return {name: ratio(rates["ours"], rates[name]) for name in variants if name != "ours"}, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one repeat of one step, at 64 pixels only")
    parser.add_argument("--sizes", default="64,128")
    parser.add_argument("--time-to-quality", action="store_true", help="add that ratio; half an hour without its rows")
    time_to_quality.add_options(parser)
    given = parser.parse_args()
    sizes = [64] if given.quick else [int(size) for size in given.sizes.split(",")]
    device, _ = choose_device("auto")
    precision = choose_precision("auto", device)[0]
    ratios: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder) / "store", clips=BATCH, frames=max(STEPS.values()))
        for backbone, (optimizer, suffix, lightly) in NETWORKS.items():
            for size in sizes:
                repeats, steps = (1, 1) if given.quick else (3, STEPS.get(size, 2))
                setup = Setup(backbone, size, BATCH, optimizer, device, precision)
                found, more = compared(store, setup, lightly=lightly, repeats=repeats, steps=steps)
                ratios |= {f"{other}{suffix}_{size}": value for other, value in found.items()}
                rows += more
    ratios["time_to_quality"] = None
    if given.time_to_quality:
        ratios["time_to_quality"] = time_to_quality.summary(time_to_quality.measured(given))[0]["time_to_quality"]
    finish("pretrain", ratios=ratios, rows=rows, goals={name: GOALS[name] for name in GOALS if name in ratios})


if __name__ == "__main__":
    main()
