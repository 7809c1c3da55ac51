"""Apical planes: four, five, two and three chambers. The apex is at the top, the atria below."""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.four import four_chambers
from sslecho.phantom.heart.long_axis import long_axis
from sslecho.phantom.heart.motion import descend, drift, nudge, shrink, squeeze, together
from sslecho.phantom.heart.ventricle import Ventricle
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Scene

CENTER_MM = 80.0  # depth about which the placement scales the apical planes
APEX_MM = 23.0  # of the cavity, under the probe
LUNG_WALL_MM = 8.0


def _ventricle(p: Patient, x: float, lean: float, annulus: float, width: float = 1.0) -> Ventricle:
    """The left ventricle under the probe; a large heart's apex stays where the ribs let it be."""
    top = CENTER_MM - (CENTER_MM - APEX_MM) / p.size[1]
    apex = (x, top)
    return Ventricle(apex, (x + lean, top + p.lv_length_mm - 3), width * p.lv_diameter_mm / 2, p.wall_mm, annulus)


def _breath(p: Patient):
    return drift(p.breath_mm / 2 * np.array([0.25, 0.97]))


def four_or_five(pen: Pen, patient: Patient, tilt: float) -> Scene:
    p = patient.in_template()
    layers.chest_wall(pen, LUNG_WALL_MM)
    v = _ventricle(p, 8.0, 8.0, 0.72)
    radius = p.descending_aorta_mm / 2.3
    pen.ellipse("descending_aorta", v.beyond((36, 36))[0], (radius, radius), wall=("vessel_wall", 1.5))
    modes = four_chambers(pen, p, v, tilt)
    return Scene(pen.shapes, {**modes, "breath": _breath(p)}, latents={"tilt": tilt})


def _tilt(rng: np.random.Generator) -> float:
    """Away from the view's own plane, 0..0.5; 15 % lie beyond 0.35, near the other view."""
    return 0.5 * float(rng.beta(0.9, 1.48))


def a4c(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Apical four chambers: right heart on the left, tricuspid nearer the apex than the mitral valve."""
    return four_or_five(pen, patient, _tilt(rng))


def a5c(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Apical five chambers: tilted up until the outflow tract and the root open between the atria."""
    return four_or_five(pen, patient, 1 - _tilt(rng))


def a2c(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Apical two chambers: inferior wall left, anterior wall right, no right heart."""
    p = patient.in_template()
    layers.chest_wall(pen, LUNG_WALL_MM)
    v = _ventricle(p, 0.0, 0.0, 0.76, width=0.97)
    annulus = v.annulus * v.half_mm
    layers.grooves(pen, v.beyond([(-annulus - 11, 4), (annulus + 11, 4), (-annulus - 16, -10)]))
    unit = np.array([(-0.38, 0.0), (0, -0.02), (0.38, 0.0), (0.5, 0.35), (0.42, 0.75), (0.08, 0.99), (-0.34, 0.84),
                     (-0.49, 0.36)])  # fmt: skip
    la = v.beyond(unit * (p.la_width_mm, p.la_length_mm - 4) + (0, 2))
    pen.area("vein", v.beyond([(annulus + 2, 4), (annulus + 13, 3), (annulus + 18, 13), (annulus + 6, 18)]))
    pen.tube("vein", v.beyond([(-8, p.la_length_mm - 3), (-15, p.la_length_mm + 14)]), 4.0)
    layers.atrium(pen, "la", la)
    along = np.linspace(0.2, 1.0, 6)
    if p.effusion_mm:
        middle = -(v.half(along) + v.wall_mm + p.effusion_mm / 2)
        pen.line("effusion", v.at(along, middle), p.effusion_mm)
        pen.line("pericardium", v.at(along, middle - p.effusion_mm / 2), 2.0)
    left, right = np.clip(pen.rng.normal(1.0, 0.07, size=2), 0.88, 1.12)
    for side in (-1, 1):
        edge = v.half(along) + v.wall_mm
        layer = np.concatenate(
            [v.at(along, side * (edge - 3)), v.at(along, side * (edge + pen.rng.uniform(1, 7, 6)))[::-1]]
        )
        pen.area("epicardial_fat", layer, rough_mm=1.4) if not p.effusion_mm else None
    pen.area("myocardium", v.outside(float(left), float(right)), rough_mm=0.9)
    pen.area("lv", v.cavity(), rough_mm=1.0)
    layers.trabeculae(pen, v, 11)
    layers.tendons(pen, v)
    pen.area("la", la, rough_mm=0.8)
    layers.orifice(pen, "la", v.beyond([(-annulus + 1, 1.5), (annulus - 1, 1.5)]), 7.0)
    pen.ellipse("vein", v.beyond((-annulus - 8, 6))[0], (4, 4), wall=("vein_wall", 1.2))
    pen.area("papillary", v.at([0.42, 0.5, 0.62, 0.66, 0.55], -v.half(0.5) + np.array([-1, 1.5, 5.5, 4, -1])))
    muscle = v.at(0.64, 5 - v.half(0.6))[0]
    meet, opened = v.beyond((-0.1 * annulus, -7))[0], v.beyond([(5 - annulus, -17), (annulus - 6, -20)])
    for tip in opened:
        layers.chordae(pen, muscle, meet, tip, "mitral")
    layers.valve(pen, "mitral", "mitral", v.beyond([(-annulus, 0), (annulus, 0)]), meet, opened)
    if p.mitral_calcium:
        pen.ellipse("calcium", v.beyond((-annulus - 2, 1))[0], (4, 3))
    strength = min(p.shortening / 0.34, 1.0)
    modes = {
        "contraction": together(
            squeeze(v, p.shortening, p.thickening, sides=p.wall_motion("inferior", "anterior")),
            descend(v.apex, v.base, p.base_descent_mm, roof_mm=p.la_length_mm),
            shrink(
                v.beyond((0, p.la_length_mm / 2))[0], (p.la_width_mm / 2, p.la_length_mm / 2), (-0.21 * strength, 0.0)
            ),
        ),
        "a_wave": nudge(v.beyond((0, 25))[0], 18, (0, 2.0)),
        "breath": _breath(p),
    }
    return Scene(pen.shapes, modes)


def a3c(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Apical long axis: LA lower left, root lower right; a parasternal long axis turned upright."""
    p = patient.in_template()
    layers.chest_wall(pen, LUNG_WALL_MM)
    v = _ventricle(p, 0.0, -2.0, 0.9, width=0.98)
    layers.grooves(pen, v.beyond([(-v.half_mm - 12, -6), (-v.half_mm - 14, 16), (34, 4)]))
    modes = long_axis(pen, p, v, outflow_mm=13.0, from_along=0.52, to_mm=6.0)
    return Scene(pen.shapes, {**modes, "breath": _breath(p)})
