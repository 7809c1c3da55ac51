"""Patients and the heart's clock stay within physiology."""

from functools import cache

import numpy as np
import pytest
from simulated import measuring
from simulated.measuring import label_map, mask

from sslecho.phantom.clock import COURSES, Rhythm, beat_courses, clip_courses, draw_rhythm
from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal.fetus import draw_fetus, hadlock_cm
from sslecho.phantom.patients import draw_patient

PATIENTS = [draw_patient(measuring.FACTORS, k) for k in range(300)]


# ASE/EACVI 2015 (Lang et al.) unless another source is named. Widened, because a label map's edge is rough by a
# millimeter and one patient in twenty has a thick wall: the septum by 1 mm on each side.
RANGES = {
    "lv_diameter": {"male": (42, 58.4), "female": (37.8, 52.2)},
    "septum": {"male": (5, 11), "female": (5, 10)},
    "la": {"male": (29, 41), "female": (26, 39)},  # 30-40, 27-38: widened by 1 mm
    "root": {"male": (28, 40), "female": (24, 36)},  # mean +- 2 SD
    "rv_base": {"male": (25, 41), "female": (25, 41)},
    "rv_mid": {"male": (19, 35), "female": (19, 35)},
    "rv_length": {"male": (59, 83), "female": (59, 83)},
    "vena_cava": {"male": (8, 21), "female": (8, 21)},
}
MEASURED = range(50)


@cache
def hearts() -> list[dict[str, float]]:
    """Measured at end-diastole; the left atrium's diameter at end-systole, the vena cava at expiration."""
    return [
        measuring.plax(k)
        | measuring.four_chambers(k)
        | {"vena_cava": measuring.vena_cava(k, -1.0), "la": measuring.plax(k, 1.0)["la"]}
        for k in MEASURED
    ]


@pytest.mark.parametrize("name", RANGES)
def test_nine_of_ten_measured_hearts_are_in_range(name):
    inside = [RANGES[name][p.sex][0] <= heart[name] <= RANGES[name][p.sex][1]
              for p, heart in zip(PATIENTS, hearts(), strict=False)]  # fmt: skip
    assert np.mean(inside) >= 0.9
    values = np.array([heart[name] for heart in hearts()])
    assert values.std() > 0.05 * values.mean()


@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        (lambda k: measuring.plax(k)["lv_diameter"], lambda k: measuring.short_axis(k)["lv_diameter"], 0.8),
        (lambda k: measuring.plax(k)["lv_diameter"], lambda k: measuring.four_chambers(k)["lv_width"], 0.65),
        (lambda k: measuring.plax(k)["septum"], lambda k: measuring.short_axis(k)["wall"], 0.75),
        (lambda k: measuring.plax(k)["root"], lambda k: measuring.root_in_short_axis(k), 0.8),
        (lambda k: measuring.plax(k, 1.0)["la"], lambda k: measuring.four_chambers(k)["la_length"], 0.45),
        (lambda k: measuring.four_chambers(k)["rv_base"], lambda k: measuring.right_ventricle_subcostal(k), 0.6),
    ],
    ids=["LV: plax, psax", "LV: plax, a4c", "wall: plax, psax", "root: plax, psax", "LA: plax, a4c", "RV: a4c, sc4c"],
)
def test_views_of_a_patient_agree(one, other, least):
    pairs = np.array([(one(k), other(k)) for k in MEASURED])
    assert np.corrcoef(pairs.T)[0, 1] > least


def test_sizes_are_those_that_were_drawn():
    """No bias beyond two millimeters; and the sexes differ."""
    for name, drawn in {"lv_diameter": "lv_diameter_mm", "septum": "wall_mm", "la": "la_diameter_mm",
                        "root": "aortic_sinus_mm", "rv_base": "rv_base_mm", "lv_length": "lv_length_mm",
                        "la_length": "la_length_mm", "vena_cava": "ivc_mm"}.items():  # fmt: skip
        error = [heart[name] - getattr(p, drawn) for p, heart in zip(PATIENTS, hearts(), strict=False)]
        assert abs(np.mean(error)) < 2.0, name
    men, women = (np.mean([p.lv_diameter_mm for p in PATIENTS if p.sex == sex]) for sex in ("male", "female"))
    assert 3.5 < men - women < 7


def annulus(heart: dict[str, float]) -> float:
    """Depth of the mitral annulus, mm."""
    return (heart["mitral_septal"] + heart["mitral_lateral"]) / 2


