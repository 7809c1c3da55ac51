"""What gives the phantom away: real against simulated clips, told apart by two simple classifiers.

    OMP_NUM_THREADS=1 python benchmarks/quality/phantom_realism.py --real FOLDER [--clips 96] [--seed 10000]

(a) logistic regression on statistics of gray values and texture inside the sector; (b) logistic regression on
random convolutional features (256 random 5 x 5 filters, whitened; Coates and Ng 2012) of the largest square inside
the sector at 64 x 64, so that the fan's outline and all that lies around it are hidden. The area under the ROC curve
is by clip, groups held out: real clips by the blocks of manifest.csv, phantom clips by patient. Its interval is a
bootstrap over groups; with the few real blocks there are, it says little about other real clips. Near 1 is what to
expect; the list of what tells them apart most is the point. `KS` is the largest distance between the two
distributions of a statistic alone, 0 (same) to 1 (no overlap).

Assumed: real pictures are 0.36 mm per pixel; phantom clips are drawn at that. Real clips are cut off by the picture's
bottom, phantom ones show the fan's arc; views are mixed alike only roughly. Real pictures are only read.
Prints a table and, as its last line, one JSON object.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from clip_measures import Measured, phantom_clip, real_clips, texture_statistics
from PIL import Image
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish

# The real clips are three quarters apical.
MIX = ("plax", "psax_av", "psax_mid", "a4c", "a4c", "a4c", "a2c", "a2c", "a3c", "a5c")
FOLDS = 5
SIDE = 64
FILTERS, WIDTH = 256, 5
BOOTSTRAPS = 1000


def square(clip: Measured, frame: int) -> np.ndarray:
    """The largest square inside the sector, at SIDE x SIDE."""
    distance = ndimage.distance_transform_cdt(np.pad(clip.sector, 1), metric="chessboard")[1:-1, 1:-1]
    row, column = np.unravel_index(np.argmax(distance), distance.shape)
    reach = int(distance[row, column]) - 1
    part = Image.fromarray(clip.frames[frame][row - reach : row + reach + 1, column - reach : column + reach + 1])
    return np.asarray(part.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32)


def random_features(pictures: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Mean and maximum of rectified random filters over the quarters of each picture, [n, 8 * FILTERS]."""
    rng = np.random.default_rng(seed)
    filters = rng.standard_normal((FILTERS, WIDTH * WIDTH)).astype(np.float32)
    filters -= filters.mean(axis=1, keepdims=True)
    filters /= np.linalg.norm(filters, axis=1, keepdims=True)
    half = (SIDE - WIDTH + 1) // 2
    features = []
    for picture in pictures:
        normal = (picture - picture.mean()) / max(float(picture.std()), 1.0)
        windows = np.lib.stride_tricks.sliding_window_view(normal, (WIDTH, WIDTH)).reshape(-1, WIDTH * WIDTH)
        answer = np.maximum(windows @ filters.T - 0.5, 0).reshape(2 * half, 2 * half, FILTERS)
        quarters = answer.reshape(2, half, 2, half, FILTERS)
        features.append(np.concatenate([quarters.mean(axis=(1, 3)).ravel(), quarters.max(axis=(1, 3)).ravel()]))
    return np.stack(features)


def held_out(features: np.ndarray, real: np.ndarray, fold: np.ndarray, strength: float) -> np.ndarray:
    """Scores of every clip by a model that saw none of its fold."""
    scores = np.zeros(len(real))
    for k in range(FOLDS):
        test = fold == k
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=5000))
        scores[test] = model.fit(features[~test], real[~test]).decision_function(features[test])
    return scores


def interval(scores: np.ndarray, real: np.ndarray, groups: np.ndarray) -> list[float]:
    """2.5 and 97.5 % of the area over resampled groups, real and phantom ones apart."""
    rng = np.random.default_rng(0)
    members = {group: np.flatnonzero(groups == group) for group in np.unique(groups)}
    sides = [[group for group, clips in members.items() if real[clips[0]] == side] for side in (False, True)]
    areas = []
    for _ in range(BOOTSTRAPS):
        drawn = np.concatenate([members[group] for side in sides for group in rng.choice(side, len(side))])
        areas.append(roc_auc_score(real[drawn], scores[drawn]))
    return [round(float(value), 3) for value in np.percentile(areas, [2.5, 97.5])]


def distance(phantom: np.ndarray, real: np.ndarray) -> float:
    """Kolmogorov and Smirnov's: the largest difference of the two cumulative distributions."""
    at = np.sort(np.concatenate([phantom, real]))
    shares = [np.searchsorted(np.sort(values), at, side="right") / len(values) for values in (phantom, real)]
    return float(np.abs(shares[0] - shares[1]).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=96)
    parser.add_argument("--seed", type=int, default=10_000)
    parser.add_argument("--show", type=int, default=20, help="statistics in the table")
    options = parser.parse_args()
    real = real_clips(options.real)
    phantom = [phantom_clip(options.seed, patient=k, view=MIX[k % len(MIX)]) for k in range(options.clips)]
    clips = [*phantom, *real]
    is_real = np.array([False] * len(phantom) + [True] * len(real))
    groups = np.array(
        [f"{'real' if side else 'phantom'} {clip.group}" for clip, side in zip(clips, is_real, strict=True)]
    )
    numbers = {group: k for side in (False, True) for k, group in enumerate(np.unique(groups[is_real == side]))}
    fold = np.array([numbers[group] % FOLDS for group in groups])

    rows = [texture_statistics(clip) for clip in clips]
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows])
    table = np.where(np.isnan(table), np.nanmedian(table, axis=0), table)
    texture = held_out(table, is_real, fold, 0.05)
    squares = np.stack([square(clip, len(clip.frames) // 2) for clip in clips])
    looks = held_out(random_features(squares), is_real, fold, 0.001)

    everything = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, class_weight="balanced", max_iter=5000))
    weights = everything.fit(table, is_real).named_steps["logisticregression"].coef_[0]
    apart = [distance(table[~is_real, k], table[is_real, k]) for k in range(len(names))]
    shown = [
        {
            "statistic": names[k],
            "KS": round(apart[k], 3),
            "weight": round(float(weights[k]), 3),
            **{
                f"{side} {percent} %": round(float(np.percentile(table[is_real == flag, k], percent)), 3)
                for side, flag in (("phantom", False), ("real", True))
                for percent in (10, 50, 90)
            },
        }
        for k in np.argsort(apart)[::-1][: options.show]
    ]
    areas = {"texture": texture, "random_features": looks}
    finish(
        "phantom_realism",
        ratios={
            f"auc_{name}": {
                "ratio": round(float(roc_auc_score(is_real, scores)), 3),
                **dict(zip(("lowest", "highest"), interval(scores, is_real, groups), strict=True)),
            }
            for name, scores in areas.items()
        }
        | {"median_KS": round(float(np.median(apart)), 3)},
        rows=shown,
        seeds=[options.seed],
    )


if __name__ == "__main__":
    main()
