"""Kind `motion`: a frame tells nothing of a pair's class (or as much as it should), a clip does."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp
from simulated import two_sample

from sslecho.phantom.factors import Factors
from sslecho.phantom.kinds import motion
from sslecho.phantom.motion import bayes, levels, tilt
from sslecho.phantom.motion.film import Film, Moment, Pair
from sslecho.phantom.plan import Plan, Rendering

FACTORS = Factors.from_seed(11)
CHANCE = 0.01  # rarer than so isn't taken for chance
NAMES = [pair.name for pair in motion.EQUAL]
PAIR = {pair.name: pair for pair in motion.PAIRS}


def plan_of(view: str, patient: int = 0, **further) -> Plan:
    return replace(Plan("motion", patient, 0, view, 0, 0, f"p{patient:04d}-000", ""), **further)


def film(view: str, patient: int = 0, *, frames: int = 16, size: int = 64, **further) -> Film:
    return motion.film(plan_of(view, patient, **further), FACTORS, Rendering(frames, size, 1.0))


def courses(pair: Pair, view: str, patients: int, *, frames: int = 16) -> dict[str, np.ndarray]:
    """The drawn courses of many patients' clips, [patients, frames] by name."""
    found: dict[str, list] = {}
    for patient in range(patients):
        keys = (patient, 0, pair.name)
        moment = Moment(FACTORS, plan_of(view, patient), keys, (*keys, view, 0, 0), frames, 1000 * pair.span_s / frames)
        for name, values in pair.courses(moment).drawn.items():
            found.setdefault(name, []).append(values)
    return {name: np.array(values) for name, values in found.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_has_one_law_in_both_classes(name):
    """Whatever its number; checked on the coefficients, which are all that a frame is drawn from besides the scene."""
    first, second = (courses(PAIR[name], view, 250) for view in PAIR[name].classes)
    for course, values in first.items():
        for k in (0, 7, 15):
            assert ks_2samp(values[:, k], second[course][:, k])[1] > 0.002


def test_a_wider_vessel_would_be_found_in_the_courses():
    first, second = (courses(two_sample.wider(0.05), view, 1500) for view in PAIR["tube"].classes)
    assert ks_2samp(first["caliber"][:, 0], second["caliber"][:, 0])[1] < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_no_frame_tells_the_class(name):
    """The benchmark phantom_motion does so with hundreds of patients."""
    for found in two_sample.by_frames(two_sample.draw(PAIR[name], range(10), seed=3, frames=1)).values():
        assert found.p > CHANCE


def test_a_wider_vessel_would_be_found_in_frames():
    found = two_sample.by_frames(two_sample.draw(two_sample.wider(1.0), range(16), seed=3, frames=1))
    assert found["which of two"].p < CHANCE
    assert found["which of two"].accuracy > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_tells_the_class(name):
    assert two_sample.by_clips(two_sample.draw(PAIR[name], range(4), seed=3), name) > 0.9


@pytest.mark.parametrize("pair", motion.PAIRS, ids=lambda pair: pair.name)
def test_both_classes_have_one_scene_and_nothing_around_it_differs(pair):
    """Same patient: the same plane, scanner, time between frames and outline, of which all text is made."""
    first, second = (film(view, 4, frames=3) for view in pair.classes)
    rest = np.zeros(len(first.courses.drawn))
    np.testing.assert_array_equal(first.stage.label_map(rest), second.stage.label_map(rest))
    assert (first.settings, first.frame_time_ms) == (second.settings, second.frame_time_ms)
    clips = [drawn.render() for drawn in (first, second)]
    np.testing.assert_array_equal(clips[0].sector, clips[1].sector)
    assert clips[0].frame_time_ms == pytest.approx(1000 * pair.span_s / 3)
    assert (clips[0].label, clips[1].label) == pair.classes
    assert (clips[0].frames != clips[1].frames).any()


def test_no_frame_is_mixed_into_the_next():
    """Some devices do so elsewhere; here a frame is the same whether or not others were drawn before it."""
    films = [film("tube_heart", patient) for patient in range(12)]
    assert any(drawn.settings.device.persistence > 0 for drawn in films)
    for patient in range(3):
        together = film("tube_heart", patient).render().frames[5]
        np.testing.assert_array_equal(film("tube_heart", patient).frame(5)[0], together)


@pytest.mark.parametrize("view", ["tube_breath", "level_mitral"])
def test_one_fan_for_all_devices(view):
    rendering = Rendering(2, 64, 1.0, same_fan=True)
    films = [motion.film(plan_of(view, patient), FACTORS, rendering) for patient in range(12)]
    assert len({drawn.settings.device.name for drawn in films}) > 1
    grids = [drawn.stage.grid for drawn in films]
    # A radius in one proportion to the depth (or the same for both, of a curved probe) is one outline in the picture.
    shapes = [grid.radius_mm / grid.depth_mm for grid in grids]
    assert len({grid.radius_mm for grid in grids}) == 1 or np.ptp(shapes) < 0.005 * np.mean(shapes)
    assert len({grid.angle_deg for grid in grids}) == 1


def test_repeats_and_occasions_are_clips_of_their_own():
    first = film("lung_still").render().frames
    for further in ({"acquisition": 1}, {"occasion": 1}):
        assert (film("lung_still", **further).render().frames != first).any()


def test_a_tilt_down_is_a_tilt_up_backwards():
    phase = np.linspace(0, 1, 101)
    up, down = tilt.tilted(phase, tilt.UP), tilt.tilted(phase, tilt.DOWN)
    np.testing.assert_allclose(up, down[::-1], atol=1e-12)
    assert (np.diff(up) > 0).mean() == pytest.approx(1 - tilt.BACK)


def test_the_root_opens_as_the_plane_tilts():
    drawn = film("tilt_up")
    names = list(drawn.courses.drawn)

    def root(tilted: float) -> int:
        rest = np.zeros(len(names))
        rest[names.index("tilt")] = tilted
        return int(np.sum(drawn.stage.label_map(rest) == two_sample.STRUCTURE_NUMBER["aorta"]))

    areas = [root(tilted) for tilted in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert (np.diff(areas) > 0).all()
    assert areas[0] < 0.1 * areas[-1]


def test_the_base_descends_through_the_plane():
    assert levels.level_mm(32.0, 0.0) == 32.0
    assert levels.level_mm(32.0, 1.0) == pytest.approx(19 / (1 - 13 / 85))


def test_leaflets_give_way_to_muscles_from_level_to_level():
    """At one contraction, so that nothing but the level differs; both are seen where the classes meet."""
    areas = {}
    for level in (22.0, 33.0, 46.0):
        drawn = film("level_mitral")
        coefficients = dict.fromkeys(drawn.courses.drawn, 0.0)
        shown = levels.shown(np.array([level]), np.full(1, 0.5), np.zeros(1))
        coefficients |= {name: float(value[0]) for name, value in shown.items()}
        labels = drawn.stage.label_map(np.array(list(coefficients.values())))
        areas[level] = [int(np.sum(labels == two_sample.STRUCTURE_NUMBER[name])) for name in ("mitral", "papillary")]
    (mitral, none), both, (gone, papillary) = areas.values()
    assert mitral > both[0] > 10 * max(gone, 1)
    assert papillary > both[1] > 10 * max(none, 1)


def test_bayes_errors_are_what_an_oracle_gets():
    """Fresh planes and rhythms, told apart by the densities (a frame) or by the plane's place (a clip)."""
    pair, patients = motion.LEVELS, 150
    frame_errors, clip_errors = [], []
    for view in pair.classes:
        for patient in range(patients):
            keys = (patient, 0, pair.name)
            moment = Moment(FACTORS, plan_of(view, patient), keys, (*keys, view, 0, 0), 16, 125.0)
            found = pair.courses(moment)
            level = found.truth["level_mm"][[3]]
            likelier = levels.PAPILLARY if _ratio(level) > 1 else levels.MITRAL
            frame_errors.append(likelier != view)
            place = found.truth["level_mm"].max()  # as a clip shows it, at end-diastole
            clip_errors.append((place > 35.5) != (view == levels.PAPILLARY))
    error = (0.25 / (2 * patients)) ** 0.5
    assert np.mean(frame_errors) == pytest.approx(bayes.frame_bayes_error(), abs=3 * error)
    assert np.mean(clip_errors) == pytest.approx(bayes.clip_bayes_error(), abs=3 * error)
    assert bayes.clip_bayes_error() == pytest.approx(0.1908, abs=1e-4)
    assert bayes.frame_bayes_error("level and contraction") == bayes.clip_bayes_error() < bayes.frame_bayes_error()


def _ratio(level: np.ndarray) -> float:
    return float(bayes.level_density(level, levels.PAPILLARY)[0] / bayes.level_density(level, levels.MITRAL)[0])
