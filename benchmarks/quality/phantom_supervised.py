"""What a supervised network makes of the phantom, with all labels: an upper mark, by grade.

**Mechanism only.** The pictures are simulated; an accuracy here says how separable they were drawn, nothing about
real ultrasound, and never stands in one column with a paper's figure.

ResNet-18 (timm, from scratch, one channel) learns the twelve video views of kind `echo`, from frames of every view of
every training patient, with random rotation, zoom, shift and gain; AdamW, one cycle, no choice by held-out data. It is
tested on new patients, per frame and per clip (mean of the frames' probabilities), in all and by grade: what is graded
2 or less can't be read, so no accuracy over all grades is a goal. Intervals are bootstraps over tested patients.

    python benchmarks/quality/phantom_supervised.py [--seed 10000] [--quick] [--pictures FILE]

About 30 minutes on two cores. Prints a table and, as its last line, one JSON object.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from phantom_difficulty import NAMES, drawn_clip, said, small
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional

from sslecho.metrics.intervals import bootstrap_mean
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.echo import Clip

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish

SIDE = 64
CLIP, EVERY = 16, 5  # frames of a clip, of which every fifth is taken
BATCH = 64
RATE, DECAY = 2e-3, 0.05
GRADES = (0, 2, 4, 6, 8, 10)  # edges of bins; the upper one is inside
LOSSES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.7)  # of the acquisition's quality, where clips have no grade
PAIRS = 10  # confusions in the table


def grades_of(clip: Clip) -> tuple[str, list[float]]:
    """What the frames are worth, and what that is called: the grade; where there is none, the quality's loss."""
    count = len(clip.frames)
    for found in (clip.courses, clip.columns):
        if "grade" in found:
            return "grade", [float(value) for value in found["grade"]]
    name = "grade" if "grade" in clip.latents else "quality_loss"
    return name, [float(clip.latents[name])] * count


def pictures_of(patient: int, *, seed: int) -> dict[str, np.ndarray]:
    """Frames of a clip of every view, their views and their worth."""
    pixels, views, worth, names = [], [], [], []
    for number, view in enumerate(NAMES):
        clip = drawn_clip(patient, view, seed=seed, jitter=JITTER, frames=CLIP, size=2 * SIDE)
        name, grades = grades_of(clip)
        for frame in range(0, CLIP, EVERY):
            pixels.append(small(clip, frame, SIDE)[0])
            views.append(number)
            worth.append(grades[frame])
        names.append(name)
    return {
        "pixels": np.array(pixels),
        "views": np.array(views),
        "worth": np.array(worth),
        "patients": np.full(len(views), patient),
        "worth_is": np.array(names[-1:]),
    }


def drawn(patients: int, *, seed: int, workers: int, kept: Path | None) -> dict[str, np.ndarray]:
    """All pictures: drawn, or read from `kept`."""
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            return dict(file)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(partial(pictures_of, seed=seed), range(patients)))
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if kept is not None:
        np.savez(kept, allow_pickle=False, **found)
    return found


def moved(batch: Tensor, generator: torch.Generator) -> Tensor:
    """Each picture turned by up to 12 degrees, zoomed by 15 %, shifted by 8 %, its gray scaled by 20 %."""
    turn, zoom, gain = (torch.rand(len(batch), generator=generator) * 2 - 1 for _ in range(3))
    shift = 0.16 * (torch.rand(len(batch), 2, generator=generator) * 2 - 1)
    angle, scale = math.radians(12) * turn, 1 + 0.15 * zoom
    rows = [torch.stack([angle.cos(), -angle.sin()], 1), torch.stack([angle.sin(), angle.cos()], 1)]
    matrix = torch.cat([torch.stack(rows, 1) * scale[:, None, None], shift[:, :, None]], dim=2)
    grid = functional.affine_grid(matrix, list(batch.shape), align_corners=False)
    return functional.grid_sample(batch, grid, align_corners=False) * (1 + 0.2 * gain)[:, None, None, None]


