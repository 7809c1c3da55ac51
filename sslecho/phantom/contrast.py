"""A clip with contrast agent: what the bubbles make of blood, tissue, motion and scanner.

A contrast mode at low power shows bubbles and hides tissue: opacified blood is brighter than any wall, muscle is dark
gray, the picture is noisy and slow. Bubbles reach the right heart first, then the left. They attenuate, so that what
lies behind a full ventricle is in shadow. At the apex, where the power is highest and the flow slowest, bubbles break
and the dye swirls. Figures without a source are chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sslecho.phantom import clock
from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.devices import Settings
from sslecho.phantom.echo import Drive, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.views import PLANES
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient, draw_patient
from sslecho.phantom.renderer import Look
from sslecho.phantom.sites import ECHO_SITES, Site
from sslecho.phantom.tissues import STRUCTURES, TISSUES, Tissue

RIGHT = ("rv", "ra", "pulmonary_artery", "ivc")
LEFT = ("lv", "la", "aorta", "descending_aorta", "vein")
WASH_IN = 0.15  # of clips: recorded while the bubbles arrive
BEATS_PER_TURN = (1.5, 4.0)  # of the swirl
FURTHER_SEEDS = 1 << 30  # from a seed to that of its clips with agent; no archive uses seeds so high


@dataclass(frozen=True)
class Agent:
    """The bubbles of one clip.

    Args:
        left_db, right_db: echo of the left and right heart's blood, against plain myocardium.
        attenuation: of opacified blood, dB/cm/MHz. It is 0.3-1 by dose; below 0.5, what the scanner assumes of all
            tissue, nothing would be in shadow.
        tissue_db: what the mode takes from all that is no bubble; muscle holds some bubbles too.
        patchy_db: SD of the echo where dye and plain blood are not yet mixed.
        turn_deg: by which the swirl turns in a frame.
        noise_db: more receiver noise than at full power.
        frames_per_s: of the contrast mode.
    """

    left_db: float
    right_db: float
    attenuation: float
    tissue_db: float
    patchy_db: float
    turn_deg: float
    noise_db: float
    frames_per_s: float

    def latents(self) -> dict[str, float]:
        return {
            "contrast_left_db": self.left_db,
            "contrast_right_db": self.right_db,
            "contrast_attenuation": self.attenuation,
            "contrast_tissue_db": self.tissue_db,
        }


def draw_agent(rng: np.random.Generator, rate_per_min: float) -> Agent:
    """Six of seven clips are full; the rest show the bubbles arrive: the right heart bright, the left one not yet."""
    full_db = float(rng.uniform(8, 12))
    arriving = bool(rng.uniform() < WASH_IN)
    late_db = float(rng.uniform(6, 34)) if arriving else 0.0
    frames_per_s = float(rng.uniform(20, 25))
    frames_per_turn = float(rng.uniform(*BEATS_PER_TURN)) * 60 / rate_per_min * frames_per_s
    return Agent(
        left_db=full_db - late_db,
        right_db=full_db + (float(rng.uniform(1, 4)) if arriving else float(rng.uniform(-3, 1))),
        attenuation=float(rng.uniform(0.7, 1.0)),
        tissue_db=float(rng.uniform(10, 15)),
        patchy_db=float(rng.uniform(1.5, 3.5)) + (2.0 if arriving else 0.0),
        turn_deg=float(rng.choice([-1, 1]) * 360 / frames_per_turn),
        noise_db=float(rng.uniform(9, 15)),
        frames_per_s=frames_per_s,
    )


def tissues_with(agent: Agent) -> dict[str, Tissue]:
    """Every structure as a contrast mode shows it."""
    loss = 10 ** (-agent.tissue_db / 20)
    shown: dict[str, Tissue] = {}
    for name, tissue in STRUCTURES.items():
        plain = TISSUES[tissue]
        shown[name] = replace(plain, echo_db=plain.echo_db - agent.tissue_db, reflectance=plain.reflectance * loss)
    for names, level_db in ((RIGHT, agent.right_db), (LEFT, agent.left_db)):
        plain = TISSUES["blood"].attenuation
        # Power and attenuation both go with the number of bubbles.
        share = min(10 ** ((level_db - 10) / 10), 1.0)
        attenuation = plain + share * (agent.attenuation - plain)
        blood = replace(TISSUES["blood"], echo_db=level_db, attenuation=attenuation, patchy_db=agent.patchy_db)
        shown |= dict.fromkeys(names, blood)
    return shown | {"chordae": shown["lv"]}  # threads drown in bubbles


def contrast_clip(
    factors: Factors,
    *,
    patient: int,
    view: str,
    study: int = 0,
    acquisition: int = 0,
    frames: int = 24,
    size: int = 256,
    jitter: float = JITTER,
    sites: tuple[Site, ...] = ECHO_SITES,
    same_fan: bool = False,
) -> tuple[EchoClip, Agent]:
    """A clip like `echo.EchoClip`, with contrast agent.

    The probe is found anew: what differs from the same view without agent is more than the agent.
    """
    keys = (patient, study, view)
    rhythm = clock.draw_rhythm(factors.stream("study", patient, study))
    further = {name: getattr(factors, name) + FURTHER_SEEDS for name in ("view", "acquisition", "clip", "frame")}
    factors = factors.reseeded(**further)
    agent = draw_agent(factors.stream("clip", *keys, acquisition, "agent"), rhythm.rate_per_min)
    clip = EchoClip(
        factors,
        patient=patient,
        view=view,
        study=study,
        acquisition=acquisition,
        frames=frames,
        size=size,
        jitter=jitter,
        sites=sites,
        same_fan=same_fan,
        drives=partial(_swirl, agent, _ventricle(factors, keys)),
        tissues=tissues_with(agent),
        settings=partial(_slow, agent),
        look=partial(_low_power, agent),
    )
    return clip, agent


def _slow(agent: Agent, settings: Settings) -> Settings:
    """Several pulses make a line, and long ones: fewer frames, coarser speckle."""
    return replace(
        settings,
        frame_time_ms=round(1000 / agent.frames_per_s, 2),
        axial_fwhm_mm=1.3 * settings.axial_fwhm_mm,
        lateral_fwhm_deg=1.15 * settings.lateral_fwhm_deg,
    )


def _low_power(agent: Agent, look: Look) -> Look:
    """Echoes of tissue near the probe are suppressed like those of the heart; noise is not."""
    loss = 10 ** (-agent.tissue_db / 20)
    return replace(
        look,
        noise_db=look.noise_db + agent.noise_db,
        clutter=look.clutter * loss,
        near_haze_db=look.near_haze_db - agent.tissue_db,
    )


def _ventricle(factors: Factors, keys: tuple[int, int, str]) -> np.ndarray:
    """Outline of the left ventricle's cavity in an apical plane, [n, 2] mm; empty in others, which miss the apex."""
    patient, _, view = keys
    if PLANES[view].window != "apical":
        return np.zeros((0, 2))
    pen = Pen(factors.stream("patient", patient, view))
    scene = PLANES[view].draw(pen, draw_patient(factors, patient), factors.stream("view", *keys, "plane"))
    outlines = [shape.points for shape in scene.shapes if shape.structure == "lv" and shape.half_widths is None]
    return np.asarray(outlines[0])


