"""Contrast is what a sonographer knows it by: levels, shadow, wash-in, swirl; thirteen classes have their planes."""

from functools import lru_cache

import numpy as np
import pytest

from sslecho.phantom.contrast import FURTHER_SEEDS, LEFT, RIGHT, contrast_clip, draw_agent, eddy, tissues_with
from sslecho.phantom.echo import EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.views import PLANES
from sslecho.phantom.kinds.chartsias import CLASSES, PLANE_OF, SAX_PLANES, TEST, TRAIN, draw
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.tissues import STRUCTURE_NUMBER, TISSUES

FACTORS = Factors.from_seed(3)
AGENTS = [draw_agent(np.random.default_rng(k), 70.0) for k in range(300)]
FULL = [agent for agent in AGENTS if agent.left_db >= 8]


def number(*names: str) -> list[int]:
    return [STRUCTURE_NUMBER[name] for name in names]


def render(view: str, patient: int = 0, frames: int = 1, **kwargs):
    plan = Plan("chartsias", patient, 0, view, 0, 0, "x", "x")
    return draw(plan, FACTORS, Rendering(frames, 64, **{"jitter": 0.0, **kwargs}))


@lru_cache
def levels(view: str, patient: int, agent: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Power in dB before compression, structures, and depths, of the plane at rest."""
    if agent:
        clip, _ = contrast_clip(FACTORS, patient=patient, view=view, frames=1, jitter=0.0)
    else:
        clip = EchoClip(FACTORS, patient=patient, view=view, frames=1, jitter=0.0)
    power, labels = clip.renderer.envelope(np.zeros(len(clip.stage.courses)), 0)
    return 10 * np.log10(power + 1e-12), labels, np.broadcast_to(clip.stage.grid.depths_mm, labels.shape)


def test_all_classes_have_a_plane_and_their_own_name():
    assert len(CLASSES) == len(TRAIN) == len(TEST) == 13
    assert sum(CLASSES.values()) == pytest.approx(1)
    assert {*PLANE_OF.values(), *SAX_PLANES} <= set(PLANES)
    for view in CLASSES:
        drawn = render(view)
        assert drawn.label == view
        assert drawn.latents["plane"] == PLANE_OF.get(view[2:], drawn.latents["plane"])
        assert ("contrast_left_db" in drawn.latents) == view.startswith("c_")


def test_short_axes_are_of_all_levels():
    planes = {render("n_sax", patient).latents["plane"] for patient in range(9)}
    assert planes == set(SAX_PLANES)


@pytest.mark.parametrize("view", ["a4c", "plax", "psax_mv"])
def test_blood_outshines_muscle_where_it_was_black(view):
    """By tissue 18 dB and more apart; what spreads from bright pools into thin walls leaves half of it."""
    patients = [p for p in range(8) if contrast_clip(FACTORS, patient=p, view=view, frames=1)[1].left_db >= 8][:5]
    apart = []
    for patient in patients:
        for agent in (True, False):
            power, labels, depths = levels(view, patient, agent)
            near = depths < 95
            apart.append(
                np.median(power[np.isin(labels, number("lv")) & near])
                - np.median(power[np.isin(labels, number("myocardium")) & near])
            )
    assert np.mean(apart[::2]) > 8
    assert np.mean(apart[1::2]) < -8


def test_draws_are_within_the_ranges_of_contrast():
    assert all(8 <= agent.left_db <= 12 for agent in FULL)
    assert 0.75 < len(FULL) / len(AGENTS) < 0.93
    arriving = [agent for agent in AGENTS if agent.left_db < 8]
    # The right heart comes first, and never later.
    assert all(agent.right_db > agent.left_db + 6 for agent in arriving)
    assert all(10 <= agent.tissue_db <= 15 and 20 <= agent.frames_per_s <= 25 for agent in AGENTS)
    assert all(0.3 <= agent.attenuation <= 1 for agent in AGENTS)


def test_tissues_are_those_of_the_agent():
    agent = FULL[0]
    tissues = tissues_with(agent)
    assert {tissues[name].echo_db for name in LEFT} == {agent.left_db}
    assert {tissues[name].echo_db for name in RIGHT} == {agent.right_db}
    assert tissues["lv"].attenuation > 0.3
    assert tissues["myocardium"].echo_db == TISSUES["myocardium"].echo_db - agent.tissue_db
    assert tissues["effusion"].echo_db < TISSUES["fluid"].echo_db
    late = next(agent for agent in AGENTS if agent.left_db < -10)
    assert tissues_with(late)["lv"].attenuation == pytest.approx(TISSUES["blood"].attenuation, abs=0.02)


def test_a_full_ventricle_shadows_what_lies_behind():
    """Beyond 110 mm echoes lose more than those before 60 mm, against the same plane without agent."""
    lost = []
    for patient in range(4):
        agent = contrast_clip(FACTORS, patient=patient, view="a2c", frames=1, jitter=0.0)[1]
        if agent.left_db < 8:
            continue
        power, labels, depths = levels("a2c", patient, True)
        blood = np.isin(labels, number("lv", "la"))
        far = power[blood & (depths > 110)]
        near = power[blood & (depths > 40) & (depths < 70)]
        if len(far) > 200:
            lost.append(np.median(near) - np.median(far))
    assert np.mean(lost) > 4


def test_the_picture_is_slow_and_noisy():
    clip, agent = contrast_clip(FACTORS, patient=1, view="a4c", frames=2, jitter=0.0)
    plain = EchoClip(
        FACTORS.reseeded(view=3 + FURTHER_SEEDS, acquisition=3 + FURTHER_SEEDS), patient=1, view="a4c", jitter=0.0
    )
    assert clip.settings.frame_time_ms == pytest.approx(1000 / agent.frames_per_s, abs=0.01)
    assert clip.renderer.look.noise_db == pytest.approx(plain.renderer.look.noise_db + agent.noise_db)
    assert clip.renderer.look.clutter < 0.4 * plain.renderer.look.clutter


def test_the_probe_is_found_anew_for_the_agent():
    """The same patient, study and scanner, but another position, or the two would be twins in all but the bubbles."""
    plain = EchoClip(FACTORS, patient=2, view="a4c", frames=1)
    clip, _ = contrast_clip(FACTORS, patient=2, view="a4c", frames=1)
    assert clip.patient == plain.patient
    assert clip.settings.device == plain.settings.device
    assert clip.position.rotation_deg != plain.position.rotation_deg


def test_the_dye_turns_about_the_apex_and_the_wall_does_not():
    clip, agent = contrast_clip(FACTORS, patient=0, view="a4c", frames=30, jitter=0.0)
    assert {"swirl_sine", "swirl_cosine"} <= set(clip.drives)
    lv = next(shape.points for shape in clip.scene.shapes if shape.structure == "lv" and shape.half_widths is None)
    middle, radius = eddy(lv)
    sine, cosine = (clip.scene.modes[name] for name in ("swirl_sine", "swirl_cosine"))
    start = middle + 0.5 * radius * np.array([[1.0, 0.0], [0.0, 1.0], [-0.6, 0.8]])
    for frame in (1, 5, 12, 29):
        before = start - clip.drives["swirl_sine"][frame] * sine(start)
        before = before - clip.drives["swirl_cosine"][frame] * cosine(start)
        a = np.deg2rad(agent.turn_deg * frame)
        back = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        np.testing.assert_allclose(before, middle + (start - middle) @ back.T, atol=1e-9)
    assert not sine(lv).any()
    assert not cosine(lv).any()
    # The apex is in the upper third.
    assert middle[1] < lv[:, 1].min() + 0.34 * np.ptp(lv[:, 1])


def test_other_windows_miss_the_apex():
    clip, _ = contrast_clip(FACTORS, patient=0, view="psax_mv", frames=2, jitter=0.0)
    assert not clip.drives
