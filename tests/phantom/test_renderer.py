"""The physics: speckle statistics, attenuation, specular echoes, point spread, motion."""

from dataclasses import replace

import numpy as np
import pytest

from sslecho.phantom import speckle
from sslecho.phantom.geometry import BeamGrid
from sslecho.phantom.heart.motion import drift
from sslecho.phantom.outline import Pen
from sslecho.phantom.renderer import Look, Renderer
from sslecho.phantom.scene import Placement, Scene, Stage
from sslecho.phantom.tissues import TISSUES

COURSES = ("contraction",)
GRID = BeamGrid(9.0, 76.0, 120.0)
BARE = Look(
    haze_db=-200.0, noise_db=-200.0, clutter=0.0, reverberations=0, texture_db=0.0, dropout_db=0.0, compounding=0.0,
    auto_gain=0.0,
)  # fmt: skip


def renderer_of(scene: Scene, look: Look = BARE, size: int = 64, **more) -> Renderer:
    rngs = {name: np.random.default_rng(k) for k, name in enumerate(("view_rng", "rng", "frame_rng"))}
    return Renderer(Stage(scene, Placement(), GRID, COURSES), look, **rngs, size=size, **more)


def uniform(structure: str, **kwargs) -> Scene:
    """Nothing but one tissue; the pen's dot lies behind the sector, because a stage needs a shape."""
    pen = Pen(np.random.default_rng(0))
    pen.ellipse(structure, (0, 300), (5, 5))
    return Scene(pen.shapes, background=structure, **kwargs)


def test_uniform_tissue_is_rayleigh():
    """Fully developed speckle: mean / SD = sqrt(pi / (4 - pi)) = 1.913, SD of the log 5.57 dB."""
    renderer = renderer_of(uniform("fetal_liver"))
    power = np.concatenate([renderer.envelope(np.zeros(1), frame)[0][8:-8, 24:-8].ravel() for frame in (0, 30, 60, 90)])
    envelope = np.sqrt(power)
    assert envelope.mean() / envelope.std() == pytest.approx(1.913, abs=0.05)
    assert np.std(10 * np.log10(power)) == pytest.approx(5.57, abs=0.15)
    # 0 dB is the myocardium's scatterers; this tissue lies 4 dB below.
    assert 10 * np.log10(power.mean()) == pytest.approx(-4.0, abs=0.6)


def test_a_loss_follows_its_time_course():
    lost = np.zeros((GRID.lines, GRID.samples), np.float32)
    lost[:64] = 20.0
    renderer = renderer_of(uniform("fetal_liver"), losses=[(0, lost)])

    def level_db(part: slice, course: float) -> float:
        power, _ = renderer.envelope(np.array([course]), 0)
        return float(10 * np.log10(power[part, 24:-8].mean()))

    assert level_db(slice(8, 56), 0.0) - level_db(slice(8, 56), 0.5) == pytest.approx(10.0, abs=0.1)
    assert level_db(slice(8, 56), 0.0) - level_db(slice(8, 56), 1.0) == pytest.approx(20.0, abs=0.1)
    assert level_db(slice(72, 120), 0.0) == level_db(slice(72, 120), 1.0)


def test_a_clip_may_have_other_tissues():
    """An opacified ventricle is 10 dB above the myocardium, and only where it is asked for."""

    def mean_db(**more) -> float:
        power, _ = renderer_of(uniform("lv"), **more).envelope(np.zeros(1), 0)
        return float(10 * np.log10(power[8:-8, 24:-8].mean()))

    opacified = replace(TISSUES["blood"], echo_db=10.0, attenuation=0.5)
    assert mean_db(tissues={"lv": opacified}) == pytest.approx(10.0, abs=0.6)
    assert mean_db(tissues={"rv": opacified}) == mean_db() < -35
    with pytest.raises(ValueError, match="unknown structures left_ventricle; known are surroundings"):
        mean_db(tissues={"left_ventricle": opacified})


