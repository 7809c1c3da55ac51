"""What is no standard view: that it is none, that it is of many looks, and where an archive has it."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from sslecho.phantom.echo import EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.other import OFF_DEG, OTHER, SWEEP, SWEEP_MM, sweep_path
from sslecho.phantom.heart.views import PLANES, VIEWS
from sslecho.phantom.kinds import KINDS, plans_of
from sslecho.phantom.kinds.other import SUBTYPES
from sslecho.phantom.patients import draw_patient
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.screens.draw import draw_screen
from sslecho.phantom.screens.fan import other_drives
from sslecho.phantom.tissues import STRUCTURE_NUMBER
from sslecho.phantom.uneven import LOST_DB, UNEVEN, Uneven, draw_uneven, worst_stretch

FACTORS = Factors.from_seed(6)
CHAMBERS = [STRUCTURE_NUMBER[name] for name in ("lv", "rv", "la", "ra", "aorta")]


def clip(view, patient=0, frames=1, **settings):
    return EchoClip(FACTORS, patient=patient, view=view, frames=frames, size=64, **settings)


def labels(view, patient=0, **settings):
    one = clip(view, patient, **settings)
    return one.stage.label_map(one.courses[0])


def plan(view, number=0, mode="", acquisition=0):
    return Plan("echo", number, 0, view, number, acquisition, f"p{number:04d}-000", "x", mode)


@pytest.mark.parametrize("name", OTHER)
def test_a_plane_that_is_no_view_is_drawn(name):
    assert name in PLANES
    assert name not in VIEWS
    drawn = clip(name).render(with_labels=True)
    assert drawn.label == name
    assert drawn.labels is not None
    assert drawn.frames.max() > 100
    np.testing.assert_array_equal(drawn.labels[0] > 0, drawn.sector)


@pytest.mark.parametrize("name", ["probe_in_air", "liver", "lung_a", "lung_b"])
def test_there_is_no_heart_in_air_liver_and_lung(name):
    for patient in range(4):
        assert not np.isin(labels(name, patient), CHAMBERS).any()


def test_a_lines_lie_at_multiples_of_the_pleura():
    one = clip("lung_a", 2)
    found = one.stage.label_map(one.courses[0])[64] == STRUCTURE_NUMBER["a_line"]
    depths = one.stage.grid.depths_mm
    edges = np.flatnonzero(np.diff(found.astype(int)))
    middles = np.array([(depths[a] + depths[b]) / 2 for a, b in zip(edges[::2], edges[1::2], strict=False)])
    times = middles / float(one.scene.latents["pleura_mm"])
    assert len(times) >= 2
    np.testing.assert_allclose(times, np.round(times), atol=0.08)


def test_b_lines_reach_the_bottom_as_bright_as_they_begin():
    one = clip("lung_b", 1)
    power, found = one.renderer.envelope(one.courses[0], 0)
    ray = found == STRUCTURE_NUMBER["b_line"]
    assert ray[:, -1].any()
    assert (found == STRUCTURE_NUMBER["a_line"]).sum() == 0
    half = found.shape[1] // 2
    level = [10 * np.log10(power[:, part][ray[:, part]].mean()) for part in (np.s_[half:-60], np.s_[-60:])]
    assert level[0] - level[1] < 12
    dark = found == STRUCTURE_NUMBER["lung"]
    assert power[:, -60:][ray[:, -60:]].mean() > 4 * power[:, -60:][dark[:, -60:]].mean()


def test_the_air_is_dark_below_its_reverberations():
    frame = clip("probe_in_air").render().frames[0].astype(float)
    rows = np.flatnonzero(frame.sum(axis=1))
    top, bottom = np.array_split(frame[rows[0] : rows[-1]], [len(rows) // 3])[::1]
    assert top[top > 0].mean() > 2 * bottom.mean()


@pytest.mark.parametrize("name", ["off_plax", "off_psax", "off_a4c"])
def test_oblique_cuts_are_far_off_and_show_no_valve(name):
    for patient in range(4):
        one = clip(name, patient)
        assert OFF_DEG[0] <= float(one.scene.latents["off_deg"]) <= OFF_DEG[1]
        assert abs(float(one.scene.latents["turned_deg"])) > 35
        found = one.stage.label_map(one.courses[0])
        assert not np.isin(found, [STRUCTURE_NUMBER[n] for n in ("mitral", "tricuspid", "aortic_valve")]).any()


def test_from_the_esophagus_the_atrium_lies_above_the_ventricle():
    for patient in range(6):
        found = labels("toe", patient, jitter=0.3)
        depths = [np.nonzero(found == STRUCTURE_NUMBER[name])[1].mean() for name in ("la", "lv")]
        assert depths[0] < depths[1]
        apical = labels("a4c", patient, jitter=0.3)
        assert np.nonzero(apical == STRUCTURE_NUMBER["la"])[1].mean() > (
            np.nonzero(apical == STRUCTURE_NUMBER["lv"])[1].mean()
        )


def test_a_sweep_goes_one_way_and_changes_what_is_seen():
    path = sweep_path(np.random.default_rng(0), 20)
    assert np.ptp(path) * SWEEP_MM > 80
    assert (np.diff(path) > 0).all() or (np.diff(path) < 0).all()
    assert np.abs(path).max() < 0.35
    one = clip(SWEEP, 1, frames=6, drives=other_drives(SWEEP, plan("other", 1), FACTORS, 6))
    first, last = (one.stage.label_map(one.courses[k]) for k in (0, 5))
    assert (first != last).mean() > 0.2


def test_other_has_many_looks_and_one_label():
    assert len(SUBTYPES) >= 10
    assert sum(SUBTYPES.values()) == pytest.approx(1)
    seen = Counter()
    for number in range(32):
        drawn = KINDS["echo"].draw(plan("other", number), FACTORS, Rendering(1, 64, 1.35, with_labels=True))
        assert drawn.label == "other"
        assert drawn.frames.dtype == np.uint8
        assert drawn.frames.shape == drawn.labels.shape == (1, 64, 64)
        assert drawn.frames.ndim == 3
        seen[drawn.latents["look"]] += 1
        if drawn.latents["look"] not in OTHER:
            assert not drawn.labels.any()
    assert len(seen) >= 8
    assert max(seen.values()) <= 14


def test_a_repeat_is_of_the_same_look():
    looks = [
        KINDS["echo"].draw(plan("other", 3, acquisition=k), FACTORS, Rendering(1, 64, 1.35)).latents["look"]
        for k in range(2)
    ]
    assert looks[0] == looks[1]


def test_shares_of_the_kind():
    classes = KINDS["echo"].classes
    assert set(classes) == {*VIEWS, "pw", "cw", "m_mode", "other"}
    assert sum(classes.values()) == pytest.approx(1)
    plans = plans_of("echo", Factors.from_seed(0), patients=300, views_per_patient=4, clips_per_view=1)
    found = Counter(one.view for one in plans)
    assert 0.1 <= found["other"] / len(plans) <= 0.3
    for name in ("pw", "cw", "m_mode"):
        assert 0.02 <= found[name] / len(plans) <= 0.08
    only = plans_of("echo", FACTORS, patients=9, views_per_patient=4, clips_per_view=1, classes=tuple(VIEWS))
    assert {one.view for one in only} <= set(VIEWS)


def test_an_archive_has_fans_that_are_no_view():
    assert KINDS["archive"].classes["other"] == 0.12
    looks = set()
    for number in range(6):
        screen = draw_screen(plan("other", number, "b-mode"), FACTORS, frames=1, size=96, jitter=1.35).screen
        assert (screen.kind, screen.label, screen.view) == ("b-mode", "other", "")
        assert screen.latents["look"] in OTHER
        looks.add(screen.latents["look"])
    assert len(looks) >= 3
    screen = draw_screen(plan("other", 1, "colour"), FACTORS, frames=1, size=96, jitter=1.35).screen
    assert screen.view in VIEWS


def test_a_quarter_of_the_clips_is_uneven():
    drawn = [draw_uneven(FACTORS, plan("a4c", number)) for number in range(400)]
    hit = [one for one in drawn if one.cause]
    assert abs(len(hit) / 400 - UNEVEN) < 4 * (UNEVEN * (1 - UNEVEN) / 400) ** 0.5
    assert {one.cause for one in hit} == {"lung", "contact"}
    assert all(LOST_DB[0] <= one.lost_db <= LOST_DB[1] for one in hit)
    assert all(one.lost_db == 0 for one in drawn if not one.cause)


def test_the_loss_follows_the_breath_in_one_stretch():
    breath = np.sin(2 * np.pi * (0.1 + np.arange(60) / 100))
    lost = worst_stretch(breath, 20)
    assert abs(lost.sum() - 20) < 5
    assert (np.diff(np.flatnonzero(lost > 0.5)) == 1).all()
    order = np.argsort(breath)
    assert (np.diff(lost[order]) >= -1e-12).all()  # a function of the breath alone
    assert worst_stretch(breath[:8], 20).sum() < 6  # half a short clip is left
    assert not worst_stretch(np.zeros(5), 20).any()


def test_what_is_lost_is_lost_on_one_side_in_the_stretch():
    uneven = Uneven("lung", 25.0, 0.4, -1, 20)
    plain, hit = (clip("a4c", 4, frames=40, **settings) for settings in ({}, {"drives": uneven.drives}))
    worst = int(np.argmax(hit.drives["uneven"]))
    calm = int(np.argmin(hit.drives["uneven"]))
    assert hit.drives["uneven"][worst] > 0.9
    for moment, factor in ((worst, 0.1), (calm, 0.9)):
        before, after = (one.renderer.envelope(one.courses[moment], moment)[0] for one in (plain, hit))
        left = np.s_[: int(0.3 * before.shape[0]), 150:]
        right = np.s_[int(0.7 * before.shape[0]) :, 150:]
        ratio = after[left].mean() / before[left].mean()
        assert ratio < factor if factor < 0.5 else ratio > factor
        assert after[right].mean() == pytest.approx(before[right].mean(), rel=0.1)


def test_the_truth_says_what_was_lost_and_when():
    for number in range(20):
        one = plan("plax", number)
        if draw_uneven(FACTORS, one).cause:
            break
    drawn = KINDS["echo"].draw(one, FACTORS, Rendering(12, 64, 1.35))
    assert drawn.latents["uneven"] in ("lung", "contact")
    assert len(drawn.courses["uneven"]) == 12
    assert max(drawn.courses["uneven"]) > 0.4
    assert draw_patient(FACTORS, number).number == number
    calm = KINDS["echo"].draw(replace(one, acquisition=7), FACTORS, Rendering(2, 64, 1.35))
    assert calm.latents["uneven_db"] == 0 or calm.latents["uneven"]
