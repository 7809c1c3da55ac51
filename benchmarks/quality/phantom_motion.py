"""Do single frames of the motion pairs tell nothing, and do their clips tell all?

Of every pair whose frames should be equal: classifiers that have not seen the patient, on one frame of each class per
patient, against what chance reaches when the two are swapped at random; then one number per clip of 16 frames. The
same on a vessel that is broken on purpose, by ever less, says how small a difference would be found. Last the levels
of the ventricle, which are ambiguous by design, and the errors that nobody can undercut.

    python benchmarks/quality/phantom_motion.py [--patients 500] [--clips 120] [--seed 10000] [--workers 2]

Prints tables and, as its last line, one JSON object.
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import nn

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "simulated"), str(ROOT / "benchmarks" / "speed")]
import two_sample  # noqa: E402
from measure import finish  # noqa: E402
from two_sample import Sample  # noqa: E402

from sslecho.phantom.factors import Factors  # noqa: E402
from sslecho.phantom.kinds.motion import EQUAL, LEVELS, PAIRS  # noqa: E402
from sslecho.phantom.motion import bayes  # noqa: E402
from sslecho.phantom.motion.film import Moment  # noqa: E402
from sslecho.phantom.motion.levels import PAPILLARY, RADIUS  # noqa: E402
from sslecho.phantom.patients import draw_patient  # noqa: E402
from sslecho.phantom.plan import Plan  # noqa: E402

BROKEN = (0.2, 0.1, 0.05)  # of the narrow caliber
OF_CLIPS, OF_READER = 1, 2  # what is added to the seed
SIDE = 64


def _part(name: str, patients: range, seed: int, frames: int) -> Sample:
    broken = {f"broken {by}": two_sample.wider(by) for by in BROKEN}
    pair = {**{pair.name: pair for pair in PAIRS}, **broken}[name]
    return two_sample.draw(pair, patients, seed=seed, frames=frames, size=SIDE)


def drawn(pool: ProcessPoolExecutor, name: str, patients: int, seed: int, frames: int) -> Sample:
    """A sample, by several processes."""
    ranges = [range(start, min(start + 25, patients)) for start in range(0, patients, 25)]
    parts = list(pool.map(partial(_part, name, seed=seed, frames=frames), ranges))
    return Sample(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Sample)))


def frame_rows(sample: Sample, name: str) -> Iterator[dict[str, str | int | float]]:
    for classifier, found in two_sample.by_frames(sample).items():
        yield {
            "pair": name,
            "told by": f"a frame, {classifier}",
            "patients": len(np.unique(sample.patients)),
            "accuracy": found.accuracy,
            "chance": f"{found.chance[0]:.3f}–{found.chance[1]:.3f}",
            "p": found.p,
        }


def tilt_reading(train: Sample, test: Sample) -> np.ndarray:
    """How far every frame is tilted, [clips, frames], by a small network that learned it from other patients."""
    torch.manual_seed(0)

    def block(inside: int, outside: int) -> list[nn.Module]:
        return [nn.Conv2d(inside, outside, 3, 2, 1), nn.ReLU()]

    net = nn.Sequential(*block(1, 16), *block(16, 32), *block(32, 64), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
                        nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 1))  # fmt: skip

    def inputs(sample: Sample) -> torch.Tensor:
        return torch.from_numpy(sample.pictures.reshape(-1, 1, SIDE, SIDE)).float() / 128 - 0.5

    x, y = inputs(train), torch.from_numpy(train.truth.ravel()).float()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
    for _ in range(8):
        for batch in torch.randperm(len(x)).split(64):
            loss = ((net(x[batch])[:, 0] - y[batch]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return net(inputs(test))[:, 0].numpy().reshape(test.truth.shape)


def error_with_size(seed: int, patients: int) -> float:
    """By level, radius and wall's thickness as a frame shows them, where the patient's own are not known."""
    seen, labels = [], []
    factors = Factors.from_seed(seed)
    for number in range(patients):
        patient = draw_patient(factors, number)
        for view in LEVELS.classes:
            plan, keys = Plan("motion", number, 0, view, 0, 0, "", ""), (number, 0, LEVELS.name)
            truth = LEVELS.courses(Moment(factors, plan, keys, (*keys, view), 1, 1000 * LEVELS.span_s)).truth
            level, contraction = float(truth["level_mm"][0]), float(truth["contraction"][0])
            radius = patient.lv_diameter_mm / 2 * float(np.interp(level, *RADIUS))
            radius *= 1 - patient.shortening * contraction
            wall = patient.wall_mm * (1 + patient.thickening * contraction)
            seen.append([level, radius, wall, wall / radius])
            labels.append(view == PAPILLARY)
    x, y, half = np.array(seen), np.array(labels), len(seen) // 2
    model = HistGradientBoostingClassifier(max_depth=3, learning_rate=0.05, max_iter=150).fit(x[:half], y[:half])
    return float(np.mean(model.predict(x[half:]) != y[half:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=500, help="one frame of each class in each")
    parser.add_argument("--clips", type=int, default=120, help="patients with a whole clip of each class")
    parser.add_argument("--seed", type=int, default=10000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    seed = options.seed
    torch.set_num_threads(options.workers)
    rows, ratios = [], {}
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for name in (*(pair.name for pair in EQUAL), *(f"broken {by}" for by in BROKEN), LEVELS.name):
            rows += frame_rows(drawn(pool, name, options.patients, seed, 1), name)
        for pair in EQUAL:
            sample = drawn(pool, pair.name, options.clips, seed + OF_CLIPS, two_sample.FRAMES)
            numbers = {"a clip": two_sample.by_clips(sample, pair.name)}
            if pair.name == "tilt":
                others = drawn(pool, pair.name, 2 * options.clips, seed + OF_READER, two_sample.FRAMES)
                numbers = {
                    "a clip, its label maps": numbers["a clip"],
                    "a clip, read by a small network": two_sample.by_clips(
                        sample, pair.name, reading=tilt_reading(others, sample)
                    ),
                }
            for told, accuracy in numbers.items():
                rows.append({"pair": pair.name, "told by": told, "patients": options.clips, "accuracy": accuracy})
    equal = [row["p"] for row in rows if "p" in row and row["pair"] in [pair.name for pair in EQUAL]]
    ratios["smallest p of the equal pairs, times their number"] = min(1.0, min(equal) * len(equal))
    ratios["level: least error of a frame that shows its level only"] = bayes.frame_bayes_error()
    ratios["level: of a frame that shows the contraction as well"] = bayes.frame_bayes_error("level and contraction")
    ratios["level: of a clip"] = bayes.clip_bayes_error()
    ratios["level: boosted trees on a frame's level, radius and wall"] = error_with_size(seed, 20 * options.patients)
    finish("phantom_motion", ratios=ratios, rows=rows, seeds=[seed, seed + OF_CLIPS, seed + OF_READER])


if __name__ == "__main__":
    main()
