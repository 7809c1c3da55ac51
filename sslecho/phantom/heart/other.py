"""Fans that show no standard view: air, liver, lung, oblique cuts, the way from window to window, from the esophagus.

Some are drawn from a standard plane by an affine map: the cut is turned and squeezed as an oblique one is, or stood on
its head as the esophagus sees it. All constants are chosen, unless a source is named.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.apical import a2c, a4c, a5c
from sslecho.phantom.heart.motion import drift
from sslecho.phantom.heart.parasternal import plax
from sslecho.phantom.heart.short_axis import psax_mid
from sslecho.phantom.heart.view import View
from sslecho.phantom.outline import Pen, shifted
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Mode, Scene, Shape
from sslecho.phantom.tissues import Tissue

FACE_MM = 10.0  # the probe's radius that reverberations are drawn for; the devices' own are 0-15
DEEP_MM = 420.0
SLIDE_MM = 6.0  # of the lung from breath to breath, half of it to each side
A_LINES = 4
OFF_DEG = (45.0, 78.0)  # off the standard plane: beyond 35 degrees nobody takes it for one
SWEEP_MM = 250.0  # from one window to the next, along the face
SWEEP = "sweep"  # the course that goes from one window (-0.5) to the other (0.5); at rest it is between them

Draw = Callable[[Pen, Patient, np.random.Generator], Scene]

# What is seen below an aerated pleura is a mirror picture that fades, not the lung's own echo; between the lines it is
# nearly black. A B-line is a ring-down: as bright at the bottom as at the pleura (Lichtenstein and Meziere 2008).
AERATED = {
    "lung": Tissue(-17.0, 0.62, 0.0, 0.9, 4.0),
    "pleura": Tissue(9.0, 0.6, 3.5),
    "a_line": Tissue(-1.0, 0.62, 1.0, 0.95, 2.0),
}
WET = {
    "lung": Tissue(-16.0, 0.56, 0.0, 0.9, 4.0),
    "pleura": Tissue(7.0, 0.55, 3.0),
    "b_line": Tissue(5.0, 0.5, 0.0, 0.85, 1.0),
}


def _arc(distance_mm: float, thickness_mm: float, structure: str, half_deg: float = 60.0) -> Shape:
    """An echo at one distance from the face, whatever the beam."""
    angle = np.deg2rad(np.linspace(-half_deg, half_deg, 61))
    away = FACE_MM + distance_mm
    points = np.stack([away * np.sin(angle), away * np.cos(angle) - FACE_MM], axis=1)
    return Shape(structure, points, np.full(len(points), thickness_mm / 2), follows=False)


def probe_in_air(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Nobody holds the probe: the lens echoes again and again, below is noise."""
    spacing, count = float(rng.uniform(4.0, 9.0)), int(rng.integers(5, 10))
    for k in range(1, count + 1):
        pen.shapes.append(_arc(k * spacing, 1.2 + 0.1 * k, "a_line" if k > 2 else "pleura"))
    return Scene(pen.shapes, background="air", latents={"bands": count})


