"""What a grade means: structures in the sector, off the plane or not, walls that can be told from the cavity."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from sslecho.phantom.clarity import gcnr
from sslecho.phantom.echo import Drive, EchoClip
from sslecho.phantom.essentials import DEFINES, ESSENTIALS, SHOWN
from sslecho.phantom.factors import Factors
from sslecho.phantom.geometry import BeamGrid
from sslecho.phantom.grades import (
    Grader,
    Grades,
    grade,
    grade_clip,
    graded,
    plane_tilt_deg,
    view_correctness,
)
from sslecho.phantom.heart.motion import drift
from sslecho.phantom.heart.other import OTHER
from sslecho.phantom.heart.views import PLANES
from sslecho.phantom.tissues import STRUCTURES

FACTORS = Factors.from_seed(7)
FRAMES = 5
RAMP = np.linspace(0, 1, FRAMES)


def clip_of(view: str, *, frames: int = FRAMES, jitter: float = 0.0, patient: int = 1, drives=(), **look) -> EchoClip:
    """A clip whose heart stands still, so that only what is driven changes."""
    clip = EchoClip(
        FACTORS,
        patient=patient,
        view=view,
        frames=frames,
        size=48,
        jitter=jitter,
        drives=lambda courses, patient: list(drives),
        look=lambda plain: replace(plain, **{name: getattr(plain, name) + more for name, more in look.items()}),
    )
    clip.courses[:, :6] = 0.0
    return clip


def clarity(view: str = "psax_mv", **look) -> float:
    return float(grade_clip(clip_of(view, frames=2, **look)).clarity.mean())


def overlap_oracle(first, second, bins: int) -> float:
    """1 - the overlap, bin by bin and sample by sample."""
    overlap = 0.0
    for k in range(bins):
        low, high = 256 * k / bins, 256 * (k + 1) / bins
        shares = []
        for values in (first, second):
            inside = 0
            for value in values:
                if low <= value < high:
                    inside += 1
            shares.append(inside / len(values))
        overlap += min(shares)
    return 1 - overlap


def test_gcnr_is_one_minus_the_overlap_of_the_histograms():
    rng = np.random.default_rng(3)
    first, second = rng.uniform(0, 140, 150), rng.normal(120, 30, 90).clip(0, 255)
    assert gcnr(first, second) == pytest.approx(overlap_oracle(first, second, 16), abs=1e-12)
    assert gcnr(first, second, bins=5) == pytest.approx(overlap_oracle(first, second, 5), abs=1e-12)
    assert gcnr(first, first) == 0.0
    assert gcnr(np.zeros(9), np.full(4, 255.0)) == 1.0


def test_gcnr_of_segments_is_that_of_their_samples():
    clip = clip_of("a4c", frames=1)
    grader = Grader(clip)
    gray, labels = clip.renderer.beams(clip.courses[0], 0)
    now = clip.stage.outlines_mm(clip.courses[0])
    found = grader.segments.ratios(gray, labels, clip.stage.grid, *now)
    samples = grader.segments.samples(gray, labels, clip.stage.grid, *now)
    for segment in range(6):
        of = samples.segment == segment
        wall, cavity = samples.level[of & samples.is_wall], samples.level[of & ~samples.is_wall]
        assert len(wall) > 50
        assert len(cavity) > 50
        assert found[segment] == pytest.approx(overlap_oracle(cavity, wall, 16), abs=1e-9)


def test_v_is_the_formula():
    """Off by 18 degrees: 1/e; a tenth of the length lost: 0.6."""
    tilt, short = np.array([0.0, 18.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.1, 0.3])
    found = view_correctness(np.full(4, 0.5), tilt, short)
    assert found == pytest.approx([0.5, 0.5 / np.e, 0.3, 0.0])
    assert grade(np.array([0.81, 0.0]), np.array([0.49, 1.0])) == pytest.approx([6.3, 1.0])


def test_every_plane_has_essentials_that_it_draws():
    assert set(ESSENTIALS) == set(PLANES) - set(OTHER)
    for view, essentials in ESSENTIALS.items():
        assert {mark.weight for mark in essentials.marks} <= {DEFINES, SHOWN}, view
        names = {name for mark in essentials.marks for name in mark.structures} | {essentials.cavity}
        assert names <= set(STRUCTURES)
        grader = Grader(clip_of(view, frames=1))
        drawn = grader.outlines.counts > 0
        missing = [mark.structures for mark, there in zip(essentials.marks, drawn, strict=True) if not there]
        assert missing == ([] if view != "suprasternal" else missing), view


@pytest.mark.parametrize("view", ["plax", "psax_av", "psax_mv", "a4c", "a2c", "sc4c", "rv_inflow"])
def test_the_template_plane_shows_nearly_all_and_clearly(view):
    found = grade_clip(clip_of(view, frames=1, patient=2))
    assert found.view_correctness[0] > 0.6
    assert found.clarity[0] > 0.5


def test_v_falls_as_the_heart_slides_out_of_the_sector():
    for axis, most in (((1.0, 0.0), 120.0), ((-1.0, 0.0), 120.0), ((0.0, 1.0), 150.0)):
        slide = Drive("slide", most * RAMP, drift(axis))
        v = grade_clip(clip_of("a4c", drives=[slide])).view_correctness
        assert np.all(np.diff(v) <= 1e-9)
        assert v[0] > 0.6
        assert v[-1] < 0.05


def test_v_falls_with_tilt_and_foreshortening():
    for view in ("a4c", "psax_av"):
        v = grade_clip(clip_of(view), tilt_deg=30 * RAMP).view_correctness
        assert np.all(np.diff(v) < 0)
        assert v[-1] / v[0] == pytest.approx(grader_tilt_ratio(view), rel=1e-6)
    v = grade_clip(clip_of("a4c"), foreshortening=0.3 * RAMP).view_correctness
    assert np.all(np.diff(v) <= 0)
    assert v[-1] == 0.0


def grader_tilt_ratio(view: str) -> float:
    """A plane's own tilt and the hand's are at right angles in a random direction: squares add up."""
    return float(np.exp(-((30 / 18) ** 2)))


def test_the_plane_between_four_and_five_chambers_is_neither():
    assert plane_tilt_deg("a4c", {"tilt": 0.5}) == plane_tilt_deg("a5c", {"tilt": 0.5}) == 10.0
    assert plane_tilt_deg("a4c", {"tilt": 0.0}) == plane_tilt_deg("a5c", {"tilt": 1.0}) == 0.0
    assert plane_tilt_deg("rv_inflow", {"half_way": True}) == 15.0
    assert plane_tilt_deg("plax", {}) == 0.0


def test_what_lies_in_a_shadow_is_not_visible():
    def half(grid: BeamGrid) -> np.ndarray:
        lost = np.zeros((grid.lines, grid.samples), np.float32)
        lost[: grid.lines // 2] = 40.0
        return lost

    clip = clip_of("a4c", drives=[Drive("lost", np.where(RAMP > 0.5, 1.0, 0.0), loss_db=half)])
    v = grade_clip(clip).view_correctness
    assert np.all(v[RAMP > 0.5] < 0.75 * v[0])
    assert v[0] == v[1]


def test_shuffled_weights_change_v(monkeypatch):
    slide = Drive("slide", 60 * RAMP, drift((1.0, 0.0)))
    before = grade_clip(clip_of("a4c", drives=[slide])).view_correctness
    essentials = ESSENTIALS["a4c"]
    weights = [mark.weight for mark in essentials.marks][::-1]
    marks = tuple(replace(mark, weight=weight) for mark, weight in zip(essentials.marks, weights, strict=True))
    monkeypatch.setitem(ESSENTIALS, "a4c", replace(essentials, marks=marks))
    after = grade_clip(clip_of("a4c", drives=[slide])).view_correctness
    assert np.abs(after - before).max() > 0.03


def test_c_falls_with_noise():
    levels = [clarity(noise_db=more) for more in (0.0, 30.0, 38.0, 46.0)]
    assert np.all(np.diff(levels) < 0)
    assert levels[-1] < 0.35 * levels[0]


def test_c_falls_with_haze():
    assert clarity(near_haze_db=20.0) < 0.9 * clarity()
    assert clarity(haze_db=40.0) < clarity() - 0.02


def test_c_falls_with_lost_contact():
    def all_lost(grid: BeamGrid) -> np.ndarray:
        return np.full((grid.lines, grid.samples), 50.0, np.float32)

    found = grade_clip(clip_of("psax_mv", drives=[Drive("lost", RAMP, loss_db=all_lost)])).clarity
    assert found[-1] < 0.2 * found[0]
    assert np.all(np.diff(found[1:]) < 0.02)


def test_c_is_flat_within_eight_db_of_gain_and_falls_beyond():
    right = clarity()
    for error in (-8.0, -4.0, 4.0, 8.0):
        assert clarity(gain_db=error) == pytest.approx(right, abs=0.07)
    assert clarity(gain_db=-40.0) < 0.6 * right
    assert clarity(gain_db=60.0) < 0.6 * right


def test_one_lost_wall_costs_a_sixth():
    """The walls' gray values in one segment become the cavity's."""
    clip = clip_of("psax_mv", frames=1, patient=2)
    grader = Grader(clip)
    coefficients = clip.courses[0]
    gray, labels = clip.renderer.beams(coefficients, 0)
    grader.judge(0, gray, labels)
    before = float(grader.clarity[0])
    ratios = grader.segments.ratios(gray, labels, clip.stage.grid, *clip.stage.outlines_mm(coefficients))
    worth = np.clip((ratios - 0.2) / 0.65, 0, 1)
    lost = gray.copy()
    segment = int(worth.argmax())
    lost[_near(clip, grader, segment)] = 0.0
    grader.judge(0, lost, labels)
    assert before - grader.clarity[0] == pytest.approx(worth[segment] / 6, abs=0.03)


def _near(clip: EchoClip, grader: Grader, segment: int) -> np.ndarray:
    """The beam-grid samples that a segment of the wall is judged by."""
    grid, now = clip.stage.grid, clip.stage.outlines_mm(clip.courses[0])
    places = grader.segments.places(clip.stage.label_map(clip.courses[0]), grid, *now)
    mask = np.zeros((grid.lines, grid.samples), bool)
    sample, line = np.rint(grid.to_grid(places.points_mm[places.segment == segment])).astype(int).T
    mask[line, sample] = True
    return mask


def test_a_depth_at_which_the_heart_fills_little_costs_clarity():
    def shrunk(points: np.ndarray) -> np.ndarray:
        return (np.array([0.0, 80.0]) - points) * 1.0

    found = grade_clip(clip_of("psax_mv", drives=[Drive("small", 0.65 * RAMP, shrunk)]))
    assert found.clarity[-1] < 0.8 * found.clarity[0]


def test_what_is_no_view_has_grade_zero():
    found = grade_clip(clip_of("liver", frames=2))
    assert isinstance(found, Grades)
    assert not found.grade.any()
    assert not found.view_correctness.any()


def test_grading_leaves_the_pictures_as_they_are():
    clip, plain = clip_of("plax", jitter=1.0), clip_of("plax", jitter=1.0).render(with_labels=True)
    drawn = graded(clip, with_labels=True)
    assert np.array_equal(drawn.frames, plain.frames)
    assert np.array_equal(drawn.labels, plain.labels)
    assert isinstance(drawn.courses, Mapping)
    for name in ("view_correctness", "clarity", "grade"):
        values = np.array(drawn.courses[name])
        assert values.shape == (FRAMES,)
        assert drawn.latents[name] == pytest.approx(values.mean(), abs=1e-3)
    assert 1.0 <= min(drawn.courses["grade"])
    assert max(drawn.courses["grade"]) <= 10.0
