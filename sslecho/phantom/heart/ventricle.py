"""The left ventricle's own axes: every plane through it places its other structures by them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

ROUND = 0.53  # share of the length over which the apex widens to the full diameter; chosen


@dataclass(frozen=True)
class Ventricle:
    """A bullet-shaped cavity between its apex and the middle of the mitral annulus.

    `along` runs from 0 at the cavity's apex to 1 at the annulus; `rho` is the signed distance from the axis, mm,
    positive to the right if the apex points up, upwards if it points left, down if it points right.

    Args:
        apex, base: (x, z) of the axis' ends, mm.
        half_mm: half the diameter where it is widest.
        wall_mm: thickness of the wall.
        annulus: half width at the annulus as a share of `half_mm`.
    """

    apex: tuple[float, float]
    base: tuple[float, float]
    half_mm: float
    wall_mm: float
    annulus: float = 0.72

    @cached_property
    def length_mm(self) -> float:
        return float(np.hypot(self.base[0] - self.apex[0], self.base[1] - self.apex[1]))

    @cached_property
    def direction(self) -> np.ndarray:
        """From the apex to the base."""
        return (np.asarray(self.base, float) - self.apex) / self.length_mm

    @cached_property
    def normal(self) -> np.ndarray:
        """Where rho is positive."""
        return np.array([self.direction[1], -self.direction[0]])

    @property
    def turn_deg(self) -> float:
        """Screen angle of the normal, to turn ellipses by (their angles run against the screen's)."""
        return -float(np.rad2deg(np.arctan2(self.normal[1], self.normal[0])))

    def half(self, along) -> np.ndarray:
        """Half width of the cavity, mm."""
        a = np.asarray(np.clip(along, 0, 1))
        tip = np.clip(1 - a / ROUND, 0, 1)
        taper = np.clip((a - ROUND) / (1 - ROUND), 0, 1)
        return np.asarray(self.half_mm * np.sqrt(1 - tip**2.6) * (1 - (1 - self.annulus) * taper**1.7))

    def at(self, along, rho) -> Float[np.ndarray, "n 2"]:
        """Places by `along` and `rho`."""
        along, rho = np.broadcast_arrays(np.asarray(along, float), np.asarray(rho, float))
        return (
            np.asarray(self.apex)
            + (along.reshape(-1, 1) * self.length_mm) * self.direction
            + rho.reshape(-1, 1) * self.normal
        )

    def beyond(self, points) -> Float[np.ndarray, "n 2"]:
        """Places by (rho, mm beyond the annulus)."""
        p = np.asarray(points, float).reshape(-1, 2)
        return np.asarray(self.base) + p[:, :1] * self.normal + p[:, 1:] * self.direction

    def local(self, points: Float[np.ndarray, "n 2"]) -> tuple[np.ndarray, np.ndarray]:
        """(along, rho) of places."""
        offset = points - np.asarray(self.apex)
        return offset @ self.direction / self.length_mm, offset @ self.normal

    def cavity(self) -> Float[np.ndarray, "n 2"]:
        """Control points of the cavity's outline."""
        along = np.array([0.04, 0.13, 0.28, 0.45, 0.62, 0.8, 0.95, 1.0])
        right, left = self.at(along, self.half(along)), self.at(along, -self.half(along))
        return np.concatenate([self.at(0.0, 0.0), right, left[::-1]])

    def outside(self, left: float | int = 1.0, right: float | int = 1.0) -> Float[np.ndarray, "n 2"]:
        """Control points of the wall's outer outline; `left` and `right` are factors of its thickness."""
        along = np.array([0.04, 0.13, 0.28, 0.45, 0.62, 0.8, 0.95, 1.02])
        # The apex is the thinnest part of the wall.
        thick = self.wall_mm * np.interp(along, [0, 0.25, 0.5], [0.65, 0.85, 1.0])
        edge = self.half(along)
        sides = self.at(along, edge + right * thick), self.at(along, -edge - left * thick)
        return np.concatenate([self.at(-0.62 * self.wall_mm / self.length_mm, 0.0), sides[0], sides[1][::-1]])
