"""How hard is the phantom for a method that learns nothing, and does it hold the traps that it should?

Kind `echo`, its twelve video views, every frame at 32 x 32 pixels: the sector alone, letterboxed, without overlays.

1. The nearest neighbor's view (1-NN, Euclidean, on raw pixels) for new patients, who each show every view once: from
   2, 28 and 40 patients with one frame per view, at several levels of jitter. Meant: about .6 from many, .3 from two.
2. What a split by frame would make of it: two halves of the same frames, once cut between frames of the same clips,
   once between patients; each half is tested on the other, so both splits test every frame and train on as many.
3. What the sector's outline alone gives away (random forest on the mask): the device, and the view; as drawn, and in
   the clean variant, where all devices share one outline. Beside it what forests reach that learned from devices dealt
   out anew among the training patients.

Intervals are bootstraps over tested patients; they don't hold the draw of the training patients, "by seed" does.
Nothing of sslecho's methods is used: this settles the phantom, before any method is tried on it.

    OMP_NUM_THREADS=1 python benchmarks/quality/phantom_difficulty.py [--seed 10000] [--levels 0.5 1.0 1.6] [--quick]

About twelve minutes on two cores. The default jitter is always among the levels.
Prints a table and, as its last line, one JSON object.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from sslecho.data.letterbox import Letterbox
from sslecho.metrics.intervals import Interval, bootstrap_mean
from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.echo import Clip
from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.kinds import KINDS
from sslecho.phantom.plan import Plan, Rendering

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish

NAMES = tuple(VIEWS)
SIDE = 32
DRAWN = 128  # the side that a frame is drawn at
STILL = 2  # frames of a clip of which the last is taken: of two, the worse may be one that lost contact
CLIP, TAKEN = 16, 4  # frames of a clip, and how many of them a split has
TREES = 200
SHUFFLES = 20


@dataclass(frozen=True)
class Frames:
    """Frames, and what is true of them.

    Args:
        pixels: [n, SIDE, SIDE]; the sector, 0 outside.
        outlines: [n, SIDE, SIDE]; 255 inside the sector.
        patients: numbers that differ between seeds.
        views: indices into NAMES.
        devices: names.
        seeds: that drew them.
    """

    pixels: np.ndarray
    outlines: np.ndarray
    patients: np.ndarray
    views: np.ndarray
    devices: np.ndarray
    seeds: np.ndarray

    def of(self, which: np.ndarray) -> "Frames":
        return Frames(*(getattr(self, field.name)[which] for field in fields(Frames)))


def joined(parts: Sequence[Frames]) -> Frames:
    return Frames(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Frames)))


def drawn_clip(
    patient: int, view: str, *, seed: int, jitter: float, frames: int, size: int, same_fan: bool = False
) -> Clip:
    """The first recording of a view in a patient's first study, as kind `echo` draws it."""
    draw = KINDS["echo"].draw
    assert draw is not None
    plan = Plan("echo", patient, 0, view, 0, 0, "", "")
    return draw(plan, Factors.from_seed(seed), Rendering(frames, size, jitter, same_fan=same_fan))


