"""Displacement fields of a beating heart: what one unit of contraction does to every point of a plane."""

import numpy as np

from sslecho.phantom.heart.ventricle import Ventricle
from sslecho.phantom.scene import Mode

# Rough outlines cross the edge between cavity and wall, where the motion is greatest, and so move a little less than
# told; these make up for it, found on label maps.
MORE_SHORTENING, MORE_THICKENING = 1.05, 1.27
REACH_MM = 15.0  # over which a wall's motion fades in what lies around it; chosen


def _axis(start, stop) -> tuple[np.ndarray, np.ndarray, float]:
    start, stop = np.asarray(start, float), np.asarray(stop, float)
    length = float(np.hypot(*(stop - start)))
    return start, (stop - start) / length, length


def _radial(rho: np.ndarray, half: np.ndarray, wall_mm: float, shortening: float, thickening: float) -> np.ndarray:
    """How far a point at distance `rho` >= 0 from the axis moves towards it.

    The cavity's edge moves by `shortening` of its distance, the wall grows inwards by `thickening` of its
    thickness, and what lies outside follows less and less.
    """
    shortening = MORE_SHORTENING * shortening
    inner = shortening * half
    outer = np.maximum(inner - MORE_THICKENING * thickening * wall_mm, 0.0)
    depth = np.clip((rho - half) / wall_mm, 0, 1)
    fade = np.exp(-((np.maximum(rho - half - wall_mm, 0) / REACH_MM) ** 2))
    return np.where(rho < half, shortening * rho, inner + (outer - inner) * depth) * fade


def squeeze(
    ventricle: Ventricle, shortening: float | int, thickening: float | int, *, sides: tuple[float, ...] = (1.0, 1.0)
) -> Mode:
    """The left ventricle narrows about its axis and its wall thickens.

    Args:
        ventricle: whose cavity and wall.
        shortening, thickening: of diameter and wall, shares.
        sides: what is left of the motion where rho is negative and positive (a diseased wall).
    """

    def mode(points: np.ndarray) -> np.ndarray:
        along, rho = ventricle.local(points)
        moved = _radial(np.abs(rho), ventricle.half(along), ventricle.wall_mm, shortening, thickening)
        # The annulus narrows less than the mid-wall, the atria not at all.
        active = np.interp(along, [0, 0.7, 1, 1.15], [1, 1, 0.45, 0])
        active = active * np.exp(-((np.maximum(-along, 0) * ventricle.length_mm / 8.0) ** 2))
        active = active * np.where(rho < 0, sides[0], sides[1])
        return -(np.sign(rho) * moved * active)[:, None] * ventricle.normal

    return mode


def ring(
    center,
    half_mm: float | int,
    wall_mm: float | int,
    shortening: float | int,
    thickening: float | int,
    *,
    twist_deg: float | int = 0.0,
    weak_deg: float | None = None,
) -> Mode:
    """A round cavity in short axis: it shrinks, its wall thickens, and it may turn.

    Args:
        center: (x, z), mm.
        half_mm, wall_mm: radius of the cavity and thickness of the wall.
        shortening, thickening: shares.
        twist_deg: positive turns clockwise on the screen.
        weak_deg: screen angle (0 = right, 90 = down) of a wall that hardly moves, or None.
    """
    center = np.asarray(center, float)

    def mode(points: np.ndarray) -> np.ndarray:
        offset = points - center
        rho = np.maximum(np.hypot(offset[:, 0], offset[:, 1]), 1e-6)
        moved = _radial(rho, np.full(len(rho), float(half_mm)), wall_mm, shortening, thickening)
        if weak_deg is not None:
            angle = np.arctan2(offset[:, 1], offset[:, 0]) - np.deg2rad(weak_deg)
            off = np.abs(np.angle(np.exp(1j * angle)))
            moved = moved * (1 - 0.8 * np.exp(-((off / np.deg2rad(38)) ** 4)))
        fade = np.exp(-((np.maximum(rho - half_mm - wall_mm, 0) / REACH_MM) ** 2))
        turn = np.deg2rad(twist_deg) * fade[:, None] * np.stack([-offset[:, 1], offset[:, 0]], axis=1)
        return -(moved / rho)[:, None] * offset + turn

    return mode


