"""How fast is pretraining on a GPU, against what the card can do and against lightly?

    benchmarks/gpu/pretrain.sh [--workers 16] [--minutes 8]

ResNet-50 and ViT-S/16, SimCLR, 224 pixels, frames of 256 x 256 that carry their sector's polygon, the policy "echo";
two-view images per second. In turn, up to three times:

- ours: sslecho's loop itself, `fit`, its network through torch.compile; `ours_eager` without;
- limit: the same network, loss and optimizer in a bare loop on tensors that lie on the card, `eager` and through
  torch.compile (`compiled`); `limit_…` is ours over the faster of the two, goal 0.95; `eager_…` is what compiling
  gives ours;
- lightly: stock, PIL images, float32; tuned: channels-last and bfloat16. Both with 16 workers.

Beside it: how long ours waited for pictures, the peak of the card's memory, and whether two steps in float32 have the
same loss on the CPU and on the card. What can't be measured is null, with the reason; what there is no time for is left
out. The last line is one JSON object. Without a GPU it says so and ends well.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "speed"))

DEVICE = "cuda"
NETWORKS = {"resnet50": "sgd", "vit_small_patch16_224": "adamw"}
SIZE, REPEATS = 224, 3
STEPS, EPOCHS = 20, 3  # of ours, the first epoch is not measured; 20 steps lie between two lines of its log
GOAL = 0.95
GIB = 2**30


def skipped(reason: str) -> None:
    print(f"nothing was measured: {reason}")
    print(json.dumps({"name": "pretrain_gpu", "skipped": reason, "ratios": {}, "rows": []}))


def batch_for(bytes_of_card: int) -> int:
    """Frames a step: ResNet-50 takes about 0.1 GiB a frame, with both views, in bfloat16."""
    return next(batch for batch, gib in ((256, 40), (128, 20), (64, 10), (32, 0)) if bytes_of_card >= gib * GIB)


def measure_network(make: dict[str, Callable[[], Any]], *, until: float) -> dict[str, dict[str, Any]]:
    """Rates, peak memory and, where there is none, the reason, for each variant, in turn while there is time.

    Args:
        make: what makes each variant.
        until: `time.monotonic()` after which no repeat is begun that the last one says would take too long.
    """
    import torch

    found: dict[str, dict[str, Any]] = {name: {"rates": [], "peak_gib": 0.0, "variant": None} for name in make}
    for repeat in range(REPEATS):
        began = time.monotonic()
        for name in list(make)[:: 1 if repeat % 2 == 0 else -1]:
            entry = found[name]
            if "reason" in entry:
                continue
            torch.cuda.reset_peak_memory_stats()
            try:
                entry["variant"] = entry["variant"] or make[name]()
                entry["rates"].append(entry["variant"].rate(STEPS))
            except Exception as error:
                entry["reason"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
                torch.cuda.empty_cache()
            entry["peak_gib"] = max(entry["peak_gib"], torch.cuda.max_memory_allocated() / GIB)
            print(f"{name}: {entry['rates'] or entry.get('reason')}", file=sys.stderr, flush=True)
        took = time.monotonic() - began
        # What the first repeat compiles takes half of its time.
        if time.monotonic() + (took / 2 if repeat == 0 else took) > until:
            break
    return found


def parity(store: Any) -> dict[str, float]:
    """The loss of two steps of ResNet-18 in float32, the second after an update, on the CPU and on the card."""
    import torch
    from peers import Setup, fitted

    # TensorFloat-32 has ten bits.
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    setups = [Setup("resnet18", 64, 16, "sgd", device, "32", epochs=1) for device in ("cpu", DEVICE)]
    cpu, card = (fitted(store, setup, 2)[-1][2]["loss"] for setup in setups)
    torch.backends.cudnn.allow_tf32 = before[0]
    torch.set_float32_matmul_precision(before[1])
    return {"loss": cpu, "loss_on_card": card, "difference": abs(card - cpu) / abs(cpu)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=16, help="of lightly's loader")
    parser.add_argument("--minutes", type=float, default=7.5, help="all of it takes at most about so long")
    given = parser.parse_args()
    began = time.monotonic()
    try:
        import torch
    except ImportError as error:
        return skipped(f"torch is missing ({error})")
    if not torch.cuda.is_available():
        return skipped("torch finds no GPU here")
    measure_all(given, began)


def measure_all(given: argparse.Namespace, began: float) -> None:
    import tempfile

    import numpy as np
    import torch
    from fan_store import make_store
    from measure import finish, ratio
    from peers import ENDLESS, Lightly, Limit, Ours, Setup, pil_frames

    from sslecho.train.device import choose_precision

    card = torch.cuda.get_device_properties(0)
    batch = batch_for(card.total_memory)
    precision = choose_precision("auto", DEVICE)[0]
    ratios: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder) / "store", clips=batch, frames=STEPS)
        same = parity(store)
        print(f"loss on CPU and card: {same}", file=sys.stderr, flush=True)
        for number, (backbone, optimizer) in enumerate(NETWORKS.items()):
            setup = Setup(backbone, SIZE, batch, optimizer, DEVICE, precision, given.workers, EPOCHS)
            data = pil_frames(store, np.arange(min(len(store), 1024)), SIZE, times=ENDLESS)
            plain = replace(setup, precision="32")
            make: dict[str, Callable[[], Any]] = {
                "ours": partial(Ours, store, replace(setup, backend="inductor")),
                "ours_eager": partial(Ours, store, setup),
                "eager": partial(Limit, setup),
                "compiled": partial(Limit, setup, compiled=True),
                "lightly": partial(Lightly, data, plain, tuned=False),
                "tuned": partial(Lightly, data, setup, tuned=True),
            }
            share = (number + 1) / len(NETWORKS)
            found = measure_network(make, until=began + 60 * given.minutes * share)
            limits = [name for name in ("eager", "compiled") if found[name]["rates"]]
            best = max(limits, key=lambda name: statistics.median(found[name]["rates"]), default=None)
            for label, other in {"limit": best, "lightly": "lightly", "tuned": "tuned", "eager": "ours_eager"}.items():
                pairs = list(zip(found["ours"]["rates"], found[other]["rates"] if other else [], strict=False))
                ratios[f"{label}_{backbone}"] = ratio(*zip(*pairs, strict=True)) if pairs else None
            for name, entry in found.items():
                rates = sorted(entry["rates"])
                rows.append(
                    {
                        "what": name,
                        "network": backbone,
                        "batch": batch,
                        "images_per_s": statistics.median(rates) if rates else None,
                        "lowest": rates[0] if rates else None,
                        "highest": rates[-1] if rates else None,
                        "repeats": len(rates),
                        "data_wait": max(entry["variant"].data_wait) if name.startswith("ours") and rates else None,
                        "peak_gib": entry["peak_gib"],
                        "precision": "32" if name == "lightly" else precision,
                        "reason": entry.get("reason"),
                    }
                )
            del make, found
            torch.cuda.empty_cache()
    goals = {name: GOAL for name in ratios if name.startswith("limit_")}
    versions = {"torch": torch.__version__, "cuda": torch.version.cuda, "card": card.name}
    finish("pretrain_gpu", ratios=ratios, rows=rows, goals=goals, parity=same, versions=versions)


if __name__ == "__main__":
    main()
