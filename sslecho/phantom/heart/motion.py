"""Displacement fields of a beating heart: what one unit of contraction does to every point of a plane."""

import numpy as np

from sslecho.phantom.scene import Mode


def _axis(start, stop) -> tuple[np.ndarray, np.ndarray, float]:
    start, stop = np.asarray(start, float), np.asarray(stop, float)
    length = float(np.hypot(*(stop - start)))
    return start, (stop - start) / length, length


def squeeze(apex, base, half_width_mm: float | int, wall_mm: float | int, shortening: float | int) -> Mode:
    """A tapered tube about the line apex -> base that narrows and keeps its wall's volume.

    Inside the cavity distances from the axis shrink by `shortening`; outside, rho'^2 = rho^2 - const, which
    thickens the wall inwards; it fades out 15 mm beyond the wall.
    """
    start, direction, length = _axis(apex, base)
    normal = np.array([-direction[1], direction[0]])

    def mode(points: np.ndarray) -> np.ndarray:
        along = (points - start) @ direction / length
        rho = (points - start) @ normal
        width = half_width_mm * np.sqrt(np.clip(1 - np.clip(0.55 - along, 0, 0.55) ** 2 / 0.33, 0.05, 1))
        width = width * np.clip((1.25 - along) / 0.25, 0.05, 1)  # the annulus narrows less than the mid-wall
        absolute = np.abs(rho)
        kept = 1 - (1 - shortening) ** 2
        inner = absolute * (1 - shortening)
        outer = np.sqrt(np.maximum(absolute**2 - kept * width**2, 0))
        target = np.where(absolute < width, inner, outer)
        fade = np.exp(-((np.maximum(absolute - width - wall_mm, 0) / 15.0) ** 2))
        ends = np.exp(-((np.maximum(np.maximum(-along, along - 1), 0) * length / 12.0) ** 2))
        return (np.sign(rho) * (target - absolute) * fade * ends)[:, None] * normal

    return mode


def ring(
    center, half_width_mm: float | int, wall_mm: float | int, shortening: float | int, twist_deg: float | int = 0.0
) -> Mode:
    """A round cavity in short axis: it shrinks, its wall thickens at equal area, and it may turn."""
    center = np.asarray(center, float)

    def mode(points: np.ndarray) -> np.ndarray:
        offset = points - center
        rho = np.maximum(np.hypot(offset[:, 0], offset[:, 1]), 1e-6)
        kept = 1 - (1 - shortening) ** 2
        target = np.where(
            rho < half_width_mm, rho * (1 - shortening), np.sqrt(np.maximum(rho**2 - kept * half_width_mm**2, 0))
        )
        fade = np.exp(-((np.maximum(rho - half_width_mm - wall_mm, 0) / 15.0) ** 2))
        radial = ((target - rho) / rho * fade)[:, None] * offset
        turn = np.deg2rad(twist_deg) * fade[:, None] * np.stack([-offset[:, 1], offset[:, 0]], axis=1)
        return radial + turn

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
