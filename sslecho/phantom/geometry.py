"""Probe geometry: beams, samples along them, and the way from there to the picture.

Axes: millimeters, `x` to the right of the screen, `z` = depth, (0, 0) = center of the probe's face.
A beam grid is `[lines, samples]`, samples contiguous; a picture is `[size, size]`.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from scipy.sparse import csr_matrix

LINES = 128
SAMPLES = 400
MARGIN = 0.02  # of the picture, on all sides: scanners leave a rim, and the sector finder needs one


@dataclass(frozen=True)
class BeamGrid:
    """A sector or curved probe's beams.

    Args:
        radius_mm: from the virtual apex to the probe's face (0 for a point apex).
        angle_deg: full opening angle.
        depth_mm: from the face to the end of the sector.
        lines, samples: the grid.
        box_mm: (left, right, top, bottom) of a zoom box that cuts the picture; None for the whole sector.
    """

    radius_mm: float
    angle_deg: float
    depth_mm: float
    lines: int = LINES
    samples: int = SAMPLES
    box_mm: tuple[float, float, float, float] | None = None

    @property
    def axial_step_mm(self) -> float:
        return self.depth_mm / self.samples

    @property
    def line_step_deg(self) -> float:
        return self.angle_deg / (self.lines - 1)

    @cached_property
    def depths_mm(self) -> Float32[np.ndarray, " samples"]:
        return ((np.arange(self.samples) + 0.5) * self.axial_step_mm).astype(np.float32)

    @cached_property
    def angles_rad(self) -> Float32[np.ndarray, " lines"]:
        half = np.deg2rad(self.angle_deg) / 2
        return np.linspace(-half, half, self.lines, dtype=np.float32)

    @cached_property
    def points_mm(self) -> Float32[np.ndarray, "lines samples 2"]:
        """(x, z) of every sample."""
        radius = self.radius_mm + self.depths_mm[None, :]
        x = radius * np.sin(self.angles_rad)[:, None]
        z = radius * np.cos(self.angles_rad)[:, None] - self.radius_mm
        return np.stack([x, z], axis=-1)

    def to_grid(self, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """(x, z) in mm -> (sample, line), fractional: the pixel coordinates of a picture of shape [lines, samples]."""
        x, z = points[:, 0], points[:, 1] + self.radius_mm
        # Behind the face the angle would run away; such points are far above the sector anyway.
        z = np.maximum(z, 0.5)
        grid = np.empty_like(points)
        grid[:, 0] = (np.hypot(x, z) - self.radius_mm) / self.axial_step_mm - 0.5
        grid[:, 1] = (np.rad2deg(np.arctan2(x, z)) + self.angle_deg / 2) / self.line_step_deg
        return grid

    def boxed(self, width: float, top: float, bottom: float) -> "BeamGrid":
        """The same beams, of which the picture shows a box in the middle.

        Args:
            width: share of the sector's.
            top, bottom: shares of the depth.
        """
        half = width * self.extent_mm()[0]
        return replace(self, box_mm=(-half, half, top * self.depth_mm, bottom * self.depth_mm))

    def extent_mm(self) -> tuple[float, float, float]:
        """Half width, top and bottom of the sector's bounding box."""
        half = np.deg2rad(self.angle_deg) / 2
        outer = self.radius_mm + self.depth_mm
        half_width = outer * (np.sin(half) if half < np.pi / 2 else 1.0)
        top = min(0.0, self.radius_mm * (np.cos(half) - 1), outer * np.cos(half) - self.radius_mm)
        return float(half_width), float(top), self.depth_mm


class ScanConverter:
    """Beam grid -> square picture, by a bilinear table worked out once.

    Args:
        grid: the beams.
        size: the picture's side in pixels.
    """

    def __init__(self, grid: BeamGrid, size: int):
        self.grid, self.size = grid, size
        half_width, top, bottom = grid.extent_mm()
        left, right, top, bottom = grid.box_mm or (-half_width, half_width, top, bottom)
        usable = size * (1 - 2 * MARGIN)
        self.mm_per_pixel = max(right - left, bottom - top) / usable
        center = (size - 1) / 2 - (left + right) / 2 / self.mm_per_pixel
        # The sector hangs from the top rim when it is wider than high: scanners don't center it.
        first_row = size * MARGIN
        columns, rows = np.meshgrid(np.arange(size), np.arange(size))
        x = (columns - center) * self.mm_per_pixel
        z = (rows - first_row) * self.mm_per_pixel + top
        self._origin = (center, first_row - top / self.mm_per_pixel)

        z_apex = z + grid.radius_mm
        line = (np.rad2deg(np.arctan2(x, z_apex)) + grid.angle_deg / 2) / grid.line_step_deg
        sample = (np.hypot(x, z_apex) - grid.radius_mm) / grid.axial_step_mm - 0.5
        self.mask: Bool[np.ndarray, "size size"] = (
            (line >= 0) & (line <= grid.lines - 1) & (sample >= -0.5) & (sample <= grid.samples - 0.5)
        )
        if grid.box_mm:
            self.mask &= (x >= left) & (x <= right) & (z >= top) & (z <= bottom)
        line, sample = line[self.mask], np.clip(sample[self.mask], 0, grid.samples - 1.001)
        line = np.clip(line, 0, grid.lines - 1.001)
        line0, sample0 = line.astype(np.int32), sample.astype(np.int32)
        dl, ds = (line - line0).astype(np.float32), (sample - sample0).astype(np.float32)
        first = line0 * grid.samples + sample0
        indices = np.stack([first, first + 1, first + grid.samples, first + grid.samples + 1], axis=1)
        weights = np.stack([(1 - dl) * (1 - ds), (1 - dl) * ds, dl * (1 - ds), dl * ds], axis=1)
        pixels = len(first)
        self._table = csr_matrix(
            (weights.ravel(), indices.ravel().astype(np.int32), np.arange(0, 4 * pixels + 1, 4, dtype=np.int32)),
            shape=(pixels, grid.lines * grid.samples),
        )
        self._nearest = np.rint(line).astype(np.int32) * grid.samples + np.rint(sample).astype(np.int32)
        self._flat = np.flatnonzero(self.mask)

    def picture(self, beams: Float32[np.ndarray, "lines samples"]) -> UInt8[np.ndarray, "size size"]:
        """Gray values 0..255 on the beam grid -> the picture; 0 outside the sector."""
        picture = np.zeros(self.size * self.size, np.uint8)
        picture[self._flat] = self._table @ beams.ravel()
        return picture.reshape(self.size, self.size)

    def labels(self, beams: UInt8[np.ndarray, "lines samples"]) -> UInt8[np.ndarray, "size size"]:
        """Structure numbers on the beam grid -> the picture, nearest neighbor; 0 outside the sector."""
        picture = np.zeros(self.size * self.size, np.uint8)
        picture[self._flat] = beams.ravel()[self._nearest]
        return picture.reshape(self.size, self.size)

    def to_pixels(self, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """(x, z) in mm -> (column, row)."""
        return points / self.mm_per_pixel + np.asarray(self._origin)


@lru_cache(maxsize=4)
def scan_converter(grid: BeamGrid, size: int) -> ScanConverter:
    """The table of a grid and a size; the last few are kept, because the clips of a device often share one."""
    return ScanConverter(grid, size)
