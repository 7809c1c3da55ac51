"""The difficulty benchmark computes what it says."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "quality"))
import phantom_difficulty as difficulty
import phantom_supervised as supervised
from phantom_difficulty import Frames

PATIENTS, VIEWS, REPEATS = 6, 3, 4


def frames(rng: np.random.Generator, *, by_patient: float, by_view: float, noise: float = 1.0) -> Frames:
    """Pictures whose gray depends on the patient with the view, on the view, and on chance; devices by patient."""
    rows = [(p, v) for p in range(PATIENTS) for v in range(VIEWS) for _ in range(REPEATS)]
    patients, views = np.array(rows).T
    shape = (difficulty.SIDE, difficulty.SIDE)
    of_patient = rng.normal(size=(PATIENTS, VIEWS, *shape))[patients, views]
    of_view = rng.normal(size=(VIEWS, *shape))[views]
    pixels = by_patient * of_patient + by_view * of_view + noise * rng.normal(size=(len(rows), *shape))
    pixels = np.clip(128 + 20 * pixels, 0, 255).astype(np.uint8)
    devices = np.array(["wide", "narrow"])[patients % 2]
    outlines = np.zeros((len(rows), *shape), np.uint8)
    outlines[:, :, 4:-4] = 255
    outlines[devices == "wide", :, 2:-2] = 255
    return Frames(pixels, outlines, patients, views, devices, np.zeros(len(rows), int))


def test_the_nearest_is_the_nearest():
    rng = np.random.default_rng(1)
    train = rng.integers(0, 256, (7, 4, 4), dtype=np.uint8)
    test = rng.integers(0, 256, (5, 4, 4), dtype=np.uint8)
    for one, found in zip(test.astype(int), difficulty.nearest(train, test), strict=True):
        apart = [sum((a - int(b)) ** 2 for a, b in zip(one.flat, other.flat, strict=True)) for other in train]
        assert found == apart.index(min(apart))


def test_few_patients_are_many_groups_of_few():
    """Two training patients answer rightly in one group of the three: a third, not what the first group alone has."""
    everything = frames(np.random.default_rng(2), by_patient=0, by_view=1, noise=0)
    train, test = everything.of(everything.patients < 6), everything.of(everything.patients == 5)
    train.views[train.patients < 4] = 99
    assert difficulty.hits(train, test, 2) == pytest.approx(1 / 3)
    # All six show the same: the first is taken, who is wrong.
    assert not difficulty.hits(train, test, 6).any()


def test_a_split_by_frame_finds_the_twin_and_one_by_patient_cannot():
    rng = np.random.default_rng(3)
    by_frame, by_patient = difficulty.split_rights(frames(rng, by_patient=3, by_view=0), rng=rng)
    assert by_frame.mean() > 0.95
    assert by_patient.mean() < 0.6
    by_frame, by_patient = difficulty.split_rights(frames(rng, by_patient=0, by_view=3), rng=rng)
    assert by_frame.mean() == by_patient.mean() == 1


def test_the_outline_tells_the_device_and_no_view_but_nothing_once_dealt_out_anew():
    rng = np.random.default_rng(4)
    everything = frames(rng, by_patient=1, by_view=1)
    train, test = everything.of(everything.patients < 4), everything.of(everything.patients >= 4)
    assert difficulty.told_by_outline(train, test, train.devices, test.devices, trees=10).all()
    assert difficulty.told_by_outline(train, test, train.views, test.views, trees=10).mean() < 0.6
    assert np.mean(difficulty.shuffled_devices(train, test, rounds=6, rng=rng)) < 0.9


def test_frames_of_a_phantom_patient():
    """Cropped to the sector: it touches two opposite sides of the square, and black lies outside of it."""
    found = difficulty.frames_of(0, seed=1, jitter=1.0, frames=1, taken=[0], same_fan=False)
    assert found.pixels.shape == (12, 32, 32)
    assert found.views.tolist() == list(range(12))
    assert len(set(found.devices.tolist())) == 1
    for pixels, outline in zip(found.pixels, found.outlines, strict=True):
        assert (outline[[0, -1]].any(1).all()) or (outline[:, [0, -1]].any(0).all())
        assert not pixels[outline == 0].any()
        assert pixels.max() > 60


def test_bins_take_their_upper_edge_in():
    worth = np.array([0.0, 2.0, 2.1, 10.0])
    right = np.array([True, False, True, True])
    rows = list(supervised.accuracy_rows("frames", right, np.arange(4), worth, (0, 2, 4, 10), "grade"))
    assert [(row["which"], row["n"], row["rate"]) for row in rows] == [
        ("all", 4, 0.75), ("grade 0–2", 2, 0.5), ("grade 2–4", 1, 1.0), ("grade 4–10", 1, 1.0)]  # fmt: skip


def test_a_clip_is_the_mean_of_its_frames():
    """The mean of probabilities, not the vote: two frames lean to the second view, the third is sure of the first."""
    frames = {"patients": np.zeros(3, int), "views": np.zeros(3, int), "worth": np.array([1.0, 2.0, 6.0])}
    probability = np.array([[0.4, 0.6], [0.4, 0.6], [0.9, 0.1]])
    views, answers, patients, worth = supervised.by_clip(frames, probability)
    assert (views.tolist(), answers.tolist(), patients.tolist(), worth.tolist()) == ([0], [0], [0], [3.0])


def test_worth_is_the_frames_grade_then_the_clips_then_the_quality():
    clip = SimpleNamespace(frames=np.zeros((2, 4, 4)), courses={}, columns={}, latents={"quality_loss": 0.3})
    assert supervised.grades_of(clip) == ("quality_loss", [0.3, 0.3])
    clip.latents["grade"] = 6.0
    assert supervised.grades_of(clip) == ("grade", [6.0, 6.0])
    clip.courses["grade"] = [5.0, 7.0]
    assert supervised.grades_of(clip) == ("grade", [5.0, 7.0])