def test_bone_shadows_and_fluid_enhances():
    def level_behind(structure: str) -> float:
        pen = Pen(np.random.default_rng(0))
        pen.ellipse(structure, (0, 50), (14, 5))
        power, _ = renderer_of(Scene(pen.shapes, background="liver")).envelope(np.zeros(1), 0)
        behind, beside = power[60:68, 180:300].mean(), power[5:25, 180:300].mean()
        return float(10 * np.log10(behind / beside))

    assert level_behind("spine") < -15
    assert 0.5 < level_behind("bladder") < 6
    assert abs(level_behind("liver")) < 1.5


def test_specular_echo_needs_a_beam_at_a_right_angle():
    """A line across the beam shines; the same line along the beam does not."""

    def brightest(points) -> float:
        pen = Pen(np.random.default_rng(0))
        pen.line("pericardium", points, 3.0)
        power, _ = renderer_of(Scene(pen.shapes, background="lv")).envelope(np.zeros(1), 0)
        return float(10 * np.log10(np.mean(np.sort(power.ravel())[-200:])))

    across, along = brightest([(-20, 70), (0, 71), (20, 70)]), brightest([(0.0, 40), (0.0, 60), (0.0, 80)])
    assert across > along + 4


def test_lateral_point_spread_is_constant_in_angle():
    renderer = renderer_of(uniform("fetal_liver"), replace(BARE, lateral_fwhm_deg=2.4))
    power, _ = renderer.envelope(np.zeros(1), 0)
    widths = []
    for samples in (slice(60, 160), slice(200, 300)):
        part = power[8:-8, samples] - power[8:-8, samples].mean()
        widths.append(np.sum(part[1:] * part[:-1]) / np.sum(part**2))
    assert widths[0] == pytest.approx(widths[1], abs=0.08)
    assert widths[0] > 0.5


def test_speckle_travels_with_the_tissue():
    """Tissue that moves 6 mm deeper takes its speckle along."""
    renderer = renderer_of(uniform("fetal_liver", modes={"contraction": drift((0.0, 6.0))}))
    still, moved = (renderer.envelope(np.array([s]), 0)[0][56:72] for s in (0.0, 1.0))
    shift = round(6.0 / GRID.axial_step_mm)
    followed = np.corrcoef(still[:, 60:260].ravel(), moved[:, 60 + shift : 260 + shift].ravel())[0, 1]
    unmoved = np.corrcoef(still[:, 60:260].ravel(), moved[:, 60:260].ravel())[0, 1]
    assert followed > 0.6
    assert abs(unmoved) < 0.2


def test_blood_changes_faster_than_tissue():
    def after_one_frame(structure: str) -> float:
        renderer = renderer_of(uniform(structure))
        first, second = (renderer.envelope(np.zeros(1), k)[0][8:-8, 30:-8].ravel() for k in (0, 1))
        return float(np.corrcoef(first, second)[0, 1])

    assert after_one_frame("myocardium") > 0.9
    assert after_one_frame("lv") < 0.6


def test_compression_is_monotonic_and_spans_the_range():
    renderer = renderer_of(uniform("liver"), replace(BARE, white_db=20.0, dynamic_range_db=60.0, gamma=1.0))
    levels_db = np.array([-60.0, -40.0, -10.0, 0.0, 20.0, 30.0], np.float32)
    power = np.tile(10 ** (levels_db / 10), (4, 1)).astype(np.float32)
    np.testing.assert_allclose(renderer.compress(power)[1], [0, 0, 127.5, 170, 255, 255], atol=0.1)