def pull(line, share: float | int, depth_mm: float | int, *, after_mm: float | int = 12.0) -> Mode:
    """What lies left of the line start -> stop comes nearer to it: the right ventricle's free wall.

    Left is where one looks when the line points towards one: positive for (0, 0) -> (0, 1) and x < 0.

    Args:
        line: its two ends, start and stop, (x, z) mm.
        share: of the distance to the line that is lost.
        depth_mm: how far the free wall lies from the line; beyond it the motion fades.
        after_mm: over which it fades past the line's ends.
    """
    first, direction, length = _axis(*line)
    normal = np.array([-direction[1], direction[0]])

    def mode(points: np.ndarray) -> np.ndarray:
        offset = points - first
        along, distance = offset @ direction, np.maximum(offset @ normal, 0)
        fade = np.exp(-((np.maximum(distance - depth_mm, 0) / REACH_MM) ** 2))
        ends = np.exp(-((np.maximum(np.maximum(-along, along - length), 0) / after_mm) ** 2))
        return -(share * np.minimum(distance, depth_mm) * fade * ends)[:, None] * normal

    return mode


def shrink(center, radii, shares, *, angle_deg: float | int = 0.0) -> Mode:
    """A round chamber narrows about its middle; outside, that fades within REACH_MM.

    Args:
        center: (x, z), mm.
        radii: half axes, mm, the first turned clockwise on the screen by `angle_deg` from the x axis.
        shares: by which the chamber narrows along each of them (widens, if negative).
        angle_deg: see `radii`.
    """
    center, radii = np.asarray(center, float), np.asarray(radii, float)
    shares = np.broadcast_to(np.asarray(shares, float), (2,))
    a = np.deg2rad(angle_deg)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])

    def mode(points: np.ndarray) -> np.ndarray:
        offset = (points - center) @ turn.T
        share_out = np.maximum(np.hypot(offset[:, 0] / radii[0], offset[:, 1] / radii[1]), 1e-6)
        outside_mm = np.maximum(share_out - 1, 0) * float(radii.mean())
        weight = np.exp(-((outside_mm / REACH_MM) ** 2)) / np.maximum(share_out, 1)
        return -weight[:, None] * (offset * shares) @ turn

    return mode


def descend(apex, base, descent_mm: float | int, *, roof_mm: float | int = 45.0) -> Mode:
    """The base moves to the apex, which stands still; beyond the base the atria stretch up to a fixed roof."""
    start, direction, length = _axis(apex, base)

    def mode(points: np.ndarray) -> np.ndarray:
        along = (points - start) @ direction
        share = np.clip(along / length, 0, 1)
        beyond = np.clip(1 - (along - length) / roof_mm, 0, 1)
        return (-descent_mm * share * np.where(along > length, beyond, 1.0))[:, None] * direction

    return mode


def nudge(center, radius_mm: float | int, shift_mm) -> Mode:
    """Everything near a point shifts, falling off as a Gaussian."""
    center, shift = np.asarray(center, float), np.asarray(shift_mm, float)

    def mode(points: np.ndarray) -> np.ndarray:
        distance2 = np.sum((points - center) ** 2, axis=1)
        return np.exp(-distance2 / (2 * radius_mm**2))[:, None] * shift

    return mode


def drift(shift_mm) -> Mode:
    """Everything shifts alike: breathing."""
    shift = np.asarray(shift_mm, float)
    return lambda points: np.broadcast_to(shift, points.shape).copy()


def together(*modes: Mode) -> Mode:
    """The sum of several fields under one time course."""
    return lambda points: np.sum([mode(points) for mode in modes], axis=0)
