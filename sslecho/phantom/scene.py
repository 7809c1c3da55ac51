"""A plane through the body as outlines that move: what the renderer draws.

Everything moves linearly: a point's place is `rest + sum_k c_k(t) * move_k`, with a few time courses
`c_k` (contraction, valve openings, breathing) that all shapes share. That makes a frame one small matrix
product, and the inverse motion that carries the speckle is the same sum over fields on the beam grid.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from sslecho.phantom.geometry import BeamGrid
from sslecho.phantom.tissues import STRUCTURE_NUMBER

Points = Float[np.ndarray, "n 2"]
Mode = Callable[[np.ndarray], np.ndarray]  # displacement of points [n, 2] when the time course is 1


@dataclass
class Shape:
    """One outline, or a line with a width; later shapes cover earlier ones.

    Args:
        structure: a name of `tissues.STRUCTURES`.
        points: outline (closed), or center line where `half_widths` is given; at rest (end-diastole).
        half_widths: of a line or tube, mm.
        moves: further displacement of the points by a time course (a leaflet by "mitral").
        swells: change of the half widths by a time course.
        follows: whether the scene's modes move it (the chest wall stays).
    """

    structure: str
    points: np.ndarray
    half_widths: np.ndarray | None = None
    moves: Mapping[str, np.ndarray] = field(default_factory=dict)
    swells: Mapping[str, np.ndarray] = field(default_factory=dict)
    follows: bool = True


@dataclass
class Scene:
    """Shapes in drawing order, the motion they share, and what the plane shows.

    Args:
        shapes: back to front.
        modes: time course -> displacement field; it moves the shapes and the speckle alike.
        background: the structure where nothing is drawn.
        latents: what a truth table should say about the plane.
    """

    shapes: list[Shape]
    modes: dict[str, Mode] = field(default_factory=dict)
    background: str = "surroundings"
    latents: dict[str, float | int | str | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Placement:
    """How a probe's position turns anatomy into screen coordinates: rotate and scale about `center_mm`, then shift.

    Args:
        rotation_deg: positive turns clockwise on the screen.
        scale: (x, z) factors.
        shift_mm: (x, z).
        center_mm: (x, z).
    """

    rotation_deg: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shift_mm: tuple[float, float] = (0.0, 0.0)
    center_mm: tuple[float, float] = (0.0, 80.0)

    @property
    def matrix(self) -> np.ndarray:
        a = np.deg2rad(self.rotation_deg)
        return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ np.diag(self.scale)

    def place(self, points: np.ndarray) -> np.ndarray:
        return (points - self.center_mm) @ self.matrix.T + self.center_mm + self.shift_mm

    def unplace(self, points: np.ndarray) -> np.ndarray:
        return (points - self.center_mm - np.asarray(self.shift_mm)) @ np.linalg.inv(self.matrix).T + self.center_mm


class Stage:
    """A scene set up before a beam grid: label maps and inverse motion for any time courses.

    Args:
        scene: the plane.
        placement: the probe's position.
        grid: the beams.
        courses: names of the time courses, in the order of the coefficients.
    """

    def __init__(self, scene: Scene, placement: Placement, grid: BeamGrid, courses: Sequence[str]):
        self.scene, self.grid, self.courses = scene, grid, list(courses)
        self._numbers = [STRUCTURE_NUMBER[shape.structure] for shape in scene.shapes]
        self._background = STRUCTURE_NUMBER[scene.background]
        self._modes = [name for name in self.courses if name in scene.modes]
        self._mode_columns = np.array([self.courses.index(name) for name in self._modes], dtype=np.int64)
        self._stack_shapes(placement)
        self._placement = placement

    def _stack_shapes(self, placement: Placement) -> None:
        """One array for all vertices: a closed outline first as it is, a line as its left and right edge."""
        shapes, linear = self.scene.shapes, placement.matrix.T
        points = np.concatenate([shape.points for shape in shapes]).astype(np.float64)
        moves = np.zeros((len(self.courses), len(points), 2))
        widths = np.zeros(len(points))
        swells = np.zeros((len(self.courses), len(points)))
        fixed = np.zeros(len(points), bool)
        before, after = np.arange(len(points)) - 1, np.arange(len(points)) + 1
        self._slices: list[tuple[int, int, bool]] = []
        start = 0
        for shape in shapes:
            stop = start + len(shape.points)
            is_line = shape.half_widths is not None
            self._slices.append((start, stop, is_line))
            before[start], after[stop - 1] = start, stop - 1
            if is_line:
                widths[start:stop] = shape.half_widths
            fixed[start:stop] = not shape.follows
            for k, name in enumerate(self.courses):
                if name in shape.moves:
                    moves[k, start:stop] += shape.moves[name]
                if name in shape.swells:
                    swells[k, start:stop] += shape.swells[name]
                if shape.follows and name in self.scene.modes:
                    moves[k, start:stop] += self.scene.modes[name](shape.points)
            start = stop
        self._rest = np.where(fixed[:, None], points, placement.place(points))
        self._moves = (moves @ linear).reshape(len(self.courses), -1)
        # Widths scale with the plane, or a large patient would have thin walls.
        scale = float(np.sqrt(abs(np.linalg.det(placement.matrix))))
        self._widths, self._swells = widths * scale, swells * scale
        self._before, self._after = before, after
        self._has_lines = bool((widths > 0).any())

    @cached_property
    def _material(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the samples' material was at rest, [2, points], and how each mode changes that, [modes, 2, points]."""
        screen = self.grid.points_mm.reshape(-1, 2).astype(np.float64)
        rest = self._placement.unplace(screen)
        fields = [np.ascontiguousarray(self.scene.modes[name](rest).T, dtype=np.float32) for name in self._modes]
        stacked = np.stack(fields) if fields else np.zeros((0, 2, len(rest)), np.float32)
        return np.ascontiguousarray(rest.T, dtype=np.float32), stacked

    def material_mm(self, coefficients: Float[np.ndarray, " courses"]) -> Float[np.ndarray, "2 points"]:
        """(x, z) at rest of the material that is now at every sample; first order in the displacement."""
        material, fields = self._material
        for weight, mode_field in zip(coefficients[self._mode_columns], fields, strict=True):
            if abs(weight) > 1e-3:
                material = material - np.float32(weight) * mode_field
        return material

    def outlines_mm(self, coefficients: Float[np.ndarray, " courses"]) -> tuple[np.ndarray, np.ndarray | None]:
        """All vertices now, and the offset of a line's left edge from its center line."""
        points = self._rest + (coefficients @ self._moves).reshape(-1, 2)
        if not self._has_lines:
            return points, None
        tangent = points[self._after] - points[self._before]
        length = np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-6)
        half = np.maximum(self._widths + coefficients @ self._swells, 0.3)
        edge = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1) * (half / length)[:, None]
        return points, edge

    def label_map(self, coefficients: Float[np.ndarray, " courses"]) -> np.ndarray:
        """Structure numbers on the beam grid, uint8 [lines, samples]."""
        points, edge = self.outlines_mm(coefficients)
        if edge is None:
            grid = self.grid.to_grid(points)
            left = right = grid
        else:
            grid = self.grid.to_grid(np.concatenate([points, points + edge, points - edge]))
            grid, left, right = np.split(grid, 3)
        picture = Image.new("L", (self.grid.samples, self.grid.lines), self._background)
        draw = ImageDraw.Draw(picture)
        for (start, stop, is_line), number in zip(self._slices, self._numbers, strict=True):
            if is_line:
                outline = np.concatenate([left[start:stop], right[start:stop][::-1]])
            else:
                outline = grid[start:stop]
            draw.polygon(outline.ravel().tolist(), fill=number)
        return np.asarray(picture)