def liver(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Liver without the heart: hepatic veins that meet, portal branches; perhaps gallbladder, kidney."""
    layers.liver(pen, 14, DEEP_MM)
    dome = 128 + 30 * float(rng.uniform())
    layers.far_lung(pen, dome)
    x = np.linspace(-120, 120, 9)
    pen.line("pericardium", np.stack([x, dome - 1 + 0.0016 * x**2 + rng.normal(0, 1.0, 9)], axis=1), 2.6)
    meet = np.array([rng.uniform(-10, 40), dome - rng.uniform(18, 30)])
    for angle in np.add(rng.uniform(-12, 12, 3), (205, 250, 300)):
        toward = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
        bend = rng.normal(0, 6, 2)
        points = [meet, meet + 32 * toward + bend, meet + rng.uniform(55, 80) * toward]
        pen.tube("vein", points, [4.5, 3.4, 1.6], wall=("vein_wall", 0.5))
    for _ in range(int(rng.integers(4, 8))):
        start = rng.uniform((-70, 35), (60, dome - 25))
        path = [start, start + rng.normal(0, 9, 2) + (12, 3), start + rng.normal(0, 9, 2) + (25, 6)]
        pen.tube("vein", path, float(rng.uniform(1.4, 3.0)), wall=("vein_wall", 1.3))
    bladder, kidney = rng.uniform(size=2) < (0.35, 0.45)
    if bladder:
        pen.ellipse("bladder", rng.uniform((-40, 50), (10, 72)), (27, 12), angle_deg=rng.uniform(-40, 40), rough_mm=0.8,
                    wall=("vein_wall", 1.8))  # fmt: skip
    if kidney:
        center, tilt = rng.uniform((-80, 84), (-46, 104)), float(rng.uniform(-35, 10))
        pen.ellipse("kidney", center, (48, 23), angle_deg=tilt, rough_mm=1.2, wall=("vein_wall", 1.0))
        pen.ellipse("epicardial_fat", center, (28, 9), angle_deg=tilt, rough_mm=2.2)
    modes = {"breath": drift(patient.breath_mm / 2 * np.array([0.35, 0.94]))}
    return Scene(pen.shapes, modes, "liver", {"gallbladder": bool(bladder), "kidney": bool(kidney)})


def _chest(pen: Pen, patient: Patient, rng: np.random.Generator) -> float:
    """Skin to pleura and the lung below it; returns the pleura's depth."""
    pleura = float(np.clip(patient.skin_to_heart_mm + rng.normal(2, 3), 14, 36))
    layers.chest_wall(pen, pleura)
    pen.shapes.append(layers.band("lung", pleura, DEEP_MM))
    return pleura


def _pleura(pen: Pen, rng: np.random.Generator, depth_mm: float) -> None:
    """Its bright line, and up to two ribs, which stand."""
    x = np.linspace(-layers.WIDE_MM, layers.WIDE_MM, 81)
    z = depth_mm + 0.0007 * x**2
    pen.shapes.append(Shape("pleura", np.stack([x, z], 1), 0.6 + 0.25 * np.abs(rng.standard_normal(81)), follows=False))
    for side in (-1, 1):
        if rng.uniform() < 0.75:
            rib = Pen(rng)
            place = (side * rng.uniform(17, 30), depth_mm - rng.uniform(5, 8))
            rib.ellipse("rib", place, rng.uniform((6.0, 3.0), (8.5, 4.2)))
            pen.shapes += [replace(shape, follows=False) for shape in rib.shapes]


def _slides(depth_mm: float) -> dict[str, Mode]:
    """The lung moves along the pleura with the breath."""

    def mode(points: np.ndarray) -> np.ndarray:
        return np.where(points[:, 1:] > depth_mm, np.array([SLIDE_MM / 2, 0.0]), 0.0)

    return {"breath": mode}


def lung_a(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Aerated lung: the pleura, and its reverberations at equal distances, ever paler."""
    pleura = _chest(pen, patient, rng)
    for k in range(2, A_LINES + 2):
        half_deg = float(rng.uniform(18, 46) - 3 * k)
        line = _arc(k * pleura, 1.0 + 0.35 * k, "a_line", half_deg)
        pen.shapes.append(replace(line, points=shifted(line.points, rng.normal(0, 2), 0)))
    _pleura(pen, rng, pleura)
    return Scene(pen.shapes, _slides(pleura), latents={"pleura_mm": pleura})


def lung_b(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Wet lung: three rays or more from the pleura to the bottom of the screen, wiping A-lines out."""
    pleura, count = _chest(pen, patient, rng), int(rng.integers(3, 8))
    depth = np.linspace(pleura, 260, 24)
    for angle in np.deg2rad(rng.uniform(-32, 32, count)):
        x = np.tan(angle) * (depth + FACE_MM)
        half = (0.012 + 0.02 * rng.uniform()) * (depth + FACE_MM) * np.linspace(1, 1.15, 24)
        ray = np.stack([x, depth], axis=1)
        moves = {"breath": np.outer((depth + FACE_MM) / (pleura + FACE_MM), (SLIDE_MM / 2, 0.0))}
        pen.shapes.append(Shape("b_line", ray, half, moves=moves, follows=False))
    _pleura(pen, rng, pleura)
    return Scene(pen.shapes, _slides(pleura), latents={"pleura_mm": pleura, "b_lines": count})


def _mapped(scene: Scene, matrix: np.ndarray, center, shift, *, without: frozenset[str] = frozenset()) -> Scene:
    """The scene with everything that follows the probe mapped: p -> matrix (p - center) + center + shift."""
    center, shift = np.asarray(center, float), np.asarray(shift, float)
    inverse, wide = np.linalg.inv(matrix), float(np.sqrt(abs(np.linalg.det(matrix))))

    def place(points: np.ndarray) -> np.ndarray:
        return (points - center) @ matrix.T + center + shift

    def mapped(mode: Mode) -> Mode:
        return lambda points: mode((points - center - shift) @ inverse.T + center) @ matrix.T

    shapes = []
    for shape in scene.shapes:
        if shape.structure in without:
            continue
        if shape.follows:
            thick = {"half_widths": shape.half_widths * wide} if shape.half_widths is not None else {}
            shape = replace(
                shape,
                points=place(shape.points),
                moves={name: move @ matrix.T for name, move in shape.moves.items()},
                swells={name: swell * wide for name, swell in shape.swells.items()},
                **thick,
            )
        shapes.append(shape)
    modes = {name: mapped(mode) for name, mode in scene.modes.items()}
    return Scene(shapes, modes, scene.background, scene.latents)


def _turn(degrees: float) -> np.ndarray:
    a = np.deg2rad(degrees)
    return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])


