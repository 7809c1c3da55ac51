"""Sweeps over one body: quality that changes slowly, grades and raters beside it, nothing in the path."""

import csv
from collections import Counter

import numpy as np
import pytest

import sslecho
from sslecho.phantom.archive import write_archive
from sslecho.phantom.factors import Factors
from sslecho.phantom.hand import Hand, narrowing, wander
from sslecho.phantom.kinds import KINDS, cactus, plans_of
from sslecho.phantom.plan import Plan, Rendering

FACTORS = Factors.from_seed(21)
RENDERING = Rendering(frames=10, size=48, jitter=1.35)
VIEWS = ("A4C", "SC", "PL", "PSAV", "PSMV")


def sweep(number: int, view: str, rendering: Rendering = RENDERING, factors: Factors = FACTORS):
    plan = Plan("cactus", number, 0, view, 0, 0, clip=f"p{number:04d}-000", folder=f"p{number:04d}/s1")
    return cactus.draw(plan, factors, rendering)


@pytest.fixture(scope="module")
def sweeps():
    return [sweep(number, VIEWS[number % 5]) for number in range(15)]


def test_every_frame_has_its_grades(sweeps):
    for drawn in sweeps:
        assert set(drawn.columns) == set(KINDS["cactus"].columns)
        for values in drawn.columns.values():
            assert len(values) == RENDERING.frames
            assert all(1 <= value <= 10 and isinstance(value, int) for value in values)
        truth = {name: np.array(values) for name, values in drawn.courses.items()}
        for name in ("view_correctness", "clarity", "grade", "tilt_deg", "foreshortening"):
            assert truth[name].shape == (RENDERING.frames,)
        product = truth["view_correctness"] * truth["clarity"]
        assert truth["grade"] == pytest.approx(np.maximum(10 * np.sqrt(product), 1.0), abs=0.06)


def test_random_is_zero_for_both_raters_and_looks_many_ways():
    planes = set()
    for number in range(6):
        drawn = sweep(100 + number, "Random", Rendering(frames=2, size=48, jitter=1.35))
        planes.add(drawn.latents["plane"])
        assert drawn.label == "Random"
        assert not any(any(values) for values in drawn.columns.values())
        assert not any(drawn.courses["grade"])
    assert len(planes) >= 3


def test_one_body_and_one_scanner(sweeps):
    latents = [drawn.latents for drawn in sweeps]
    assert len({one["patient_lv_diameter_mm"] for one in latents}) == 1
    assert {drawn.settings.device.name for drawn in sweeps} == {"phased_adult"}
    assert len({one["shift_x_mm"] for one in latents}) == len(sweeps)


def test_quality_changes_slowly_within_a_sweep_and_more_between_sweeps(sweeps):
    grades = np.array([drawn.courses["grade"] for drawn in sweeps])
    steps = np.abs(np.diff(grades, axis=1))
    assert np.median(steps) < 0.25
    assert grades.mean(axis=1).std() > grades.std(axis=1).mean()
    assert grades.std(axis=1).max() > 0.5


def test_v_and_c_both_carry_the_grade(sweeps):
    v, c, g = (np.concatenate([one.courses[k] for one in sweeps]) for k in ("view_correctness", "clarity", "grade"))
    assert np.corrcoef(v, g)[0, 1] > 0.6
    assert np.corrcoef(c, g)[0, 1] > 0.5
    assert np.corrcoef(v, c)[0, 1] < 0.9


def hand_of(frames: int, **values: float) -> Hand:
    none = np.zeros(frames)
    course = {name: np.full(frames, value) for name, value in values.items()}
    slide = (course.pop("slide_x", none), none)
    names = ("tilt_deg", "foreshortening", "turn_deg", "lost_left", "lost_right", "lost")
    return Hand(**{name: course.get(name, none) for name in names}, slide_mm=slide)


@pytest.mark.parametrize("view", VIEWS)
def test_what_cannot_be_read_shows_nothing_of_its_view(view, monkeypatch):
    """Without contact, and beside the heart: no structure is visible, and no wall told from the cavity."""
    short = Rendering(frames=2, size=48, jitter=1.0)
    for values in ({"lost": 1.0}, {"slide_x": cactus.AWAY_MM}):
        monkeypatch.setattr(cactus, "draw_hand", lambda rng, frames, is_long, values=values: hand_of(frames, **values))
        drawn = sweep(7, view, short)
        assert max(drawn.courses["view_correctness"]) < 0.04
        assert max(drawn.courses["grade"]) == 1.0
        # The clutter of the near field is brighter than what lies below it, as a wall is.
        assert max(drawn.courses["clarity"]) < 0.4


def test_paths_are_smooth_of_unit_spread_and_not_longer_than_asked():
    paths = wander(np.random.default_rng(0), 400, 60)
    assert paths.shape == (400, 60)
    assert paths.std() == pytest.approx(1.0, abs=0.05)
    correlation = [np.mean(paths[:, 10] * paths[:, 10 + lag]) for lag in (1, 10, 40)]
    assert correlation[0] > 0.98
    assert 0.6 < correlation[1] < 0.9
    assert abs(correlation[2]) < 0.2
    tilt = np.array([0.0, 5.0, 10.0, 20.0, 60.0])
    assert np.all(np.diff(narrowing(tilt)) > 0)
    assert narrowing(tilt)[0] == 0.0


def test_a_sweep_is_one_clip_of_one_view_and_its_path_says_nothing():
    plans = plans_of("cactus", FACTORS, patients=40, views_per_patient=4, clips_per_view=3)
    assert len(plans) == 40
    assert max(Counter(plan.patient for plan in plans).values()) == 1
    for plan in plans:
        assert plan.view.lower() not in (plan.clip + plan.folder).lower()
    assert KINDS["cactus"].unit == "sweep"


def test_the_same_settings_give_the_same_sweep():
    short = Rendering(frames=4, size=48, jitter=1.35)
    first, again = sweep(3, "PSAV", short), sweep(3, "PSAV", short)
    assert np.array_equal(first.frames, again.frames)
    assert first.columns == again.columns
    assert not np.array_equal(first.frames, sweep(4, "PSAV", short).frames)


@pytest.mark.parametrize("format", ["png", "video"])
def test_ingest_reads_the_sweeps_and_the_grade_of_every_frame(format, tmp_path):
    counts = write_archive(tmp_path / "a", kind="cactus", patients=3, frames_per_clip=4, size=96, format=format, seed=6)
    assert (counts["unit"], counts["patients"]) == ("sweep", 3)
    store = sslecho.ingest(
        tmp_path / "a",
        tmp_path / "store",
        labels=str(tmp_path / "a" / "labels.csv"),
        unit="sweep",
        patient_from="unknown",
        kinds=("all",),
        sector="off",
        size=64,
        workers=1,
    )
    assert (store.unit, store.clips.num_rows) == ("sweep", 3)
    assert len(set(store.column("unit_id"))) == 3
    with (tmp_path / "a" / "labels.csv").open(newline="") as file:
        want = sorted(float(row["grade"]) for row in csv.DictReader(file))
    assert sorted(store.column("grade", level="frame")) == want
