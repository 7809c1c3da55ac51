"""Apical planes: four, five, two and three chambers. The apex is at the top, the atria below."""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.motion import descend, drift, nudge, squeeze, together
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Mode, Scene

MASS_4 = [
    (10, 14),
    (34, 26),
    (48, 54),
    (51, 84),
    (46, 114),
    (-4, 116),
    (-52, 108),
    (-54, 84),
    (-42, 58),
    (-24, 38),
    (-6, 20),
]
LV_4 = [(10, 26), (24, 34), (36, 56), (40, 80), (36, 106), (33, 110), (1, 110), (-1, 92), (-2, 62), (2, 36)]
RV_4 = [(-12, 46), (-14, 66), (-11, 90), (-9, 103), (-45, 103), (-46, 86), (-36, 62), (-22, 46)]
LA_4 = [(0, 113), (18, 111), (34, 113), (40, 130), (32, 152), (14, 156), (0, 148), (-3, 128)]
RA_4 = [(-10, 106), (-28, 104), (-46, 106), (-54, 124), (-46, 144), (-26, 150), (-10, 142), (-7, 122)]
MASS_2 = [(0, 14), (26, 26), (38, 54), (40, 86), (36, 114), (-32, 116), (-40, 86), (-36, 54), (-24, 28)]
LV_2 = [
    (0, 26),
    (18, 36),
    (27, 58),
    (29, 82),
    (24, 108),
    (18, 110),
    (-18, 110),
    (-24, 108),
    (-29, 84),
    (-26, 58),
    (-15, 36),
]
LA_2 = [(-18, 112), (0, 111), (18, 112), (26, 126), (24, 146), (4, 158), (-18, 150), (-25, 128)]
LA_3 = [(-26, 113), (-10, 113), (2, 115), (6, 130), (-2, 152), (-24, 156), (-38, 144), (-36, 124)]


def _beat(patient: Patient, apex, base, half_width: float, *more: Mode) -> dict[str, Mode]:
    lv = squeeze(apex, base, half_width, patient.wall_mm, patient.shortening)
    return {
        "contraction": together(lv, descend(apex, base, patient.base_descent_mm, roof_mm=48), *more),
        "a_wave": nudge((base[0], base[1] + 25), 18, (0, 2.0)),
        "breath": drift((1.0, 3.5)),
    }


def _pulled(points, shift: float | int, narrow: float | int, center: float | int) -> np.ndarray:
    """An atrium pushed aside by the root: moved outwards and narrowed about its own middle."""
    moved = np.asarray(points, float).copy()
    moved[:, 0] = center + (moved[:, 0] - center) * narrow + shift
    return moved


def _four_or_five(pen: Pen, patient: Patient, tilt: float) -> Scene:
    """`tilt` 0 = four chambers, 1 = five; the label changes at 0.5, the anatomy does not jump."""
    layers.chest_wall(pen, 9.0)
    la = _pulled(LA_4, 8 * tilt, 1 - 0.15 * tilt, 18)
    ra = _pulled(RA_4, -8 * tilt, 1 - 0.15 * tilt, -28)
    pen.ellipse("descending_aorta", (52, 146), (9.5, 9.5), wall=("vessel_wall", 1.5))
    for x in (6, 28):
        pen.tube("vein", [(x, 150), (x + (x - 18) * 0.4, 164)], 4.0, wall=("vein_wall", 1.0))
    layers.grooves(pen, [(-52, 112), (50, 118), (-2, 126)])
    pen.area("la", la, wall=("atrial_wall", 2.2))
    pen.area("ra", ra, wall=("atrial_wall", 2.2))
    if patient.effusion_mm:
        pen.line("effusion", [(44, 40), (56, 70), (58, 100)], patient.effusion_mm)
    pen.line("pericardium", [(54, 70), (57, 92), (54, 114)], 1.1)
    pen.area("myocardium", MASS_4)
    pen.area("lv", LV_4, rough_mm=1.1)
    pen.area("rv", RV_4, rough_mm=1.1)
    pen.area("la", la)
    pen.area("ra", ra)
    layers.orifice(pen, "la", (3 + 4 * tilt, 110), (33, 110), 9.0)
    layers.orifice(pen, "ra", (-11, 104), (-44, 104), 9.0)
    pen.line("moderator_band", [(-13, 62), (-24, 69), (-35, 74)], 1.1)
    wall = pen.grow_mm.get("lv", 0.0)
    pen.line("chordae", [(32 + wall, 72), (27, 84), (22, 94)], 0.7)
    pen.ellipse("papillary", (37 + wall, 66), (3.6, 10), angle_deg=8.0)
    if tilt > 0.25:
        share = (tilt - 0.25) / 0.75
        half = 13.0 * (0.35 + 0.65 * share)
        root = [(8, 104), (0, 118), (-5, 136), (-8, 152)]
        pen.tube("aorta", root, half, wall=("vessel_wall", 1.8))
        layers.orifice(pen, "lv", (3, 100), (13, 108), 12.0)
        layers.valve(
            pen, "aortic_valve", "aortic", [(-half + 3, 114), (half + 1, 121)], (0, 124), [(-7, 126), (6, 131)], 1.4
        )
    hinge = 3 + 7 * tilt
    layers.valve(pen, "mitral", "mitral", [(hinge, 110), (33, 110)], (20, 103), [(8 + 4 * tilt, 87), (29, 96)], 1.1)
    layers.valve(pen, "tricuspid", "mitral", [(-10, 103), (-44, 103)], (-24, 97), [(-15, 86), (-39, 83)], 1.1)
    if patient.mitral_calcium:
        pen.ellipse("calcium", (35, 111), (4, 3))
    if patient.pacing_wire:
        pen.line("wire", [(-40, 140), (-28, 104), (-24, 70), (-18, 52)], 1.1)
    modes = _beat(patient, (10, 16), (18, 110), 21.0, squeeze((-20, 40), (-28, 104), 14.0, 4.0, 0.22),
                  nudge((-46, 104), 13, (6.0, -8.0)))  # fmt: skip
    return Scene(pen.shapes, modes, latents={"tilt": tilt})


