"""Geometry of a sector: a fan of two straight edges and two arcs about one apex, or an upright rectangle.

Clips of one device share few of them, so what a good clip shows may be lent to a dark one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

ARC_CORNERS = 26  # of each arc; a 90 degree arc of 600 pixels is met to 0.3 pixels
ALIKE = 0.02  # of the picture's longer side: outlines whose corners all lie closer are one


@dataclass(frozen=True)
class Outline:
    """A fan or a rectangle in a picture, in source pixels (whole numbers are pixel centers).

    Args:
        shape: height and width of the picture.
        clip: x0, y0, x1, y1; what lies outside is cut off. For a rectangle that is all there is.
        apex: (x, y) where a fan's edges meet; None for a rectangle.
        angles: of a fan's left and right edge, in radians from straight down, positive to the right.
        radii: of a fan's near and far arc.
    """

    shape: tuple[int, int]
    clip: tuple[float, float, float, float]
    apex: tuple[float, float] | None = None
    angles: tuple[float, float] = (0.0, 0.0)
    radii: tuple[float, float] = (0.0, 0.0)

    def polygon(self, *, inset: float = 0.0) -> Float[np.ndarray, "n 2"]:
        """At most 64 corners around it, `inset` pixels within; fewer than 3 where nothing is left."""
        x0, y0, x1, y1 = self.clip
        box = (x0 + inset, y0 + inset, x1 - inset, y1 - inset)
        if self.apex is None:
            corners = np.array([(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])])
            return corners if box[2] > box[0] and box[3] > box[1] else corners[:0]
        return _clipped(self._fan(inset), box)

    def _fan(self, inset: float) -> Float[np.ndarray, "n 2"]:
        assert self.apex is not None
        near, far = self.radii[0] + inset, self.radii[1] - inset
        left, right = self.angles
        if far <= near or right <= left:
            return np.zeros((0, 2))
        # Edges moved inward meet below the apex; nothing nearer than that is left.
        meet = inset / np.sin((right - left) / 2)
        near = max(near, meet) if self.radii[0] > 0 else meet
        if far <= near:
            return np.zeros((0, 2))

        def arc(radius: float) -> Float[np.ndarray, "n 2"]:
            turn = np.arcsin(min(inset / radius, 1.0)) if radius > 0 else 0.0
            angles = np.linspace(left + turn, right - turn, ARC_CORNERS)
            return radius * np.stack([np.sin(angles), np.cos(angles)], axis=1)

        tip = near <= meet + 1e-9
        middle = (left + right) / 2
        top = meet * np.array([[np.sin(middle), np.cos(middle)]]) if tip else arc(near)
        return np.concatenate([top, arc(far)[::-1]]) + np.asarray(self.apex)

    def scaled(self, factor: float) -> "Outline":
        """The same in pixels `factor` times as small (2: coordinates double), about pixel edges."""

        def moved(value: float) -> float:
            return (value + 0.5) * factor - 0.5

        x0, y0, x1, y1 = (moved(value) for value in self.clip)
        return Outline(
            shape=(round(self.shape[0] * factor), round(self.shape[1] * factor)),
            clip=(x0, y0, x1, y1),
            apex=None if self.apex is None else (moved(self.apex[0]), moved(self.apex[1])),
            angles=self.angles,
            radii=(self.radii[0] * factor, self.radii[1] * factor),
        )

    def landmarks(self) -> Float[np.ndarray, "n 2"]:
        """Corners and the middles of the arcs, in a fixed order, to compare outlines of one kind by."""
        x0, y0, x1, y1 = self.clip
        box = np.array([(x0, y0), (x1, y1)])
        if self.apex is None:
            return box
        angles = np.array([self.angles[0], sum(self.angles) / 2, self.angles[1]])
        rays = np.stack([np.sin(angles), np.cos(angles)], axis=1)
        return np.concatenate([self.apex + radius * rays for radius in self.radii] + [box])


def consensus(outlines: Sequence[Outline]) -> list[Outline]:
    """One outline for each group of outlines that are alike, largest group first; the order given has no say.

    Each is the one of its group that lies nearest to all others of the group.
    """
    # Sorted by content, so that ties fall the same way whatever the order was.
    ordered = sorted(outlines, key=_content)
    apart = _distances(ordered)
    near = apart <= ALIKE * np.array([max(outline.shape) for outline in ordered])
    left = np.arange(len(ordered))
    found = []
    while len(left):
        first = left[near[np.ix_(left, left)].sum(axis=1).argmax()]  # the first of the largest
        group = left[near[first, left]]
        spread = apart[np.ix_(group, group)].sum(axis=1)
        found.append(ordered[group[spread.argmin()]])
        left = left[~near[first, left]]
    return found


def alike(one: Outline, other: Outline) -> bool:
    """Whether two outlines are the same geometry, drawn twice."""
    same_kind = one.shape == other.shape and (one.apex is None) == (other.apex is None)
    return same_kind and _distance(one, other) <= ALIKE * max(one.shape)


def _distance(one: Outline, other: Outline) -> float:
    return float(np.hypot(*(one.landmarks() - other.landmarks()).T).max())


def _distances(outlines: Sequence[Outline]) -> Float[np.ndarray, "n n"]:
    """`_distance` of each pair; infinite between outlines of two kinds or picture sizes."""
    apart = np.full((len(outlines), len(outlines)), np.inf)
    kinds = [(outline.shape, outline.apex is None) for outline in outlines]
    for kind in set(kinds):
        of_kind = np.array([number for number, other in enumerate(kinds) if other == kind])
        marks = np.stack([outlines[number].landmarks() for number in of_kind])
        apart[np.ix_(of_kind, of_kind)] = np.linalg.norm(marks[:, None] - marks[None], axis=-1).max(axis=-1)
    return apart


def _content(outline: Outline) -> tuple[float, ...]:
    said = (*outline.shape, *outline.clip, *(outline.apex or (-1e9, -1e9)), *outline.angles, *outline.radii)
    return tuple(map(float, said))


def _clipped(corners: Float[np.ndarray, "n 2"], box: tuple[float, float, float, float]) -> Float[np.ndarray, "m 2"]:
    """A polygon cut to a rectangle, side by side.

    Source: I. Sutherland and G. Hodgman, "Reentrant polygon clipping", 1974.
    """
    for axis, limit, sign in ((0, box[0], 1), (1, box[1], 1), (0, box[2], -1), (1, box[3], -1)):
        if not len(corners):
            return corners
        depth = sign * (corners[:, axis] - limit)
        if (depth >= 0).all():
            continue
        made = []
        for k in range(len(corners)):
            here, there = corners[k - 1], corners[k]
            if (depth[k - 1] >= 0) != (depth[k] >= 0):
                made.append(here + (there - here) * (depth[k - 1] / (depth[k - 1] - depth[k])))
            if depth[k] >= 0:
                made.append(there)
        corners = np.array(made).reshape(-1, 2)
    return corners