def network(classes: int) -> nn.Module:
    mend_torchvision()
    import timm

    net = timm.create_model("resnet18", in_chans=1, num_classes=classes)
    return net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def learn(pixels: np.ndarray, views: np.ndarray, *, epochs: int, seed: int) -> nn.Module:
    """The network after `epochs` over all pictures."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = network(len(NAMES))
    x, y = torch.from_numpy(pixels)[:, None], torch.from_numpy(views)
    steps = epochs * (len(x) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    net.train()
    for epoch in range(epochs):
        right = 0.0
        for batch in torch.randperm(len(x), generator=generator).split(BATCH):
            if len(batch) < BATCH:
                continue
            pictures = moved(_scaled(x[batch]), generator).contiguous(memory_format=torch.channels_last)
            answer = net(pictures)
            optimizer.zero_grad()
            functional.cross_entropy(answer, y[batch]).backward()
            optimizer.step()
            schedule.step()
            right += float((answer.argmax(1) == y[batch]).sum())
        print(
            f"epoch {epoch + 1} of {epochs}: {right / len(x):.3f} of the training frames", file=sys.stderr, flush=True
        )
    return net


def _scaled(pixels: Tensor) -> Tensor:
    return pixels.float() / 128 - 0.5


def probabilities(net: nn.Module, pixels: np.ndarray) -> np.ndarray:
    """[n, classes]."""
    net.eval()
    x = torch.from_numpy(pixels)[:, None]
    with torch.no_grad():
        return torch.cat([net(_scaled(part)).softmax(1) for part in x.split(256)]).double().numpy()


def accuracy_rows(
    level: str, right: np.ndarray, patients: np.ndarray, worth: np.ndarray, edges: Sequence[float], worth_is: str
) -> Iterator[dict]:
    """In all, and by bins of worth (low, high]; the first takes its lower edge in."""
    bins = np.clip(np.searchsorted(edges, worth, side="left") - 1, 0, len(edges) - 2)
    parts = [("all", np.ones(len(right), bool))]
    parts += [(f"{worth_is} {edges[k]:g}–{edges[k + 1]:g}", bins == k) for k in range(len(edges) - 1)]
    for name, part in parts:
        if part.any():
            found = bootstrap_mean(right[part].astype(np.float64), patients[part], rng=np.random.default_rng(0))
            yield {
                "of": level,
                "which": name,
                "n": int(part.sum()),
                "patients": found.n_units,
                "rate": round(found.value, 3),
                "95 %": said(found),
            }


def confusion_rows(views: np.ndarray, answers: np.ndarray, patients: np.ndarray) -> Iterator[dict]:
    """The most frequent mistakes, as shares of the true view's clips."""
    table = np.zeros((len(NAMES), len(NAMES)))
    np.add.at(table, (views, answers), 1)
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    np.fill_diagonal(share, 0)
    for place in np.argsort(share.ravel())[::-1][:PAIRS]:
        true, taken = divmod(int(place), len(NAMES))
        if share[true, taken] > 0:
            of = views == true
            wrong = (answers[of] == taken).astype(np.float64)
            found = bootstrap_mean(wrong, patients[of], rng=np.random.default_rng(0))
            which = f"{NAMES[true]} taken for {NAMES[taken]}"
            yield {
                "of": "clips",
                "which": which,
                "n": int(of.sum()),
                "patients": found.n_units,
                "rate": round(found.value, 3),
                "95 %": said(found),
            }


def by_clip(frames: Mapping[str, np.ndarray], probability: np.ndarray) -> tuple[np.ndarray, ...]:
    """Views, answers, patients and mean worth of the clips."""
    _, first, clip = np.unique(
        frames["patients"] * len(NAMES) + frames["views"], return_index=True, return_inverse=True
    )
    count = np.bincount(clip)
    mean = np.stack([np.bincount(clip, weights=column) / count for column in probability.T], axis=1)
    worth = np.bincount(clip, weights=frames["worth"]) / count
    return frames["views"][first], mean.argmax(1), frames["patients"][first], worth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=10000)
    parser.add_argument("--train", type=int, default=160, help="patients that are learned from")
    parser.add_argument("--test", type=int, default=80, help="patients that are tested")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pictures", type=Path, help="take the pictures from here (.npz), or leave them here")
    parser.add_argument("--quick", action="store_true", help="few patients and epochs")
    options = parser.parse_args()
    trained, tested, epochs = (24, 12, 6) if options.quick else (options.train, options.test, options.epochs)
    torch.set_num_threads(options.workers)
    everything = drawn(trained + tested, seed=options.seed, workers=options.workers, kept=options.pictures)
    worth_is = str(everything.pop("worth_is")[-1])
    of_train = everything["patients"] < trained
    train = {name: values[of_train] for name, values in everything.items()}
    test = {name: values[~of_train] for name, values in everything.items()}

    net = learn(train["pixels"], train["views"], epochs=epochs, seed=options.seed)
    probability = probabilities(net, test["pixels"])
    edges = GRADES if worth_is == "grade" else LOSSES
    right = probability.argmax(1) == test["views"]
    views, answers, patients, worth = by_clip(test, probability)
    rows = [
        *accuracy_rows("frames", right, test["patients"], test["worth"], edges, worth_is),
        *accuracy_rows("clips", answers == views, patients, worth, edges, worth_is),
        *confusion_rows(views, answers, patients),
    ]
    finish(
        "phantom_supervised",
        ratios={
            "training patients": trained,
            "epochs": epochs,
            "rank correlation of a clip's worth with being right": _rank_correlation(worth, answers == views),
        },
        rows=rows,
        seeds=[options.seed],
    )


def _rank_correlation(values: np.ndarray, right: np.ndarray) -> float:
    return round(float(np.corrcoef(rankdata(values), rankdata(right))[0, 1]), 3)


if __name__ == "__main__":
    main()