def a4c(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Apical four chambers: right heart on the left, tricuspid nearer the apex than the mitral valve."""
    return _four_or_five(pen, patient, 0.5 * float(rng.beta(0.9, 2.0)))


def a5c(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Apical five chambers: tilted up until the outflow tract and the root open between the atria."""
    return _four_or_five(pen, patient, 1 - 0.5 * float(rng.beta(0.9, 2.0)))


def a2c(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Apical two chambers: inferior wall left, anterior wall right, no right heart."""
    layers.chest_wall(pen, 9.0)
    layers.grooves(pen, [(-36, 118), (34, 118)])
    pen.area("la", LA_2, wall=("atrial_wall", 2.2))
    pen.line("pericardium", [(-44, 74), (-45, 92), (-40, 114)], 1.1)
    pen.area("vein", [(24, 114), (36, 112), (40, 124), (27, 126)], wall=("atrial_wall", 1.6))
    pen.area("myocardium", MASS_2)
    pen.area("lv", LV_2, rough_mm=1.1)
    pen.area("la", LA_2)
    layers.orifice(pen, "la", (-19, 110), (19, 110), 9.0)
    pen.ellipse("vein", (-27, 116), (4, 4), wall=("vein_wall", 1.2))
    wall = pen.grow_mm.get("lv", 0.0)
    pen.ellipse("papillary", (-26 - wall, 68), (3.6, 10), angle_deg=-8.0)
    pen.line("chordae", [(-22 - wall, 76), (-14, 89), (-8, 97)], 0.7)
    layers.valve(pen, "mitral", "mitral", [(-19, 110), (19, 110)], (-2, 102), [(-13, 92), (11, 90)], 1.1)
    if patient.mitral_calcium:
        pen.ellipse("calcium", (-21, 111), (4, 3))
    return Scene(pen.shapes, _beat(patient, (0, 16), (0, 110), 23.0))


def a3c(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Apical long axis: LA lower left, root lower right; a parasternal long axis turned upright."""
    layers.chest_wall(pen, 9.0)
    root = [(12, 102), (18, 118), (27, 136), (36, 156)]
    rvot = [(38, 50), (52, 60), (58, 84), (54, 104), (44, 104), (42, 80)]
    pen.area("rv", rvot, rough_mm=1.2, wall=("rv_wall", 3.5))
    layers.grooves(pen, [(-38, 118), (44, 112), (8, 128)])
    pen.area("la", LA_3, wall=("atrial_wall", 2.2))
    pen.line("pericardium", [(-45, 76), (-46, 92), (-42, 114), (-46, 138)], 2.2)
    pen.tube("aorta", root, 13.5, wall=("vessel_wall", 2.0))
    pen.area("myocardium", MASS_2)
    pen.tube("aorta", root, 13.5)
    pen.area("lv", LV_2, rough_mm=1.1)
    pen.area("la", LA_3)
    layers.orifice(pen, "lv", (5, 104), (26, 100), 12.0)
    layers.orifice(pen, "la", (-25, 110), (3, 110), 9.0)
    pen.line("chordae", [(-24, 78), (-18, 89), (-13, 97)], 0.7)
    layers.valve(pen, "mitral", "mitral", [(-25, 111), (3, 112)], (-13, 104), [(-20, 97), (5, 88)], 1.1)
    layers.valve(pen, "aortic_valve", "aortic", [(6, 119), (31, 112)], (21, 123), [(13, 132), (35, 126)], 1.1)
    if patient.mitral_calcium:
        pen.ellipse("calcium", (-27, 112), (4, 3))
    return Scene(pen.shapes, _beat(patient, (0, 16), (0, 110), 23.0))
