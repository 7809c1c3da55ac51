"""Spectra of PW and CW Doppler: which velocities a beam or a gate holds, along time.

Peaks and times are those of adults as the guidelines give them; E and A from the mitral inflow, negative away from the
probe. What isn't measured (noise, fill, fading) is chosen.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

from sslecho.phantom.screens.beats import Beats

PULSED = ("mitral", "outflow", "tissue")
CONTINUOUS = ("stenosis", "tricuspid", "regurgitation")  # of the aortic, the tricuspid and the mitral valve
ALIASED = 0.1  # share of pulsed spectra whose scale is too small
# m/s: what the wall filter takes on both sides of the baseline; tissue is slow and has hardly any.
WALL_FILTER = {"mitral": 0.1, "outflow": 0.1, "tissue": 0.01, "stenosis": 0.2, "tricuspid": 0.2, "regurgitation": 0.25}
# m/s: half of the whole scale. Mitral inflow and outflow within +-1.2, tissue +-0.15 to 0.2, CW +-3 to 7.
SPANS = {"mitral": (1.1, 1.3), "outflow": (1.15, 1.5), "tissue": (0.14, 0.2)}
CW_SPAN = (3.0, 7.0)
HOLLOW = (0.08, 0.15)  # width of the bright rim against the velocity
# Where the baseline stands, as a share of the height from the top: a little room is left on the empty side.
BASELINES = {"mitral": 0.62, "outflow": 0.3, "tissue": 0.5, "stenosis": 0.22, "tricuspid": 0.22, "regurgitation": 0.2}


@dataclass(frozen=True)
class Spectrum:
    """A spectrum and its scale.

    Args:
        picture: gray.
        base_row: of the baseline.
        m_per_s: one row.
        numbers: what a sonographer would measure: e_m_per_s, a_m_per_s (0 in fibrillation), deceleration_ms,
            peak_m_per_s; and aliased.
    """

    picture: UInt8[np.ndarray, "h w"]
    base_row: int
    m_per_s: float
    numbers: dict[str, float | bool]


def velocities(
    flow: str, beats: Beats, rng: np.random.Generator
) -> tuple[Float[np.ndarray, " w"], dict[str, float | bool]]:
    """The envelope in m/s, and what would be measured on it.

    Args:
        flow: one of PULSED or CONTINUOUS.
    """
    t = beats.since_ms
    opens, closes = beats.ejection_ms
    filling = t - beats.mitral_opens_ms
    if flow == "mitral":
        # Young hearts fill early, old ones late: E/A from 0.6 to 2.
        e, a = float(rng.uniform(0.5, 1.1)), 0.0 if beats.fibrillation else float(rng.uniform(0.4, 0.9))
        deceleration = float(rng.uniform(160, 240))
        early = e * np.minimum(np.sin(np.clip(filling / 90, 0, 1) * np.pi / 2), 1 - (filling - 90) / deceleration)
        late = a * (1 - (np.abs(t - beats.a_peak_ms) / np.where(t < beats.a_peak_ms, 75, 85)) ** 1.4)
        velocity = np.maximum(np.maximum(early, late), 0) * (filling > 0)
        return velocity, {"e_m_per_s": e, "a_m_per_s": a, "deceleration_ms": deceleration}
    if flow == "tissue":
        s, e = float(rng.uniform(0.06, 0.11)), float(rng.uniform(0.06, 0.14))
        a = 0.0 if beats.fibrillation else float(rng.uniform(0.06, 0.1))
        systole = s * np.sin(np.pi * np.clip((t - 70) / (closes - 60), 0, 1)) ** 1.2 * (t < closes + 10)
        kick = 0.45 * s * np.exp(-(((t - 45) / 14) ** 2))  # isovolumic contraction
        early = -e * np.exp(-(((filling - 55) / np.where(filling < 55, 28, 48)) ** 2))
        late = -a * np.exp(-(((t - beats.a_peak_ms) / 34) ** 2))
        return systole + kick + early + late, {"s_m_per_s": s, "e_m_per_s": e, "a_m_per_s": a}
    if flow == "outflow":
        peak, share = float(rng.uniform(0.8, 1.1)), np.clip((t - opens) / (closes - opens), 0, 1)
        return -peak * np.sin(np.pi * share**0.85) ** 0.75, {"peak_m_per_s": peak}
    if flow == "stenosis":
        # The worse the stenosis, the later the peak.
        peak, share = float(rng.uniform(1.6, 5.0)), np.clip((t - opens) / (closes - opens), 0, 1)
        return -peak * np.sin(np.pi * share ** (0.8 + 0.05 * peak)) ** 0.8, {"peak_m_per_s": peak}
    peak = float(rng.uniform(2.0, 3.5) if flow == "tricuspid" else rng.uniform(4.0, 6.0))
    share = np.clip((t - 25) / (beats.mitral_opens_ms - 25), 0, 1)
    return -peak * np.maximum(1 - np.abs(2 * share - 1) ** 2.2, 0), {"peak_m_per_s": peak}


def _body(flow: str, share: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Power over |velocity| / envelope: a gate holds one speed, a whole beam all speeds up to the fastest."""
    if flow in CONTINUOUS:
        # Few scatterers are as fast as the jet's core: it fades at the edge.
        return np.where(share < 1, 0.42 + 0.4 * share**2, 0) * np.clip((1 - share) / 0.06, 0.25, 1)
    rim = float(rng.uniform(*HOLLOW)) * (2.2 if flow == "tissue" else 1.0)
    window = 0.3 if flow == "tissue" else 0.07
    inside = window + (0.95 - window) / (1 + np.exp(-(share - (1 - rim)) / (0.22 * rim)))
    return np.where(share < 1.02, inside, 0)


