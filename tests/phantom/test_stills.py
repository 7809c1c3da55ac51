"""Stills along time: that what is measured on them is an adult's, and the patient's."""

import csv

import numpy as np
import pytest
from PIL import Image

from sslecho.phantom.archive import write_archive
from sslecho.phantom.clock import Rhythm
from sslecho.phantom.echo import EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.kinds import KINDS
from sslecho.phantom.patients import draw_patient
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.screens import spectra
from sslecho.phantom.screens.beats import draw_beats
from sslecho.phantom.screens.fan import fan_of
from sslecho.phantom.screens.m_mode import LEVELS, draw_beam
from sslecho.phantom.screens.traces import AIMS, cursor, target
from sslecho.phantom.sites import ECHO_SITES, Site
from sslecho.phantom.tissues import STRUCTURE_NUMBER

FACTORS = Factors.from_seed(1)
REGULAR = Rhythm(70.0, 0.0, False, 15.0)


def plan(view, number=0):
    return Plan("echo", number, 0, view, number, 0, f"p{number:04d}-000", "x")


def beats(rhythm=REGULAR, seed=0, duration_s=2.5, width=500):
    return draw_beats(np.random.default_rng(seed), rhythm, duration_s=duration_s, width=width)


def beam(level, number, **settings):
    rng = np.random.default_rng(number)
    return draw_beam(
        plan("m_mode", number), FACTORS, rng, level=level, duration_s=1.4, size=64, jitter=1.35,
        sites=settings.get("sites", ECHO_SITES),
    )  # fmt: skip


def of(trace, *names):
    return np.isin(trace.labels, [STRUCTURE_NUMBER[name] for name in names])


def mm(trace):
    return trace.depth_mm / trace.labels.shape[0]


def healthy(count):
    return [n for n in range(40) if not draw_patient(FACTORS, n).diseased_wall][:count]


def test_the_ventricle_has_the_patients_diameters():
    for number in healthy(3):
        patient, trace = draw_patient(FACTORS, number), beam("ventricle", number)
        cavity = of(trace, "lv", "chordae", "mitral").sum(axis=0) * mm(trace)
        ends = cavity[trace.contraction < 0.02].max(), cavity[trace.contraction > 0.98].min()
        assert ends[0] == pytest.approx(patient.lv_diameter_mm, rel=0.08)
        assert ends[1] == pytest.approx(patient.lv_diameter_mm * (1 - patient.shortening), rel=0.13)


def test_the_root_moves_and_its_box_opens_as_long_as_a_heart_ejects():
    """Parallel walls that move 7-11 mm in the healthy; cusps apart for about 300 ms at 60 to 80 beats a minute."""
    for number in [n for n in healthy(12) if draw_patient(FACTORS, n).shortening > 0.28][:3]:
        trace = beam("aortic", number)
        root = of(trace, "aorta", "aortic_valve")
        top = root.argmax(axis=0) * mm(trace)
        smooth = top[trace.contraction > 0.97].mean() - top[trace.contraction < 0.03].mean()
        assert -13 < smooth < -4  # towards the probe
        cusps = of(trace, "aortic_valve")
        spread = np.array([np.ptp(np.flatnonzero(c)) if c.any() else 0 for c in cusps.T]) * mm(trace)
        open_ = spread > 0.5 * spread.max()
        share = open_.mean() * trace.duration_s * trace.rate_per_min / 60  # seconds per beat, times beats
        per_beat_ms = 1000 * open_.mean() * 60 / trace.rate_per_min
        assert share > 0
        assert 180 < per_beat_ms < 400
        below = root[:, 0].nonzero()[0].max()
        assert of(trace, "la")[below:, 0].any()  # the left atrium lies behind the root


def test_the_mitral_valve_draws_an_m():
    """Two peaks of the anterior leaflet per beat, the first the higher, nothing in systole."""
    peaks = []
    for number in healthy(3):
        trace = beam("mitral", number)
        lines = of(trace, "mitral")
        first = np.where(lines.any(axis=0), lines.argmax(axis=0), lines.shape[0]) * mm(trace)
        opening = np.percentile(first, 75) - first
        assert opening.max() > 6
        systole = opening[(trace.contraction > 0.3) & (trace.contraction < 0.9) & (trace.phase < 0.4)]
        peaks.append(opening.max() - np.median(systole))
    assert np.mean(peaks) > 4


def test_the_tricuspid_annulus_goes_down_and_up_by_about_two_centimeters():
    for number in healthy(3):
        patient, trace = draw_patient(FACTORS, number), beam("tapse", number)
        lines = of(trace, "ra", "rv", "tricuspid")
        # The right ventricle's end on this beam: what lies deeper than its last sample is the annulus.
        bottom = np.array([np.flatnonzero(c).max() if c.any() else 0 for c in of(trace, "rv").T]) * mm(trace)
        assert lines.any()
        moved = np.median(bottom[trace.contraction < 0.05]) - np.median(bottom[trace.contraction > 0.95])
        assert 0.5 * patient.lateral_descent_mm < moved < 1.5 * patient.lateral_descent_mm