def _swirl(agent: Agent, outline: np.ndarray, courses: Mapping[str, np.ndarray], patient: Patient) -> list[Drive]:
    """The dye turns near the ventricle's apex, evenly about the middle and not at all at the wall.

    Two time courses make one rotation by a: speckle at offset d from the middle was at d - sin(a) d' - (1 - cos(a)) d
    before, d' being d turned by 90 degrees. Walls don't reach in so far, and threads that do are drowned.
    """
    if len(outline) == 0:
        return []
    center, radius = eddy(outline)
    angle = np.deg2rad(agent.turn_deg) * np.arange(len(courses["breath"]))

    def around(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        offset = points - center
        inside = np.clip((1 - np.hypot(offset[:, 0], offset[:, 1]) / radius) / 0.4, 0, 1)[:, None]
        return inside * offset, inside * np.stack([-offset[:, 1], offset[:, 0]], axis=1)

    return [
        Drive("swirl_sine", np.sin(angle), lambda points: around(points)[1]),
        Drive("swirl_cosine", 1 - np.cos(angle), lambda points: around(points)[0]),
    ]


def eddy(outline: np.ndarray) -> tuple[np.ndarray, float]:
    """Center and radius in mm of the swirl: a circle in the apical third of a ventricle whose apex points up.

    Args:
        outline: of the cavity, [n, 2] mm.
    """
    top, bottom = outline[:, 1].min(), outline[:, 1].max()
    third = outline[outline[:, 1] < top + 0.33 * (bottom - top)]
    middle = np.array([np.mean(third[:, 0]), top + 0.24 * (bottom - top)])
    # As far as the wall that is nearest.
    return middle, 0.9 * float(np.hypot(*(outline - middle).T).min())
