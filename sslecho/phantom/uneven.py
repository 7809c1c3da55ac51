"""Uneven quality inside a clip: with the breath the probe loses contact, or lung slides between it and the heart.

What is lost follows the clip's own breath: it comes where that is highest, for a stretch of about 20 frames. The heart
moves as it did; part of its echoes is gone. Numbers are chosen, unless a source is named.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from sslecho.phantom.echo import Drive
from sslecho.phantom.factors import Factors
from sslecho.phantom.geometry import BeamGrid
from sslecho.phantom.patients import Patient
from sslecho.phantom.plan import Plan

UNEVEN = 0.25  # share of the clips
LUNG = 0.5  # of these: lung from one side; else contact is lost
WHOLE = 0.3  # of lost contacts: over all of the face; else from one side
STRETCH = (14, 27)  # frames, the second excluded; at most half of the clip
LOST_DB = (6.0, 25.0)
COVER = (0.2, 0.6)  # of the sector's angle; lung covers up to a quarter of it quietly, more in a deep breath
LUNG_TOP_MM = 12.0  # below the chest wall


@dataclass(frozen=True)
class Uneven:
    """What a clip loses.

    Args:
        cause: "lung", "contact", or "" where nothing is lost.
        lost_db: at the worst.
        cover: share of the sector's angle.
        side: -1 left, 1 right.
        stretch: frames.
    """

    cause: str = ""
    lost_db: float = 0.0
    cover: float = 0.0
    side: int = 1
    stretch: int = 0

    def latents(self) -> dict[str, float | int | str | bool]:
        """As a truth table says it."""
        return {"uneven": self.cause, "uneven_db": self.lost_db, "uneven_cover": self.cover}

    def drives(self, courses: Mapping[str, np.ndarray], patient: Patient) -> list[Drive]:
        """For `EchoClip`: none, or the one that takes the echoes."""
        if not self.cause:
            return []
        return [Drive("uneven", worst_stretch(courses["breath"], self.stretch), loss_db=self._loss)]

    @property
    def _loss(self) -> Callable[[BeamGrid], Float32[np.ndarray, "lines samples"]]:
        def loss(grid: BeamGrid) -> Float32[np.ndarray, "lines samples"]:
            share = (np.linspace(-1, 1, grid.lines) * -self.side + 1) / 2  # 0 at the side that is lost
            beams = 1 / (1 + np.exp((share - self.cover) / 0.03)) if self.cover < 1 else np.ones(grid.lines)
            top = LUNG_TOP_MM if self.cause == "lung" else 0.0
            depth = np.clip((grid.depths_mm - top) / 6.0, 0, 1)
            return (self.lost_db * beams[:, None] * depth[None, :]).astype(np.float32)

        return loss


def draw_uneven(factors: Factors, plan: Plan) -> Uneven:
    """What the clip of a plan loses."""
    rng = factors.stream("clip", plan.patient, plan.study, plan.view, plan.occasion, plan.acquisition, "uneven")
    if rng.uniform() >= UNEVEN:
        return Uneven()
    cause = "lung" if rng.uniform() < LUNG else "contact"
    cover = 1.0 if cause == "contact" and rng.uniform() < WHOLE else float(rng.uniform(*COVER))
    side = int(rng.choice([-1, 1]))
    return Uneven(cause, float(rng.uniform(*LOST_DB)), cover, side, int(rng.integers(*STRETCH)))


def worst_stretch(breath: Float[np.ndarray, " frames"], stretch: int) -> Float[np.ndarray, " frames"]:
    """1 for about `stretch` frames where the breath is highest in the clip, falling smoothly to 0.

    It is a function of the breath alone: it comes and goes with it, once per breath. At most half of the clip is lost.
    """
    count = min(stretch, len(breath) // 2)
    span = float(np.ptp(breath))
    if count < 1 or span < 1e-6:
        return np.zeros(len(breath))
    threshold = float(np.sort(breath)[-count])
    soft = 0.12 * span
    return np.sin(np.clip((breath - threshold) / soft + 0.5, 0, 1) * np.pi / 2) ** 2
