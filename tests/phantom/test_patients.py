"""Patients and the heart's clock stay within physiology."""

import numpy as np
import pytest

from sslecho.phantom.clock import COURSES, Rhythm, beat_courses, clip_courses
from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal.fetus import draw_fetus, hadlock_cm
from sslecho.phantom.patients import draw_patient

PATIENTS = [draw_patient(Factors.from_seed(0), k) for k in range(300)]


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("lv_diameter_mm", 38, 58), ("wall_mm", 6, 12), ("rv_base_mm", 25, 41), ("la_diameter_mm", 27, 42),
     ("aortic_sinus_mm", 26, 39), ("main_pulmonary_mm", 15, 27), ("ivc_mm", 8, 22), ("base_descent_mm", 4, 16)],
)  # fmt: skip
def test_nine_of_ten_patients_are_in_range(name, low, high):
    values = np.array([getattr(patient, name) for patient in PATIENTS])
    assert np.mean((values >= low) & (values <= high)) >= 0.9
    assert values.std() > 0.03 * values.mean()


def test_one_in_five_hearts_is_weak():
    weak = np.mean([patient.shortening < 0.225 for patient in PATIENTS])
    assert 0.13 < weak < 0.27


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
    assert courses["mitral"][680:700].min() < 0.45


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
