"""Can a classifier tell two classes of kind `motion` by single frames, and by clips?

Lopez-Paz and Oquab 2017: two samples have one law if no classifier tells held-out members better than chance. Both
classes of a pair are filmed in every patient, and one frame of each is taken. If a frame tells nothing, the two may be
swapped; so chance is what a classifier reaches when they are, in patients drawn at random, and the test is exact.
Several frames of a clip would break that: their joint law differs between the classes, as it should.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import GroupKFold

from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.factors import Factors
from sslecho.phantom.motion.film import Courses, Film, Moment, Pair
from sslecho.phantom.motion.tilt import DOWN, PERIOD_S, UP, tilted
from sslecho.phantom.motion.tube import HEART, TUBE
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.tissues import STRUCTURE_NUMBER

FRAMES, FOLDS = 16, 10
PENALTY = 1.0  # against a mean square of 1 of the features


@dataclass(frozen=True)
class Sample:
    """Frames of both classes of a pair.

    Args:
        pictures: [clips, frames, size, size].
        second: whether a clip is of the pair's second class.
        patients: whose it is.
        truth: the pair's own course (the first of its truth), [clips, frames].
        root: how many samples of the label map show the aorta, [clips, frames].
        seconds: of the frames, in the clip, [clips, frames].
    """

    pictures: np.ndarray
    second: np.ndarray
    patients: np.ndarray
    truth: np.ndarray
    root: np.ndarray
    seconds: np.ndarray


def draw(pair: Pair, patients: Sequence[int], *, seed: int, frames: int = FRAMES, size: int = 64) -> Sample:
    """A clip of each class in every patient; of each clip as many frames, drawn at random, in their order."""
    pictures, second, whose, truth, root, seconds = [], [], [], [], [], []
    for patient in patients:
        for k, name in enumerate(pair.classes):
            plan = Plan("motion", patient, 0, name, 0, 0, f"p{patient:04d}-000", "")
            film = Film(pair, plan, Factors.from_seed(seed), Rendering(FRAMES, size, JITTER))
            rng = np.random.default_rng([seed, patient, k])
            which = np.sort(rng.choice(FRAMES, frames, replace=False))
            drawn = [film.frame(int(i)) for i in which]
            pictures.append([picture for picture, _ in drawn])
            root.append([np.sum(labels == STRUCTURE_NUMBER["aorta"]) for _, labels in drawn])
            seconds.append(which * film.frame_time_ms / 1000)
            truth.append(next(iter(film.courses.truth.values()))[which])
            second.append(k)
            whose.append(patient)
    return Sample(*(np.array(values) for values in (pictures, second, whose, truth, root, seconds)))


def wider(by: float) -> Pair:
    """The vessel, broken on purpose: where it beats it is wider throughout, by a share of the narrow caliber."""

    def courses(moment: Moment) -> Courses:
        right = TUBE.courses(moment)
        more = by if moment.plan.view == HEART else 0.0
        return replace(right, drawn={name: values + more for name, values in right.drawn.items()})

    return replace(TUBE, courses=courses)


def small(pictures: np.ndarray, side: int = 16) -> np.ndarray:
    """[n, size, size] -> block means [n, side * side]."""
    n, size, _ = pictures.shape
    block = size // side
    cut = pictures[:, : side * block, : side * block].astype(np.float32)
    return cut.reshape(n, side, block, side, block).mean(axis=(2, 4)).reshape(n, -1)


def texture(pictures: np.ndarray) -> np.ndarray:
    """Statistics of what block means lose: local contrast, gradients, neighbors' correlation, gray levels."""
    found = pictures.astype(np.float32)
    across, along = np.diff(found, axis=2), np.diff(found, axis=1)
    squares = small(found**2, 8) - small(found, 8) ** 2
    columns = [np.sqrt(np.maximum(squares, 0))]
    for field in (across, along, np.diff(across, axis=2), np.diff(along, axis=1)):
        columns += [np.abs(field).mean(axis=(1, 2))[:, None], field.std(axis=(1, 2))[:, None]]
    flat = found.reshape(len(found), -1)
    columns.append(np.percentile(flat, (50, 75, 90, 95, 99), axis=1).T)
    columns.append(np.stack([np.mean((flat >= low) & (flat < low + 16), axis=1) for low in range(0, 256, 16)], axis=1))
    return np.concatenate(columns, axis=1)


@dataclass(frozen=True)
class Found:
    """Accuracy; what chance reaches in 95 of 100 cases; how often chance is as far from .5 (1 of so many at least)."""

    accuracy: float
    chance: tuple[float, float]
    p: float


