"""The heart's clock: contraction, valves and breathing as time courses.

Systolic time intervals after Weissler et al. 1968 (linear in the heart rate). All times are ms from the
R wave of the beat.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

NEARLY_CLOSED = 0.2  # opening of the mitral valve in mid-diastole; chosen
COURSES = ("contraction", "mitral", "aortic", "breath", "a_wave", "flash")


@dataclass(frozen=True)
class Rhythm:
    """A patient's rhythm at one study.

    Args:
        rate_per_min: mean heart rate.
        beat_sd: SD of the beat length as a share of it.
        fibrillation: atrial fibrillation: no A wave, irregular.
        breaths_per_min: respiration.
    """

    rate_per_min: float
    beat_sd: float
    fibrillation: bool
    breaths_per_min: float


def draw_rhythm(rng: np.random.Generator) -> Rhythm:
    """Rate N(70, 12) within 50-105; fibrillation in 8 %: no A wave, and beats whose lengths differ by 18 %."""
    rate = float(np.clip(rng.normal(70, 12), 50, 105))
    fibrillation = bool(rng.uniform() < 0.08)
    return Rhythm(rate, 0.18 if fibrillation else 0.03, fibrillation, float(rng.uniform(12, 18)))


def _smooth_step(x: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, sin^2 between."""
    return np.sin(np.clip(x, 0, 1) * np.pi / 2) ** 2


def beat_courses(
    t_ms: Float[np.ndarray, " n"], beat_ms: Float[np.ndarray, " n"], *, fibrillation: bool
) -> dict[str, np.ndarray]:
    """Time courses within one beat.

    Args:
        t_ms: since the last R wave.
        beat_ms: length of that beat.
        fibrillation: no A wave.

    Returns:
        contraction: 0 at end-diastole, 1 at end-systole; mitral, aortic: opening 0..1; a_wave: atrial kick 0..1;
        flash: the early inward beat of a septum that is paced first, and its rebound, -0.5..1.
    """
    rate = 60_000 / beat_ms
    aortic_opens, aortic_closes = 131 - 0.4 * rate, 546 - 2.1 * rate
    mitral_closes, mitral_opens = 25.0, aortic_closes + 75
    a_peak = beat_ms - 100
    rise = _smooth_step((t_ms - 60) / np.maximum(aortic_closes - 60, 1))
    early = _smooth_step((t_ms - aortic_closes - 40) / 120)
    atrial = np.zeros_like(t_ms) if fibrillation else _smooth_step((t_ms - a_peak + 60) / 90)
    rest = 0.0 if fibrillation else 0.12  # what is left for the atrial kick
    contraction = np.where(t_ms < aortic_closes, rise, 1 - (1 - rest) * early - rest * atrial)
    contraction = np.clip(contraction, 0, 1)
    aortic = _smooth_step((t_ms - aortic_opens) / 30) * (1 - _smooth_step((t_ms - aortic_closes + 30) / 35))

    def bump(peak: np.ndarray, before: float | int, after: float | int) -> np.ndarray:
        return np.where(t_ms < peak, np.exp(-(((t_ms - peak) / before) ** 2)), np.exp(-(((t_ms - peak) / after) ** 2)))

    e_wave = bump(mitral_opens + 90, 55, 110)
    a_wave = np.zeros_like(t_ms) if fibrillation else bump(a_peak, 50, 55)
    diastole = _smooth_step((t_ms - mitral_opens) / 40) * (1 - _smooth_step((t_ms - beat_ms + mitral_closes) / 25))
    # Between the waves the leaflets drift together but don't meet: the "M" of an M-mode picture.
    mitral = diastole * np.clip(np.maximum(np.maximum(e_wave, 0.8 * a_wave), NEARLY_CLOSED), 0, 1)
    flash = bump(np.full_like(beat_ms, 85.0), 30, 30) - 0.5 * bump(0.5 * (aortic_closes + 150), 90, 90)
    return {"contraction": contraction, "mitral": mitral, "aortic": aortic, "a_wave": a_wave * diastole, "flash": flash}


def clip_courses(
    rng: np.random.Generator, rhythm: Rhythm, *, frames: int, frame_time_ms: float
) -> tuple[Float[np.ndarray, "frames courses"], Float[np.ndarray, " frames"]]:
    """Time courses of a clip that starts at a random phase.

    Returns:
        Coefficients in the order of COURSES, and the phase within the beat (0..1) of every frame.
    """
    t = np.arange(frames) * frame_time_ms
    mean = 60_000 / rhythm.rate_per_min
    beats = max(3, int(np.ceil(t[-1] / (0.5 * mean))) + 2)
    lengths = mean * np.clip(1 + rhythm.beat_sd * rng.standard_normal(beats), 0.5, 1.6)
    starts = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    t = t + rng.uniform() * lengths[0]
    beat = np.clip(np.searchsorted(starts, t, side="right") - 1, 0, beats - 1)
    since, length = t - starts[beat], lengths[beat]
    courses = beat_courses(since, length, fibrillation=rhythm.fibrillation)
    breath_phase = 2 * np.pi * (rng.uniform() + t / 60_000 * rhythm.breaths_per_min)
    courses["breath"] = np.sin(breath_phase)
    return np.stack([courses[name] for name in COURSES], axis=1), since / length


def still_courses(*, contraction: float) -> Float[np.ndarray, " courses"]:
    """The coefficients of one moment, for sheets and tests: 0 = end-diastole, 1 = end-systole."""
    values = {
        "contraction": contraction,
        "mitral": 0.0,
        "aortic": 0.9 * contraction,
        "breath": 0.0,
        "a_wave": 0.0,
        "flash": 0.0,
    }
    return np.array([values[name] for name in COURSES])
