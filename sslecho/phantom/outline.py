"""Outlines from a few points: splines, tubes, ellipses, leaflets, and walls that are not too smooth."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from sslecho.phantom.scene import Shape

POINTS_PER_SEGMENT = 6


def spline(points: Sequence[tuple[float, float]] | np.ndarray, *, closed: bool, per_segment: int = POINTS_PER_SEGMENT):
    """A uniform Catmull-Rom spline through the points, [n, 2]; Catmull and Rom 1974."""
    p = np.asarray(points, dtype=np.float64)
    if closed:
        p0, p1, p2, p3 = np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)
    else:
        padded = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
        p0, p1, p2, p3 = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = (np.arange(per_segment) / per_segment)[:, None, None]
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    curve = curve.transpose(1, 0, 2).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-1:]])


def outward(outline: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Unit normals of a closed outline, pointing out whatever its sense of rotation."""
    tangent = np.roll(outline, -1, 0) - np.roll(outline, 1, 0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-9)[:, None]
    x, z = outline[:, 0], outline[:, 1]
    signed_area = np.sum(x * np.roll(z, -1) - z * np.roll(x, -1))
    return np.stack([tangent[:, 1], -tangent[:, 0]], axis=1) * np.sign(signed_area)


def roughness(rng: np.random.Generator, n: int, amplitude_mm: float | int) -> Float[np.ndarray, " n"]:
    """Periodic noise with correlation over a few vertices: trabeculae, and hearts that are no spline."""
    k = np.arange(n // 2 + 1)
    spectrum = (rng.standard_normal(len(k)) + 1j * rng.standard_normal(len(k))) * np.exp(-((k / (n / 7)) ** 2))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, n)
    return amplitude_mm * noise / max(float(noise.std()), 1e-9)


def shifted(points, x: float | int, z: float | int) -> np.ndarray:
    """A point or points, moved by (x, z)."""
    return np.asarray(points, float) + np.array([x, z], float)


class Pen:
    """Draws the shapes of one plane for one patient.

    Args:
        rng: the patient's generator for this plane; it roughens the outlines.
        origin_mm, turn_deg, mirror: where the drawing's own axes lie in the plane.
        shapes: list to draw into; a new one if None.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        origin_mm: tuple[float, float] = (0.0, 0.0),
        turn_deg: float = 0.0,
        mirror: bool = False,
        shapes: list[Shape] | None = None,
    ):
        self.rng = rng
        self.shapes: list[Shape] = [] if shapes is None else shapes
        a = np.deg2rad(turn_deg)
        self._origin = np.asarray(origin_mm, float)
        self._axes = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        if mirror:
            self._axes[0] *= -1

    def towards_probe(self) -> Float[np.ndarray, " 2"]:
        """Straight up on the screen, as a unit vector in the drawing's own axes."""
        return self._axes @ np.array([0.0, -1.0])

    def _set(self, points) -> np.ndarray:
        return np.asarray(points, float) @ self._axes + self._origin

    def area(
        self, structure: str, points, *, rough_mm: float | int = 0.7, wall: tuple[str, float] | None = None, **motion
    ):
        """A closed spline; `wall` = (structure, thickness in mm) is drawn beneath it."""
        outline = spline(self._set(points), closed=True)
        normal = outward(outline)
        outline = outline + normal * roughness(self.rng, len(outline), rough_mm)[:, None]
        if wall:
            self.shapes.append(Shape(wall[0], outline + normal * wall[1], **motion))
        self.shapes.append(Shape(structure, outline, **motion))

    def ellipse(
        self,
        structure: str,
        center,
        radii,
        *,
        angle_deg: float | int = 0.0,
        rough_mm: float | int = 0.4,
        wall=None,
        **motion,
    ):
        """An ellipse with half axes `radii`, the first turned by `angle_deg` from the x axis."""
        t = np.arange(10) / 10 * 2 * np.pi
        a = np.deg2rad(angle_deg)
        local = np.stack([radii[0] * np.cos(t), radii[1] * np.sin(t)], axis=1)
        turned = local @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        self.area(structure, turned + np.asarray(center, float), rough_mm=rough_mm, wall=wall, **motion)

    def tube(
        self,
        structure: str,
        points,
        half_widths,
        *,
        wall: tuple[str, float] | None = None,
        swells=None,
        rough_mm: float | int = 0.4,
        **motion,
    ):
        """A vessel along a center line; `half_widths` is one number or one per point; `swells` a share by course."""
        center = spline(self._set(points), closed=False)
        given = np.broadcast_to(np.asarray(half_widths, float), (len(points),))
        half = np.interp(np.linspace(0, len(points) - 1, len(center)), np.arange(len(points)), given)
        half = half + roughness(self.rng, len(center), rough_mm)
        swells = {name: half * share for name, share in (swells or {}).items()}
        if wall:
            self.shapes.append(Shape(wall[0], center, half + wall[1], swells=swells, **motion))
        self.shapes.append(Shape(structure, center, half, swells=swells, **motion))

    def line(self, structure: str, points, thickness_mm: float | int, **motion):
        """A thin line along a spline."""
        center = spline(self._set(points), closed=False, per_segment=4)
        self.shapes.append(Shape(structure, center, np.full(len(center), thickness_mm / 2), **motion))

    def leaflet(
        self,
        structure: str,
        hinge,
        closed_tip,
        open_tip,
        *,
        course: str,
        thickness_mm: float | int = 1.8,
        bow: float | int = 0.12,
    ):
        """A valve leaflet of two segments from its hinge; the course takes it from closed (0) to open (1).

        It swings on an arc: the middle bulges sideways by `bow` of its length, so that it keeps its length half-way.
        """
        hinge, closed_tip, open_tip = (np.asarray(p, float) for p in (hinge, closed_tip, open_tip))
        rest, opened = [hinge], [hinge]
        for share in (0.33, 0.66, 1.0):
            for tip, points in ((closed_tip, rest), (open_tip, opened)):
                along = tip - hinge
                side = np.array([-along[1], along[0]]) * bow * np.sin(np.pi * share)
                points.append(hinge + along * share + side)
        rest, opened = np.stack(rest), np.stack(opened)
        half = thickness_mm / 2 * np.array([1.1, 0.9, 0.9, 1.2])
        self.shapes.append(Shape(structure, rest, half, moves={course: opened - rest}))

    def arc(
        self,
        structure: str,
        center,
        radii,
        start_deg: float | int,
        stop_deg: float | int,
        thickness_mm: float | int,
        **motion,
    ):
        """A thin elliptic arc; screen angles (0 = right, 90 = down)."""
        t = np.deg2rad(np.linspace(start_deg, stop_deg, 13))
        points = np.stack([center[0] + radii[0] * np.cos(t), center[1] + radii[1] * np.sin(t)], axis=1)
        self.line(structure, points, thickness_mm, **motion)