def test_levels_lie_in_known_views():
    assert sum(level.share for level in LEVELS.values()) == pytest.approx(1)
    assert set(LEVELS) == {"aortic", "mitral", "ventricle", "tapse"}


@pytest.mark.parametrize("seed", range(5))
def test_mitral_inflow(seed):
    rng = np.random.default_rng(seed)
    columns = beats(seed=seed, width=2500)
    velocity, numbers = spectra.velocities("mitral", columns, rng)
    e, a, deceleration = (float(numbers[n]) for n in ("e_m_per_s", "a_m_per_s", "deceleration_ms"))
    assert 0.5 <= e <= 1.1
    assert 0.4 <= a <= 0.9
    assert 160 <= deceleration <= 240
    assert velocity.min() >= 0
    since = columns.since_ms - columns.mitral_opens_ms
    assert velocity[(since > 60) & (since < 120)].max() == pytest.approx(e, rel=0.03)
    assert not velocity[since < 0].any()  # nothing flows in while the valve is closed
    late = np.abs(columns.since_ms - columns.a_peak_ms) < 12
    assert velocity[late].max() >= 0.95 * a


def test_without_atrial_contraction_there_is_no_a_wave():
    columns = beats(Rhythm(60.0, 0.18, True, 15.0), seed=3, width=1500)
    velocity, numbers = spectra.velocities("mitral", columns, np.random.default_rng(0))
    assert numbers["a_m_per_s"] == 0
    assert velocity[columns.since_ms > columns.mitral_opens_ms + 340].max(initial=0) == 0
    assert np.ptp(np.unique(columns.length_ms)) > 50


def test_outflow_lasts_as_long_as_the_valve_is_open():
    columns = beats(width=2500)
    velocity, numbers = spectra.velocities("outflow", columns, np.random.default_rng(0))
    assert velocity.max() <= 0
    assert -1.1 <= velocity.min() <= -0.8
    assert velocity.min() == pytest.approx(-float(numbers["peak_m_per_s"]), rel=0.02)
    per_beat_ms = 1000 * (velocity < -0.02).mean() * 60 / REGULAR.rate_per_min
    assert 250 < per_beat_ms < 320


@pytest.mark.parametrize(("flow", "low", "high"), [("stenosis", 1, 5), ("tricuspid", 2, 3.5), ("regurgitation", 4, 6)])
def test_jets_are_fast_and_run_away_from_the_probe(flow, low, high):
    columns = beats()
    velocity, _ = spectra.velocities(flow, columns, np.random.default_rng(2))
    assert velocity.max() <= 0
    assert low <= -velocity.min() <= high
    spectrum = spectra.draw_spectrum(flow, columns, np.random.default_rng(2), 150)
    assert 3.0 <= spectrum.m_per_s * 150 / 2 <= 9.0
    assert not spectrum.numbers["aliased"]


def test_tissue_has_three_peaks_within_its_scale():
    velocity, numbers = spectra.velocities("tissue", beats(width=1500), np.random.default_rng(1))
    assert 0.05 < velocity.max() < 0.12
    assert -0.15 < velocity.min() < -0.05
    assert {"s_m_per_s", "e_m_per_s", "a_m_per_s"} <= set(numbers)


def _inside(flow, seed, low, high):
    """Mean gray between two shares of the envelope, over the middle of the strongest lobe."""
    columns = beats(seed=seed, width=400)
    rng = np.random.default_rng(seed)
    spectrum = spectra.draw_spectrum(flow, columns, rng, 200)
    velocity, _ = spectra.velocities(flow, columns, np.random.default_rng(seed))
    assert not spectrum.numbers["aliased"]
    found = []
    for column in np.flatnonzero(np.abs(velocity) > 0.9 * np.abs(velocity).max()):
        ends = [spectrum.base_row - share * velocity[column] / spectrum.m_per_s for share in (low, high)]
        start, stop = sorted(round(end) for end in ends)
        found.append(spectrum.picture[start:stop, column].mean())
    return np.mean(found)


def test_pulsed_spectra_are_hollow_and_continuous_ones_filled():
    hollow = [_inside("outflow", seed, 0.3, 0.7) / _inside("outflow", seed, 0.9, 1.0) for seed in (1, 2, 3)]
    filled = [_inside("stenosis", seed, 0.3, 0.7) / _inside("stenosis", seed, 0.9, 1.0) for seed in (1, 2, 3)]
    assert max(hollow) < 0.5
    assert min(filled) > 0.8


def test_the_wall_filter_leaves_a_gap_at_the_baseline():
    spectrum = spectra.draw_spectrum("mitral", beats(), np.random.default_rng(5), 200)
    gap = round(0.06 / spectrum.m_per_s)
    rows = spectrum.picture[spectrum.base_row - gap : spectrum.base_row + gap]
    assert rows.mean() < 0.5 * spectrum.picture[spectrum.base_row - 5 * gap : spectrum.base_row - 2 * gap].mean()