def draw_spectrum(flow: str, beats: Beats, rng: np.random.Generator, height: int) -> Spectrum:
    """The spectrum of a flow over beats."""
    velocity, numbers = velocities(flow, beats, rng)
    fastest = float(np.abs(velocity).max())
    aliased = flow in ("mitral", "outflow") and bool(rng.uniform() < ALIASED)
    base_share = float(np.clip(BASELINES[flow] + rng.uniform(-0.08, 0.08), 0.12, 0.88))
    if rng.uniform() < 0.25:
        base_share = 0.5
    down = velocity.min() < -velocity.max()
    room = max(base_share, 1 - base_share) if flow == "tissue" else (1 - base_share if down else base_share)
    if aliased:
        span = fastest / room * float(rng.uniform(0.65, 0.9)) / 2
    else:
        usual = SPANS[flow] if flow in PULSED else (np.clip(1.25 * fastest, *CW_SPAN), np.clip(1.6 * fastest, *CW_SPAN))
        span = max(float(rng.uniform(*usual)), 1.08 * fastest / room / 2)
    per_row = 2 * span / height
    base_row = round(base_share * height)
    rows = (base_row - np.arange(height))[:, None] * per_row
    wobble = 1 + 0.03 * ndimage.gaussian_filter1d(rng.standard_normal(len(velocity)), 2)
    envelope = velocity * wobble

    def power(at: np.ndarray) -> np.ndarray:
        same = np.sign(at) == np.sign(envelope)
        share = np.abs(at) / np.maximum(np.abs(envelope), 1e-3)
        out = np.where(same, _body(flow, share, np.random.default_rng(seed)), 0)
        # Slow blood and walls beside the baseline, strongest when the walls move.
        slow = 0.06 if flow in PULSED else 0.1
        busy = 0.35 + 0.65 * np.abs(np.gradient(envelope)) / max(float(np.abs(np.gradient(envelope)).max()), 1e-6)
        return out + 0.4 * np.exp(-np.abs(at) / (slow * 2 * span)) * busy

    seed = int(rng.integers(2**32))
    total = power(rows)
    if aliased:  # what is too fast comes in again from the other side
        total += power(rows + 2 * span) + power(rows - 2 * span)
    gap = 1 / (1 + np.exp((WALL_FILTER[flow] - np.abs(rows)) / (0.15 * WALL_FILTER[flow])))
    total = total * gap + _clicks(beats, rows, span, flow, rng)
    speckle = ndimage.gaussian_filter(np.sqrt(rng.exponential(1.0, total.shape)), (0.5, 0.7))
    noise = (0.03 if flow in PULSED else 0.08) * rng.uniform(0.4, 1.6) * np.sqrt(rng.exponential(1.0, total.shape))
    soft = ndimage.gaussian_filter(total, (0.7, 0.6))
    picture = 255 * np.clip(1.05 * soft * speckle + noise * gap, 0, 1) ** 0.9
    return Spectrum(picture.astype(np.uint8), base_row, per_row, {**numbers, "aliased": aliased})


def _clicks(beats: Beats, rows: np.ndarray, span: float, flow: str, rng: np.random.Generator) -> np.ndarray:
    """The valves' snaps: thin upright lines, where the gate lies near one."""
    if flow == "tissue" or rng.uniform() < 0.4:
        return np.zeros((1, len(beats.since_ms)))
    opens, closes = beats.ejection_ms
    times = (beats.mitral_opens_ms, 25.0) if flow in ("mitral", "tricuspid", "regurgitation") else (opens, closes)
    lines = sum(np.exp(-(((beats.since_ms - at) / 6) ** 2)) for at in times)
    return 0.55 * np.exp(-np.abs(rows) / (0.22 * span)) * lines