def test_motion_is_physiological():
    """Nine of ten hearts without disease; from label maps at end-diastole and end-systole.

    The ranges are those of the sources: fractional shortening 25-43 %, thickening 35-45 %, MAPSE 10-15 mm,
    TAPSE at least 17 mm, right ventricular area change 35-50 %, left atrial area about +45 %.
    """
    strong = [k for k in MEASURED if PATIENTS[k].shortening > 0.24 and not PATIENTS[k].diseased_wall]
    ranges = {"shortening": (0.25, 0.43), "thickening": (0.35, 0.45), "MAPSE": (10, 15), "TAPSE": (17, 28),
              "rv area": (0.35, 0.50), "la area": (0.35, 0.60)}  # fmt: skip
    rows = []
    for k in strong:
        rest, systole = measuring.short_axis(k), measuring.short_axis(k, 1.0)
        first, last = measuring.four_chambers(k), measuring.four_chambers(k, 1.0)
        rows.append({
            "shortening": 1 - systole["lv_diameter"] / rest["lv_diameter"],
            "thickening": systole["wall"] / rest["wall"] - 1,
            "MAPSE": annulus(first) - annulus(last),
            "TAPSE": first["tricuspid_lateral"] - last["tricuspid_lateral"],
            "rv area": 1 - last["rv_area"] / first["rv_area"],
            "la area": last["la_area"] / first["la_area"] - 1,
        })  # fmt: skip
    for name, (low, high) in ranges.items():
        values = np.array([row[name] for row in rows])
        assert np.mean((values >= low) & (values <= high)) >= 0.9, (name, np.percentile(values, [5, 50, 95]))