def small(clip: Clip, frame: int, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """The sector of one frame and the sector itself, cropped to it and letterboxed."""
    rows, columns = np.flatnonzero(clip.sector.any(1)), np.flatnonzero(clip.sector.any(0))
    crop = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    box = Letterbox(crop, (side, side), clip.sector)
    return box(clip.frames[frame]), box(np.full(clip.sector.shape, 255, np.uint8))


def frames_of(patient: int, *, seed: int, jitter: float, frames: int, taken: Sequence[int], same_fan: bool) -> Frames:
    """Every view of one patient, some frames of each."""
    found = []
    for number, view in enumerate(NAMES):
        clip = drawn_clip(patient, view, seed=seed, jitter=jitter, frames=frames, size=DRAWN, same_fan=same_fan)
        for frame in taken:
            found.append((*small(clip, frame), patient + 1000 * seed, number, clip.settings.device.name, seed))
    return Frames(*(np.array(column) for column in zip(*found, strict=True)))


def nearest(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Of every test picture, the index of the training picture with the least squared difference."""
    a = train.reshape(len(train), -1).astype(np.float64)
    b = test.reshape(len(test), -1).astype(np.float64)
    return ((a * a).sum(1)[None, :] - 2 * b @ a.T).argmin(1)


def hits(train: Frames, test: Frames, n: int) -> np.ndarray:
    """Share of 1-NN's answers that are right, per test frame, over all disjoint groups of `n` training patients."""
    numbers = np.unique(train.patients)
    found = []
    for first in range(0, len(numbers) - n + 1, n):
        part = train.of(np.isin(train.patients, numbers[first : first + n]))
        found.append(part.views[nearest(part.pixels, test.pixels)] == test.views)
    return np.mean(found, axis=0)


def both_ways(frames: Frames, first: np.ndarray) -> np.ndarray:
    """Whether 1-NN is right, for every frame of one half from the other and the other way round."""
    right = np.empty(len(first), bool)
    for half in (first, ~first):
        train = frames.of(~half)
        right[half] = train.views[nearest(train.pixels, frames.pixels[half])] == frames.views[half]
    return right


def split_rights(frames: Frames, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """1-NN's answers where halves are cut between frames, and where they are cut between patients."""
    by_frame = rng.permutation(len(frames.views)) < len(frames.views) // 2
    patients = rng.permutation(np.unique(frames.patients))
    by_patient = np.isin(frames.patients, patients[: len(patients) // 2])
    return both_ways(frames, by_frame), both_ways(frames, by_patient)


def told_by_outline(
    train: Frames, test: Frames, truth: np.ndarray, test_truth: np.ndarray, *, trees: int = TREES, seed: int = 0
) -> np.ndarray:
    """Whether a random forest tells `truth` from the sector's outline, per test frame."""
    forest = RandomForestClassifier(trees, min_samples_leaf=2, random_state=seed)
    forest.fit(train.outlines.reshape(len(train.outlines), -1), truth)
    return forest.predict(test.outlines.reshape(len(test.outlines), -1)) == test_truth


def shuffled_devices(train: Frames, test: Frames, *, rounds: int, rng: np.random.Generator) -> list[float]:
    """Accuracies of forests that learned from devices dealt out anew among the training patients."""
    numbers, first, of = np.unique(train.patients, return_index=True, return_inverse=True)
    accuracies = []
    for k in range(rounds):
        dealt = rng.permutation(train.devices[first])[of]
        accuracies.append(float(told_by_outline(train, test, dealt, test.devices, trees=50, seed=k).mean()))
    assert len(numbers) == len(first)
    return accuracies


def said(interval: Interval) -> str:
    return f"{interval.low:.3f}–{interval.high:.3f}"


def row(what: str, variant: str, trained: int, right: np.ndarray, test: Frames, chance: str = "0.083") -> dict:
    """A line of the table."""
    interval = bootstrap_mean(right.astype(np.float64), test.patients, rng=np.random.default_rng(0))
    by_seed = [right[test.seeds == seed].mean() for seed in np.unique(test.seeds)]
    print(f"{what}, {variant}, {trained}: {interval.value:.3f} ({said(interval)})", file=sys.stderr, flush=True)
    return {
        "what": what,
        "variant": variant,
        "training patients": trained,
        "test frames": len(right),
        "test patients": interval.n_units,
        "accuracy": round(interval.value, 3),
        "95 %": said(interval),
        "by seed": " ".join(f"{value:.3f}" for value in by_seed),
        "chance": chance,
    }


def neighbor_rows(pairs: Sequence[tuple[Frames, Frames]], variant: str, sizes: Sequence[int]) -> Iterator[dict]:
    """1-NN from so many patients; (training, test) frames of every seed."""
    test = joined([test for _, test in pairs])
    for n in sizes:
        right = np.concatenate([hits(train, test, n) for train, test in pairs])
        yield row("view, 1-NN on pixels", variant, n, right, test)


def outline_rows(pairs: Sequence[tuple[Frames, Frames]], variant: str, rounds: int) -> Iterator[dict]:
    train, test = (joined(side) for side in zip(*pairs, strict=True))
    trained = len(np.unique(train.patients))
    shuffled = shuffled_devices(train, test, rounds=rounds, rng=np.random.default_rng(0))
    low, high = np.percentile(shuffled, [2.5, 97.5])
    names, counts = np.unique(train.devices, return_counts=True)
    majority = float(np.mean(test.devices == names[counts.argmax()]))
    right = told_by_outline(train, test, train.devices, test.devices)
    chance = f"{majority:.3f} (most frequent); {low:.3f}–{high:.3f} (shuffled)"
    yield row("device, forest on the outline", variant, trained, right, test, chance)
    yield row(
        "view, forest on the outline", variant, trained, told_by_outline(train, test, train.views, test.views), test
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=10000, help="the first of --seeds")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--levels", type=float, nargs="+", default=[0.5, 1.0, 1.35, 1.6], help="of jitter")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="few patients, one seed, one level")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + (1 if options.quick else options.seeds))
    levels = [JITTER] if options.quick else list(dict.fromkeys([*options.levels, JITTER]))
    trained, tested, split = (8, 6, 6) if options.quick else (40, 24, 24)
    sizes = (2, 8) if options.quick else (2, 28, 40)

    rows: list[dict] = []
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:

        def drawn(seed: int, patients: int, jitter: float, *, clips: bool = False, same_fan: bool = False) -> Frames:
            taken = np.linspace(0, CLIP - 1, TAKEN).astype(int).tolist() if clips else [STILL - 1]
            frames = CLIP if clips else STILL
            one = partial(frames_of, seed=seed, jitter=jitter, frames=frames, taken=taken, same_fan=same_fan)
            return joined(list(pool.map(one, range(patients))))

        def pairs(jitter: float, *, same_fan: bool = False) -> list[tuple[Frames, Frames]]:
            found = []
            for seed in seeds:
                frames = drawn(seed, trained + tested, jitter, same_fan=same_fan)
                first = np.isin(frames.patients, np.unique(frames.patients)[:trained])
                found.append((frames.of(first), frames.of(~first)))
            return found

        for level in levels:
            of_level = pairs(level)
            rows += neighbor_rows(of_level, f"jitter {level:g}", sizes)
            if level == JITTER:
                clean = pairs(level, same_fan=True)
                rows += neighbor_rows(clean, f"jitter {level:g}, one outline", sizes[-1:])
                outlines = [
                    *outline_rows(of_level, "as drawn", SHUFFLES),
                    *outline_rows(clean, "one outline", SHUFFLES),
                ]
        rows += outlines
        clips = [drawn(seed, split, JITTER, clips=True) for seed in seeds]
    rights = [split_rights(frames, rng=np.random.default_rng(seed)) for seed, frames in zip(seeds, clips, strict=True)]
    everything = joined(clips)
    for k, name in enumerate(("frame", "patient")):
        right = np.concatenate([both[k] for both in rights])
        rows.append(row("view, 1-NN on pixels", f"split by {name}", split // 2, right, everything))
    gaps = [float(by_frame.mean() - by_patient.mean()) for by_frame, by_patient in rights]
    finish(
        "phantom_difficulty",
        ratios={
            "split by frame minus split by patient": {
                "ratio": round(float(np.mean(gaps)), 3),
                "lowest": round(min(gaps), 3),
                "highest": round(max(gaps), 3),
            }
        },
        rows=rows,
        seeds=list(seeds),
    )


if __name__ == "__main__":
    main()