def test_an_s_shaped_curve_darkens_the_dark_and_brightens_the_bright():
    renderer = renderer_of(uniform("liver"), replace(BARE, white_db=20.0, dynamic_range_db=60.0, s_shape=1.0))
    levels_db = np.array([-40.0, -25.0, -10.0, 5.0, 20.0], np.float32)
    gray = renderer.compress(np.tile(10 ** (levels_db / 10), (4, 1)).astype(np.float32))[1] / 255
    np.testing.assert_allclose(gray, [0, 5 / 32, 0.5, 27 / 32, 1], atol=1e-3)


def test_automatic_gain_brings_the_bright_to_the_same_gray():
    """Whatever the tissue's echo, its 96th percentile in the picture comes out alike; gain errors are left."""

    def bright(structure: str, gain_db: float = 0.0) -> float:
        look = replace(BARE, auto_gain=1.0, white_db=3.0, gain_db=gain_db)
        renderer = renderer_of(uniform(structure), look, size=128)
        picture, _ = renderer.frame(np.zeros(1), 0)
        return float(np.percentile(picture[renderer.converter.mask], 96))

    assert bright("fetal_liver") == pytest.approx(0.8 * 255, abs=6)
    assert bright("thalamus") == pytest.approx(bright("fetal_liver"), abs=2)
    assert bright("fetal_liver", 6.0) - bright("fetal_liver") == pytest.approx(6 / 60 * 255, abs=2)


def test_edges_are_as_soft_as_the_slice_is_thick():
    def width_mm(slice_mm: float) -> float:
        """Depth from a tenth to nine tenths of the wall's power, of what a beam across the wall's surface meets."""
        pen = Pen(np.random.default_rng(0))
        pen.area("liver", [(-200, 60), (200, 60), (200, 400), (-200, 400)], rough_mm=0.0)
        renderer = renderer_of(Scene(pen.shapes, background="lv"), replace(BARE, slice_mm=slice_mm))
        power, _ = renderer._thick(renderer.stage.label_map(np.zeros(1)))
        profile = power[64] / power[64].max()
        return float(GRID.axial_step_mm * (np.argmax(profile > 0.9) - np.argmax(profile > 0.1)))

    assert width_mm(0.2) <= GRID.axial_step_mm
    # A triangle of half width w: 10 % at -0.55 w, 90 % at 0.55 w.
    assert width_mm(4.0) == pytest.approx(4.4, abs=2 * GRID.axial_step_mm)


def test_near_field_haze_stands_still_and_fades():
    renderer = renderer_of(uniform("lv"), replace(BARE, near_haze_db=-10.0))
    first, later = (renderer.envelope(np.zeros(1), frame)[0] for frame in (0, 40))
    depths = GRID.depths_mm
    level_db = 10 * np.log10(first.mean(axis=0))
    near, far = level_db[(depths > 4) & (depths < 12)].mean(), level_db[depths > 100].mean()
    assert near > -20
    assert far < -35
    band = (depths > 4) & (depths < 20)
    assert np.corrcoef(first[:, band].ravel(), later[:, band].ravel())[0, 1] > 0.95


def test_convolution_against_numpy():
    rng = np.random.default_rng(0)
    field = rng.standard_normal((9, 23)).astype(np.float32)
    taps = speckle.gaussian_taps(2.0)
    assert np.sum(taps.astype(float) ** 2) == pytest.approx(1.0, abs=1e-6)
    want = np.stack([np.convolve(row, taps, mode="same") for row in field])
    np.testing.assert_allclose(speckle.convolve(field, taps, 1), want, atol=1e-5)
    np.testing.assert_allclose(speckle.convolve(field.T.copy(), taps, 0), want.T, atol=1e-5)


def test_box_blur_against_a_loop():
    field = np.random.default_rng(1).uniform(size=(11, 17)).astype(np.float32)
    padded = np.pad(field, ((2, 2), (1, 1)), mode="edge")
    want = np.array([[padded[i : i + 5, j : j + 3].mean() for j in range(17)] for i in range(11)])
    np.testing.assert_allclose(speckle.box_blur(field, 5, 3), want, atol=1e-5)