def test_one_pulsed_spectrum_in_ten_aliases():
    drawn = [spectra.draw_spectrum("mitral", beats(seed=k, width=60), np.random.default_rng(k), 80) for k in range(120)]
    aliased = [one for one in drawn if one.numbers["aliased"]]
    assert 4 <= len(aliased) <= 22
    for one in aliased[:3]:  # what leaves on top comes in at the bottom
        fastest = float(max(one.numbers["e_m_per_s"], one.numbers["a_m_per_s"]))
        assert fastest > one.base_row * one.m_per_s
        assert one.picture[-4:].max() > 120
    assert all(
        float(one.numbers["e_m_per_s"]) < one.base_row * one.m_per_s for one in drawn if not one.numbers["aliased"]
    )


@pytest.mark.parametrize("name", ["pw", "cw", "m_mode"])
def test_a_still_is_a_square_of_one_frame(name):
    alone = []
    for number in range(3):
        drawn = KINDS["echo"].draw(plan(name, number), FACTORS, Rendering(8, 128, 1.35, with_labels=True))
        assert drawn.frames.shape == drawn.labels.shape == (1, 128, 128)
        assert drawn.label == name
        assert drawn.frame_time_ms == 0
        assert drawn.latents["depth_mm"] == 0  # no fan fills the picture
        assert not drawn.sector[64:].any()  # it is the small picture above the trace
        assert drawn.sector.any() != drawn.latents["alone"]
        if name != "m_mode":
            assert drawn.latents["continuous"] == (name == "cw")
        alone.append(drawn.latents["alone"])
    assert not all(alone)


def test_the_gate_is_two_bars_across_the_cursor_at_its_depth():
    fan = beam("mitral", 0).fan
    plain = cursor(fan, (96, 96), (10, 5), 0.5, None)
    gated = cursor(fan, (96, 96), (10, 5), 0.5, (0.6, 0.08))
    rows, columns = np.nonzero(gated.astype(int) - plain)
    assert (plain.astype(bool).sum(axis=1) <= 2).all()  # a thin line
    assert len(rows) >= 8
    x, y = fan.pixel(0.5, 0.6)
    assert abs(rows.mean() - y - 5) < 2
    assert abs(columns.mean() - x - 10) < 2
    assert np.ptp(columns) >= 5


@pytest.mark.parametrize(("flow", "structure"), [("mitral", "mitral"), ("stenosis", "aortic_valve")])
def test_the_beam_goes_through_the_valve(flow, structure):
    view, aim, before_mm = AIMS[flow]
    assert aim == structure
    fan = EchoClip(FACTORS, patient=3, view=view, frames=1, size=64, jitter=0.5)
    line, sample = target(fan_of(fan), aim, before_mm, outer=False)
    lines, samples = np.nonzero(fan.stage.label_map(fan.courses[0]) == STRUCTURE_NUMBER[structure])
    assert lines.min() <= line * 127 <= lines.max()
    depth = fan.stage.grid.depths_mm[samples]
    assert depth.min() - before_mm - 2 <= sample * fan.stage.grid.depth_mm <= depth.max()


def test_a_mirrored_site_has_a_mirrored_small_picture():
    plain, turned = (beam("tapse", 2, sites=(Site("handheld", mirrored),)) for mirrored in (False, True))
    np.testing.assert_array_equal(plain.fan.gray[..., ::-1], turned.fan.gray)
    columns = [trace.fan.pixel(trace.line, 0.8)[0] for trace in (plain, turned)]
    assert columns[0] < 31.5 < columns[1]
    assert columns[0] + columns[1] == pytest.approx(63)


def test_beats_start_anywhere_and_have_the_rhythms_length():
    columns = beats(width=5000, duration_s=10.0)
    assert columns.length_ms == pytest.approx(60_000 / 70)
    assert (columns.since_ms >= 0).all()
    assert columns.phase.max() < 1
    assert (np.diff(columns.since_ms) < 0).sum() in (11, 12)
    assert beats(seed=1).since_ms[0] != beats(seed=2).since_ms[0]
    assert EchoClip(FACTORS, patient=0, view="a4c", frames=1, size=32).rhythm.rate_per_min > 0


@pytest.mark.parametrize("format", ["png", "dicom", "video"])
def test_stills_and_screens_are_written_with_text_on_top(format, tmp_path):
    out = tmp_path / "archive"
    classes = ("pw", "cw", "other")
    settings = {"patients": 2, "views_per_patient": 3, "clips_per_view": 1, "frames_per_clip": 2, "size": 96}
    counts = write_archive(out, kind="echo", classes=classes, format=format, masks="labels", **settings)
    assert set(counts["classes"]) == set(classes)
    with (out / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert (out / row["path"]).is_file()
        if row["label"] in ("pw", "cw"):
            assert row["frame"] in ("0", "")
            suffix = ".dcm" if format == "dicom" else ".png"
            assert row["path"].endswith(suffix)
            if suffix == ".png":
                with Image.open(out / row["path"]) as picture:
                    pixels = np.asarray(picture)
                assert pixels.shape == (96, 96)
                assert (pixels[:7] > 120).any()  # a name in the strip on top