def test_a_diseased_wall_hardly_moves():
    number = next(
        k for k in range(300) if PATIENTS[k].diseased_wall == "anterolateral" and PATIENTS[k].shortening > 0.28
    )
    _, stage = measuring.stage_of(number, "a4c")
    modes, rest = stage.scene.modes["contraction"], label_map(number, "a4c")
    rows = np.flatnonzero(mask(rest, "lv").any(1))
    row = rows[len(rows) // 2]
    edges = []
    for s in (0.0, 1.0):
        columns = np.flatnonzero(mask(label_map(number, "a4c", s), "lv", "papillary", "chordae")[row])
        edges.append((columns[0] * measuring.MM, columns[-1] * measuring.MM))
    septal, lateral = edges[1][0] - edges[0][0], edges[0][1] - edges[1][1]
    assert modes is not None
    assert lateral < 0.6 * septal


def test_the_root_moves_to_the_probe_and_breathing_moves_all():
    lifts, breaths = [], []
    for k in range(20):
        patient, stage = measuring.stage_of(k, "plax")
        rows = [np.argwhere(mask(label_map(k, "plax", s), "aorta"))[:, 0].mean() * measuring.MM for s in (0.0, 1.0)]
        lifts.append(rows[0] - rows[1])
        rows = [np.argwhere(mask(label_map(k, "psax_av", s), "aorta"))[:, 0].mean() for s in (0.0, 1.0)]
        assert rows[0] > rows[1]
        breaths.append(2 * np.hypot(*stage.scene.modes["breath"](np.zeros((1, 2)))[0]) * np.sqrt(np.prod(patient.size)))
    assert np.mean([3.5 < lift < 11 for lift in lifts]) >= 0.9, lifts
    assert min(breaths) > 4.9
    assert max(breaths) < 10.1


def test_base_and_apex_twist_against_each_other():
    """Counter-clockwise on the screen, which is seen from the apex: the base -6, the apex 10 degrees."""
    turns = {}
    for view in ("psax_mv", "psax_apex"):
        _, stage = measuring.stage_of(0, view)
        ring = next(shape.points for shape in stage.scene.shapes if shape.structure == "myocardium")
        offset = ring - ring.mean(0)
        moved = ring + stage.scene.modes["contraction"](ring)
        moved = moved - moved.mean(0)
        turn = np.angle((moved[:, 0] + 1j * moved[:, 1]) / (offset[:, 0] + 1j * offset[:, 1]))
        turns[view] = -np.rad2deg(np.median(turn))
    assert turns["psax_mv"] == pytest.approx(-6, abs=2.5)
    assert turns["psax_apex"] == pytest.approx(10, abs=3)


@pytest.mark.parametrize(
    ("has", "share"),
    [
        (lambda p: p.shortening < 0.225, 0.20),
        (lambda p: p.diseased_wall != "", 0.15),
        (lambda p: p.septal_flash, 0.03),
        (lambda p: p.pacing_wire, 0.03),
        (lambda p: p.effusion_mm > 0, 0.04),
        (lambda p: p.mitral_calcium, 0.08),
        (lambda p: p.sex == "male", 0.5),
    ],
    ids=["weak", "diseased wall", "septal flash", "wire", "effusion", "calcium", "men"],
)
def test_how_often_findings_are(has, share):
    assert np.mean([has(p) for p in PATIENTS]) == pytest.approx(
        share, abs=3 * np.sqrt(share * (1 - share) / len(PATIENTS))
    )


def test_systolic_intervals_at_seventy_per_minute():
    """Weissler: the valve opens at 131 - 0.4 HR and closes at 546 - 2.1 HR after the R wave."""
    t = np.arange(0, 857, 1.0)
    courses = beat_courses(t, np.full_like(t, 60_000 / 70), fibrillation=False)
    is_open = np.flatnonzero(courses["aortic"] > 0.5)
    assert 100 < is_open[0] < 130
    assert 365 < is_open[-1] < 405
    assert np.max(np.minimum(courses["aortic"], courses["mitral"])) < 0.02
    assert 370 < np.argmax(courses["contraction"] > 0.99) < 410
    e_wave, a_wave = courses["mitral"][480:680].max(), courses["mitral"][700:820].max()
    assert e_wave > 0.9 > a_wave > 0.5
    assert courses["mitral"][650:720].min() < 0.35


def test_the_waves_merge_above_a_hundred_beats():
    """Two openings of the mitral valve at rest, one when the heart runs."""
    for rate, waves in ((60, 2), (70, 2), (105, 1)):
        t = np.arange(0, 60_000 / rate, 1.0)
        opening = beat_courses(t, np.full_like(t, 60_000 / rate), fibrillation=False)["mitral"]
        peaks = (opening[1:-1] > opening[:-2]) & (opening[1:-1] >= opening[2:]) & (opening[1:-1] > 0.4)
        assert peaks.sum() == waves, rate


def test_the_septum_flashes_before_the_valve_opens():
    t = np.arange(0, 857, 1.0)
    courses = beat_courses(t, np.full_like(t, 857.0), fibrillation=False)
    peak = int(np.argmax(courses["flash"]))
    assert courses["aortic"][peak] < 0.05
    assert courses["flash"].min() < -0.3


def test_one_rhythm_in_twelve_fibrillates():
    rhythms = [draw_rhythm(np.random.default_rng(k)) for k in range(600)]
    assert np.mean([r.fibrillation for r in rhythms]) == pytest.approx(0.08, abs=0.035)
    assert {r.beat_sd for r in rhythms} == {0.03, 0.18}


def test_fibrillation_has_no_atrial_kick():
    t = np.arange(0, 857, 1.0)
    assert not beat_courses(t, np.full_like(t, 857.0), fibrillation=True)["a_wave"].any()


def test_clips_start_anywhere_in_the_beat():
    rhythm = Rhythm(70.0, 0.03, False, 15.0)
    phases = []
    for k in range(200):
        courses, phase = clip_courses(np.random.default_rng(k), rhythm, frames=60, frame_time_ms=25.0)
        assert courses.shape == (60, len(COURSES))
        assert np.abs(courses).max() <= 1.0
        phases.append(phase[0])
    assert np.histogram(phases, bins=4, range=(0, 1))[0].min() > 25
    # 1.5 s hold at least one whole beat.
    assert courses[:, 0].max() > 0.95


def test_hadlock_at_twenty_weeks():
    sizes = hadlock_cm(20.0)
    want = {"bpd": 4.6, "hc": 17.7, "ac": 14.9, "fl": 3.3}
    for name, value in want.items():
        assert sizes[name] == pytest.approx(value, abs=0.1)


def test_fetuses_grow():
    fetuses = [draw_fetus(Factors.from_seed(0), k) for k in range(100)]
    weeks, heads = np.array([[f.weeks, f.hc_mm] for f in fetuses]).T
    assert np.corrcoef(weeks, heads)[0, 1] > 0.85
    assert weeks.min() >= 16
    assert weeks.max() <= 36
    assert all(fetus.ofd_mm > fetus.bpd_mm for fetus in fetuses)
