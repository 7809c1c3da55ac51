"""Parasternal long axes: LV with root and left atrium (PLAX), and the right heart's inflow."""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.motion import descend, drift, nudge, squeeze, together
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Scene

RV_WALL = [(-78, 20), (-40, 17), (0, 15), (40, 18), (60, 24), (58, 40), (20, 46), (-20, 50), (-60, 56), (-80, 50)]
RVOT = [(-74, 30), (-40, 23), (0, 21), (36, 24), (52, 30), (40, 42), (12, 44), (-20, 46), (-55, 50), (-74, 46)]
LV_MASS = [(-92, 50), (-50, 47), (-10, 47), (16, 50), (18, 64), (12, 100), (6, 118), (-40, 118), (-80, 112), (-100, 84)]
LV = [
    (-84, 72),
    (-66, 60),
    (-35, 57),
    (0, 57),
    (14, 58),
    (16, 74),
    (12, 92),
    (2, 105),
    (-30, 107),
    (-66, 100),
    (-82, 88),
]
LA = [(7, 94), (26, 87), (48, 89), (56, 101), (50, 115), (28, 121), (11, 116), (4, 106)]
ROOT = [(8, 66), (16, 66), (26, 64), (38, 62), (52, 59), (75, 54)]
ROOT_HALF = [11, 13, 17, 14.5, 15, 15]


def plax(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Parasternal long axis: apex off the screen on the left, root and left atrium on the right."""
    layers.chest_wall(pen, 14.0)
    layers.far_lung(pen, 123.0)
    pen.area("surroundings", [(-140, 60), (-60, 20), (40, 18), (140, 40), (150, 125), (60, 132), (0, 124), (-120, 118)])
    pen.line("pericardium", [(-120, 113), (-70, 117), (-20, 120.5), (4, 122), (30, 126)], 3.5)
    pen.tube("descending_aorta", [(11.5, 135), (12.5, 135)], 10.5, wall=("vessel_wall", 1.5))
    pen.ellipse("descending_aorta", (14, 135), (10.5, 10.5), wall=("vessel_wall", 1.6))
    layers.grooves(pen, [(2, 114), (58, 84)])
    pen.area("rv_wall", RV_WALL)
    pen.area("rv", RVOT, rough_mm=1.0)
    pen.area("la", LA, wall=("atrial_wall", 2.0))
    pen.area("myocardium", LV_MASS)
    if patient.effusion_mm:
        pen.line("effusion", [(-100, 112), (-50, 119), (0, 121)], patient.effusion_mm)
        pen.line("pericardium", [(-110, 118), (-50, 124), (4, 127)], 3.0)
    pen.tube("aorta", ROOT, ROOT_HALF, wall=("vessel_wall", 2.0))
    pen.area("lv", LV, rough_mm=0.9)
    pen.area("la", LA)
    layers.orifice(pen, "lv", (10, 64), (10, 78), 16.0)
    layers.orifice(pen, "la", (13, 84), (5, 106), 9.0)
    pen.line("chordae", [(-14, 92), (-34, 99), (-50, 101)], 1.0)
    layers.valve(pen, "mitral", "mitral", [(13, 81), (5, 107)], (-6, 94), [(-13, 73), (-9, 104)], 1.1)
    layers.valve(pen, "aortic_valve", "aortic", [(17, 53), (17, 79)], (26, 66), [(32, 53), (32, 76)], 1.1)
    if patient.mitral_calcium:
        pen.ellipse("calcium", (4, 109), (4, 3))
    lv = squeeze((-90, 80), (12, 82), 24.0, 10.0, patient.shortening)
    modes = {
        "contraction": together(
            lv, descend((-95, 82), (10, 84), 0.8 * patient.base_descent_mm), nudge((30, 66), 24, (0, -8.0))
        ),
        "a_wave": nudge((26, 100), 16, (0, 1.5)),
        "breath": drift((0.5, 2.0)),
    }
    return Scene(pen.shapes, modes)


def rv_inflow(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Right ventricular inflow: RV left, RA right, tricuspid valve between, no left heart."""
    layers.chest_wall(pen, 14.0)
    layers.far_lung(pen, 150.0)
    pen.line("pericardium", [(-120, 96), (-60, 100), (-20, 112), (30, 124)], 3.0)
    pen.area("liver", [(-130, 102), (-60, 104), (-20, 116), (30, 130), (40, 190), (-130, 190)])
    rv = [(-62, 66), (-50, 38), (-16, 26), (16, 30), (28, 44), (14, 62), (-6, 84), (-30, 92), (-54, 86)]
    ra = [(8, 84), (20, 62), (34, 52), (56, 58), (68, 80), (60, 104), (34, 116), (10, 108)]
    pen.tube("ivc", [(52, 108), (66, 128), (76, 150)], 8.0, wall=("vein_wall", 1.2))
    pen.area("ra", ra, wall=("atrial_wall", 2.5))
    pen.area("rv", rv, rough_mm=1.6, wall=("rv_wall", 5.0))
    pen.area("ra", ra)
    pen.ellipse("vein", (10, 113), (4.5, 4.5), wall=("vein_wall", 1.2))
    layers.orifice(pen, "rv", (28, 50), (-1, 85), 10.0)
    pen.line("pericardium", [(38, 112), (43, 108), (48, 102)], 1.1)
    pen.line("moderator_band", [(-50, 60), (-36, 58), (-20, 80)], 1.4)
    if patient.pacing_wire:
        pen.line("wire", [(64, 96), (20, 70), (-30, 62), (-56, 70)], 1.1)
    layers.valve(pen, "tricuspid", "mitral", [(30, 46), (-4, 88)], (9, 64), [(4, 42), (-18, 76)], 1.1)
    modes = {
        "contraction": together(
            squeeze((-58, 60), (14, 66), 26.0, 5.0, 0.22), descend((-60, 58), (12, 67), 12.0, roof_mm=45)
        ),
        "breath": drift((0.5, 2.5)),
    }
    return Scene(pen.shapes, modes)