def by_frames(sample: Sample, *, swaps: int = 2000) -> dict[str, Found]:
    """A frame of every clip, by classifiers that have not seen the patient.

    "linear": least squares with a penalty, on pixels and texture; its predictions are linear in the labels it learns
    from, so that all swaps cost one matrix product. "which of two": the same on the difference of a patient's two
    frames, who is the same but for the class: the strictest. "nearest neighbor": on pixels.

    Args:
        sample: one frame per clip.
        swaps: of the labels within patients, drawn at random.
    """
    if sample.pictures.shape[1] != 1:
        raise ValueError(f"one frame per clip, not {sample.pictures.shape[1]}")
    pictures, second, patients = sample.pictures[:, 0], sample.second == 1, sample.patients
    sign = np.where(second, 1.0, -1.0)
    pixels = small(pictures)
    features = np.concatenate([pixels, texture(pictures)], axis=1)
    features = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-6)
    names, person = np.unique(patients, return_inverse=True)
    flips = np.random.default_rng(0).choice([-1.0, 1.0], (swaps, len(names)))
    flips[0] = 1.0  # the labels as they are
    apart = features[second][np.argsort(patients[second])] - features[~second][np.argsort(patients[~second])]
    labels = sign * flips[:, person]
    return {
        "linear": _against_chance(labels @ _reader(features, person).T, labels),
        "which of two": _against_chance(flips @ _reader(apart, np.arange(len(names))).T, flips),
        "nearest neighbor": _against_chance(labels[:, _nearest(pixels, patients)], labels),
    }


def _against_chance(said: np.ndarray, labels: np.ndarray) -> Found:
    """Scores and labels (-1, 1), [swaps, frames], of which the first are not swapped."""
    accuracy = np.mean((said > 0) == (labels > 0), axis=1)
    low, high = np.percentile(accuracy, (2.5, 97.5))
    p = np.mean(np.abs(accuracy - 0.5) >= abs(accuracy[0] - 0.5) - 1e-9)
    return Found(float(accuracy[0]), (float(low), float(high)), float(p))


def _reader(features: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """What a ridge regression makes of labels, [frames, frames]: predictions = reader @ labels, patients held out."""
    products = features @ features.T / features.shape[1]
    reader = np.zeros_like(products)
    for train, test in GroupKFold(min(FOLDS, len(np.unique(patients)))).split(features, groups=patients):
        inner = products[np.ix_(train, train)] + PENALTY * np.eye(len(train))
        reader[np.ix_(test, train)] = np.linalg.solve(inner, products[np.ix_(train, test)]).T
    return reader


def _nearest(pixels: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Which frame of another patient is nearest."""
    squares = (pixels**2).sum(axis=1)
    distance = squares[:, None] + squares[None] - 2 * pixels @ pixels.T
    distance[patients[:, None] == patients[None]] = np.inf
    return distance.argmin(axis=1)


def by_clips(sample: Sample, name: str, *, reading: np.ndarray | None = None) -> float:
    """Accuracy over clips of one number that a pair's difference in time suggests; other patients set the threshold.

    Args:
        sample: whole clips.
        name: of the pair.
        reading: how far a frame is tilted, of "tilt", [clips, frames]; the root's area if None.
    """
    if name == "tilt":
        number = _direction(sample.root if reading is None else reading, sample.seconds[0])
    else:
        number = {"tube": _frequency, "lung": _steadiness}[name](sample)
    right = []
    for train, test in GroupKFold(min(FOLDS, len(np.unique(sample.patients)))).split(number, groups=sample.patients):
        first, second = (np.median(number[train][sample.second[train] == k]) for k in (0, 1))
        right.append((np.abs(number[test] - second) < np.abs(number[test] - first)) == sample.second[test])
    return float(np.mean(np.concatenate(right)))


def _frequency(sample: Sample) -> np.ndarray:
    """Hz at which the first principal component over a clip's frames is strongest."""
    found = []
    for clip, seconds in zip(sample.pictures, sample.seconds, strict=True):
        flat = clip.reshape(len(clip), -1).astype(np.float64)
        flat -= flat.mean(axis=0)
        _, vectors = np.linalg.eigh(flat @ flat.T)
        spectrum = np.abs(np.fft.rfft(vectors[:, -1], 64))
        found.append(np.fft.rfftfreq(64, seconds[1] - seconds[0])[spectrum.argmax()])
    return np.array(found)


def _steadiness(sample: Sample) -> np.ndarray:
    """Mean correlation of frames four apart, of their gradient across the beams, between the ribs and below them."""
    clips, frames, size, _ = sample.pictures.shape
    window = sample.pictures[:, :, size // 8 : 5 * size // 8, 5 * size // 16 : 11 * size // 16].astype(np.float64)
    flat = np.diff(window, axis=3).reshape(clips, frames, -1)
    flat /= np.linalg.norm(flat, axis=2, keepdims=True)
    return (flat[:, 4:] * flat[:, :-4]).sum(axis=2).mean(axis=1)


def _direction(reading: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """How much better the course of one class fits than that of the other, at the best period and phase."""

    def unit(courses: np.ndarray) -> np.ndarray:
        courses = courses - courses.mean(axis=1, keepdims=True)
        return courses / np.maximum(np.linalg.norm(courses, axis=1, keepdims=True), 1e-9)

    starts = np.arange(32) / 32
    phases = [np.mod(start + seconds / period, 1.0) for period in np.linspace(*PERIOD_S, 7) for start in starts]
    up, down = (unit(np.stack([tilted(phase, view) for phase in phases])) for view in (UP, DOWN))
    read = unit(reading.astype(np.float64))
    return (read @ down.T).max(axis=1) - (read @ up.T).max(axis=1)