def off_axis(draw: Draw) -> Draw:
    """A plane that cuts the heart far off the standard one.

    A cut `off` degrees away shows a chamber narrower by the cosine across the axis that the probe tilts about; the cut
    misses the valves, the picture is turned and out of the middle, and lung lies before a part of it.
    """

    def oblique(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
        scene = draw(pen, patient, rng)
        off, axis = float(rng.uniform(*OFF_DEG)), float(rng.uniform(0, 180))
        turned = float(rng.choice([-1, 1]) * rng.uniform(*OFF_DEG))
        squeeze = np.diag([max(float(np.cos(np.deg2rad(off))), 0.42), 1.0])
        matrix = _turn(turned) @ _turn(axis) @ squeeze @ _turn(-axis)
        shift = rng.uniform((12, -6), (42, 26)) * (rng.choice([-1, 1]), 1)
        missed = frozenset({"mitral", "tricuspid", "aortic_valve", "chordae", "moderator_band"})
        scene = _mapped(scene, matrix, (0, 80), shift, without=missed)
        side = float(np.sign(-shift[0]))
        top = float(rng.uniform(12, 22))
        edge = [(side * (8 + 0.42 * z + rng.normal(0, 2)), top + z) for z in np.linspace(0, 200, 9)]
        cover = np.array([*edge, (side * 260, top + 200), (side * 260, top)])
        scene.shapes.append(Shape("lung", cover, follows=False))
        scene.latents = {**scene.latents, "off_deg": off, "turned_deg": turned}
        return scene

    return oblique


def toe(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Four chambers from the esophagus: the left atrium under the probe, the apex at the bottom, no chest wall."""
    scene = (a4c if rng.uniform() < 0.6 else a2c)(pen, patient, rng)
    scene.shapes = [shape for shape in scene.shapes if shape.follows]
    roof = max(float(shape.points[:, 1].max()) for shape in scene.shapes if shape.structure == "la")
    scene = _mapped(scene, np.diag([1.0, -1.0]) @ _turn(float(rng.normal(0, 8))), (0, roof / 2), (0, 5))
    wall = layers.band("muscle", -60, 2.0)  # the esophagus
    scene.shapes = [*scene.shapes, wall]
    return scene


def sweep(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """The probe on its way between two windows: the one leaves on one side, past rib and lung the other comes in."""
    pairs = ((plax, a4c), (psax_mid, a4c), (plax, a2c), (psax_mid, a5c))
    first, second = pairs[int(rng.integers(len(pairs)))]
    half = SWEEP_MM / 2
    scenes = []
    for draw, side in ((first, -1.0), (second, 1.0)):
        scene = _mapped(draw(Pen(pen.rng), patient, rng), np.eye(2), (0, 0), (side * half, 0))
        keep = np.minimum if side < 0 else np.maximum
        cut = [
            replace(s, points=np.stack([keep(s.points[:, 0], 0.0), s.points[:, 1]], axis=1)) if s.follows else s
            for s in scene.shapes
        ]
        scenes.append(replace(scene, shapes=cut))
    left, right = scenes
    pen.shapes += [shape for scene in scenes for shape in scene.shapes if shape.follows]
    wide = float(rng.uniform(20, 36))
    z = np.linspace(10, 300, 12)
    edges = [np.stack([side * (wide + 0.12 * z + rng.normal(0, 2, 12)), z], axis=1) for side in (-1, 1)]
    pen.shapes.append(Shape("lung", np.concatenate([edges[0], edges[1][::-1]])))
    pen.ellipse("rib", (rng.uniform(-10, 10), 10), (9, 4))
    pen.shapes += [shape for shape in left.shapes if not shape.follows]
    still = np.zeros(2)

    def joined(name: str) -> Mode:
        modes = [scene.modes.get(name, drift(still)) for scene in scenes]
        return lambda points: np.where(points[:, :1] < 0, modes[0](points), modes[1](points))

    modes = {name: joined(name) for name in {**left.modes, **right.modes}}
    return Scene(pen.shapes, {**modes, SWEEP: drift((-SWEEP_MM, 0.0))})


IN_AIR = {
    "air": Tissue(-34.0, 0.62, 0.0, 0.6, 4.0),  # clutter, not tissue
    "pleura": Tissue(4.0, 1.0, 2.5),  # the lens
    "a_line": Tissue(0.0, 0.9, 1.5, 0.95, 2.0),
}


def sweep_path(rng: np.random.Generator, frames: int) -> Float[np.ndarray, " frames"]:
    """Values of the course SWEEP: one way, and never so far that a standard plane fills the sector."""
    start, stop = rng.uniform(0.2, 0.34, 2) * rng.choice([-1, 1]) * (-1, 1)
    share = np.linspace(0, 1, frames) if frames > 1 else rng.uniform(size=1)
    return start + (stop - start) * share


# By name; grades and archives draw among them.
OTHER: dict[str, View] = {
    "probe_in_air": View(probe_in_air, 150.0, 76.0, (0.0, 75.0), "none", 0.0, IN_AIR),
    "liver": View(liver, 160.0, 74.0, (0.0, 80.0), "none", 0.0),
    "lung_a": View(lung_a, 130.0, 74.0, (0.0, 65.0), "none", 0.0, AERATED),
    "lung_b": View(lung_b, 140.0, 74.0, (0.0, 65.0), "none", 0.0, WET),
    "off_plax": View(off_axis(plax), 155.0, 76.0, (0.0, 80.0), "none", 0.0),
    "off_psax": View(off_axis(psax_mid), 150.0, 76.0, (0.0, 80.0), "none", 0.0),
    "off_a4c": View(off_axis(a4c), 155.0, 76.0, (0.0, 80.0), "none", 0.0),
    "toe": View(toe, 135.0, 86.0, (0.0, 65.0), "none", 0.0),
    "sweep": View(sweep, 150.0, 76.0, (0.0, 75.0), "none", 0.0),
}
