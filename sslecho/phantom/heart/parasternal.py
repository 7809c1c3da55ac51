"""Parasternal long axes: LV with root and left atrium (PLAX), and the right heart's inflow."""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.long_axis import long_axis
from sslecho.phantom.heart.motion import descend, drift, nudge, shrink, together
from sslecho.phantom.heart.ventricle import Ventricle
from sslecho.phantom.outline import Pen, shifted
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Scene

CENTER_MM = 75.0  # depth about which the placement scales the planes


def breath(p: Patient):
    """Through a parasternal window breathing moves the heart down and a little sideways."""
    return drift(p.breath_mm / 2 * np.array([0.35, 0.94]))


def front_mm(p: Patient, center_mm: float = CENTER_MM) -> float:
    """Template depth of the heart's front, which stays under the chest wall however large the heart is."""
    return center_mm - (center_mm - 16.0) / p.size[1]


def chest(pen: Pen, p: Patient) -> None:
    """The chest wall, as thick as the body is."""
    layers.chest_wall(pen, 13.0 + 0.5 * (p.skin_to_heart_mm - 20))


def plax(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Parasternal long axis: apex off the screen on the left, root and left atrium on the right."""
    p = patient.in_template()
    chest(pen, p)
    front = front_mm(p)
    axis = front + 4 + p.rv_outflow_mm + p.wall_mm + p.lv_diameter_mm / 2
    # Cut obliquely, the ventricle looks longer and blunter than it is.
    v = Ventricle((10 - 1.2 * p.lv_length_mm, axis + 2), (10.0, axis), p.lv_diameter_mm / 2, p.wall_mm, 0.92)
    back = axis + v.half_mm + v.wall_mm
    layers.far_lung(pen, back + 8 + p.effusion_mm)
    bed = [
        (-140, 60),
        (-60, 20),
        (40, 18),
        (140, 40),
        (150, back + 16),
        (60, back + 22),
        (0, back + 10),
        (-120, back + 4),
    ]
    pen.area("surroundings", bed)
    modes = long_axis(pen, p, v, outflow_mm=p.rv_outflow_mm, from_along=-0.05, to_mm=34.0)
    return Scene(pen.shapes, {**modes, "breath": breath(p)})


def rv_inflow(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Right ventricular inflow: RV left, RA right, tricuspid valve between.

    No left heart; but in a third of studies the probe is tilted half-way to the long axis, and its outflow shows.
    """
    p = patient.in_template()
    chest(pen, p)
    half_way = rng.uniform() < 1 / 3
    layers.far_lung(pen, 150.0)
    pen.line("pericardium", [(-120, 96), (-60, 100), (-20, 112), (30, 124)], 2.4)
    pen.area("liver", [(-130, 102), (-60, 104), (-20, 116), (30, 130), (40, 190), (-130, 190)])
    # Inflow axis from the apex, upper left, to the annulus; sizes across it and along it.
    k, wide = p.rv_length_mm / 71, p.rv_base_mm / 34
    annulus = np.array([12.0, 66.0])

    def rv_at(points):
        return annulus + (np.asarray(points, float) - annulus) * (k, wide)

    rv = rv_at([(-62, 66), (-50, 40), (-16, 30), (16, 33), (28, 46), (14, 62), (-6, 84), (-30, 92), (-54, 86)])
    ra = np.array([(8, 84), (20, 62), (34, 52), (56, 58), (68, 80), (60, 104), (34, 116), (10, 108)])
    ra = annulus + (ra - annulus) * (0.84 * p.ra_length_mm / 45, 0.84 * p.ra_width_mm / 38)
    pen.tube("ivc", [(40, 96), (58, 122), (74, 150)], p.ivc_mm / 2, wall=("vein_wall", 1.0))
    layers.grooves(pen, [(34, 40), (-4, 100)])
    if half_way:
        _towards_long_axis(pen, p)
    layers.atrium(pen, "ra", ra)
    pen.area("rv", rv, rough_mm=1.8, wall=("rv_wall", 5.0))
    ridges = rv_at([(-58, 56), (-40, 38), (-24, 32), (-44, 88), (-30, 91), (-58, 76), (-10, 86)])
    ridges = ridges[pen.rng.permutation(len(ridges))[:4]]
    layers.bumps(pen, "rv_wall", ridges, annulus - ridges, (1.8, 5.0))
    pen.area("ra", ra)
    pen.ellipse("vein", (10, 113), (4.5, 4.5), wall=("vein_wall", 1.0))
    hinges = rv_at([(28, 46), (-4, 88)])
    layers.orifice(pen, "rv", rv_at([(26, 50), (-1, 85)]), 9.0)
    pen.line("atrial_wall", [(38, 112), (43, 108), (48, 102)], 1.1)
    if p.pacing_wire:
        pen.line("wire", rv_at([(64, 96), (20, 70), (-30, 62), (-56, 70)]), 1.2)
    meet, opened = rv_at((7, 64)), rv_at([(2, 44), (-18, 76)])
    for start, tip in zip(rv_at([(-36, 40), (-34, 84)]), opened, strict=True):
        layers.chordae(pen, start, meet, tip, "mitral", 1)
    layers.valve(pen, "tricuspid", "mitral", hinges, meet, opened)
    loss = 1 - np.sqrt((1 - p.rv_area_change) / (1 - 0.14))
    modes = {
        "contraction": together(
            shrink(rv_at((-20, 62)), (42 * k, 30 * wide), loss),
            descend((-62, 58), annulus, 0.62 * p.lateral_descent_mm, roof_mm=45),
            shrink((-40, 110), (40, 14), 0.5 * p.shortening if half_way else 0.0),
        ),
        "a_wave": nudge((34, 82), 18, (1.5, 0.5)),
        "breath": breath(p),
    }
    return Scene(pen.shapes, modes, latents={"half_way": bool(half_way)})


def _towards_long_axis(pen: Pen, p: Patient) -> None:
    """Septum and left ventricle below the right one, where the plane half leaves the right heart."""
    wall, deep = p.wall_mm, 0.55 * p.lv_diameter_mm
    roof, floor = np.array([(-84, 99), (-44, 96), (-12, 98), (0, 104)]), np.array([(-4, 112), (-40, 120), (-84, 120)])
    cavity = np.concatenate([roof, shifted(floor, 0, deep - 24)])
    pen.area("myocardium", np.concatenate([shifted(roof, 4, -wall), shifted(floor, 5, deep - 24 + wall)]), rough_mm=1.0)
    pen.area("lv", cavity, rough_mm=1.2)
    layers.bumps(pen, "myocardium", cavity[[1, 2, 5]], np.array([(0, 1.0), (-1, 1), (0, -1)]), (1.5, 3.5))
    pen.line("chordae", [(-52, 108), (-36, 106), (-14, 108)], 0.8)
