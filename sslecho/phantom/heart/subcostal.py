"""Subcostal planes through the liver: four chambers lying on their side, inferior vena cava, abdominal aorta."""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.motion import drift, nudge, squeeze, together
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Scene


def sc4c(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Subcostal four chambers: liver on top, right heart above the left, apex to the right."""
    mass = [(-66, 84), (-40, 62), (0, 56), (44, 64), (78, 88), (94, 114), (84, 138), (50, 152), (6, 152), (-30, 160),
            (-62, 150), (-76, 118)]  # fmt: skip
    rv = [(-12, 72), (20, 66), (50, 74), (74, 94), (58, 98), (30, 92), (0, 94), (-16, 90)]
    lv = [(-8, 110), (20, 102), (54, 106), (82, 116), (72, 130), (40, 140), (6, 142), (-10, 132)]
    ra = [(-20, 74), (-44, 70), (-64, 84), (-68, 104), (-48, 110), (-24, 102)]
    la = [(-16, 112), (-40, 114), (-62, 116), (-66, 136), (-48, 152), (-22, 148), (-12, 132)]
    layers.far_lung(pen, 168.0)
    layers.liver(pen, 14, 58)
    # The liver's lower border slopes; what lies right of it is the diaphragm and the heart's bed.
    pen.area("liver", [(-160, 20), (90, 16), (60, 50), (10, 55), (-60, 68), (-100, 100), (-160, 130)])
    for points in (
        [(-90, 60), (-60, 46), (-30, 40)],
        [(-20, 22), (-4, 36), (14, 44)],
        [(-110, 90), (-88, 78), (-70, 72)],
    ):
        pen.tube("vein", points, 3.2, wall=("vein_wall", 0.6), follows=True)
    pen.area("ra", ra, wall=("atrial_wall", 2.4))
    pen.area("la", la, wall=("atrial_wall", 2.4))
    if patient.effusion_mm:
        pen.line("effusion", [(-60, 70), (-20, 56), (30, 58), (76, 82)], patient.effusion_mm)
    pen.line("pericardium", [(-62, 66), (-20, 54), (30, 58), (70, 76), (96, 104)], 2.6)
    pen.area("myocardium", mass)
    pen.area("rv", rv, rough_mm=1.1)
    pen.area("lv", lv, rough_mm=1.1)
    pen.area("ra", ra)
    pen.area("la", la)
    layers.orifice(pen, "rv", (-17, 75), (-19, 100), 10.0)
    layers.orifice(pen, "lv", (-12, 114), (-12, 142), 10.0)
    layers.valve(pen, "tricuspid", "mitral", [(-16, 74), (-18, 101)], (-8, 88), [(2, 78), (-2, 96)], 1.1)
    layers.valve(pen, "mitral", "mitral", [(-11, 112), (-12, 143)], (-3, 126), [(10, 114), (3, 139)], 1.1)
    if patient.pacing_wire:
        pen.line("wire", [(-58, 88), (-18, 88), (30, 82), (60, 90)], 1.1)
    modes = {
        "contraction": together(
            squeeze((86, 122), (-12, 122), 18.0, patient.wall_mm, patient.shortening),
            squeeze((74, 90), (-14, 84), 13.0, 4.0, 0.22),
            nudge((-14, 108), 26, (patient.base_descent_mm, 0)),
        ),
        "breath": drift((0.5, 5.0)),
    }
    return Scene(pen.shapes, modes)


def sc_ivc(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Inferior vena cava in the liver, joining the right atrium; it narrows once per breath."""
    layers.liver(pen, 14, 420)
    layers.far_lung(pen, 152.0)
    tube = [(-110, 92), (-40, 84), (0, 80), (46, 78)]
    ra = [(40, 62), (60, 52), (92, 60), (100, 90), (80, 104), (50, 98), (38, 80)]
    # The heart above the diaphragm, at the cranial end.
    pen.area("surroundings", [(50, 20), (140, 20), (150, 150), (70, 130), (44, 104), (36, 70)])
    pen.line("pericardium", [(52, 18), (40, 44), (34, 64)], 2.6)
    pen.line("pericardium", [(40, 96), (54, 114), (76, 140)], 2.6)
    pen.tube("vein", [(-28, 34), (-12, 56), (6, 72)], 4.0, wall=("vein_wall", 0.8))
    pen.tube("vein", [(-70, 50), (-56, 56), (-44, 52)], 2.6, wall=("vein_wall", 1.0))
    pen.tube("vein", [(-80, 118), (-52, 112), (-20, 120)], 3.0, wall=("vein_wall", 0.8))
    pen.area("ra", ra, wall=("atrial_wall", 2.4))
    # Inspiration (breath 1) narrows it; the venous a-wave widens it a little.
    swells = {"breath": -patient.collapse / 2, "a_wave": 0.06}
    pen.tube("ivc", tube, 8.5, wall=("vein_wall", 0.9), swells=swells)
    pen.area("ra", ra)
    layers.orifice(pen, "ra", (43, 70), (43, 88), 9.0)
    modes = {"contraction": nudge((70, 80), 24, (-4.0, 1.0)), "breath": drift((3.0, 5.0))}
    return Scene(pen.shapes, modes, latents={"collapse": patient.collapse})


def sc_aorta(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Abdominal aorta in front of the spine, with the coeliac trunk and the superior mesenteric artery."""
    layers.liver(pen, 14, 72)
    pen.shapes.append(layers.band("surroundings", 72, 420))
    pen.area("liver", [(-150, 12), (150, 12), (120, 50), (40, 66), (-20, 70), (-150, 84)])
    pen.area("bowel", [(70, 56), (100, 46), (130, 60), (110, 76), (80, 70)], rough_mm=2.0)
    for x in (-105, -75, -45, -15, 15, 45, 75, 105):
        pen.area("spine", [(x - 11, 117), (x, 115), (x + 11, 117), (x + 9, 124), (x - 9, 124)])
    half = patient.abdominal_aorta_mm / 2
    pulse = {"contraction": 0.065}
    grow = Pen(pen.rng)  # the diameter is the patient's already
    grow.tube("artery", [(-10, 86), (-6, 78), (4, 70), (24, 62)], 2.7, wall=("vessel_wall", 1.2))
    grow.tube("artery", [(-22, 88), (-26, 82), (-44, 76), (-72, 74)], 2.9, wall=("vessel_wall", 1.2))
    aorta = [(-110, 100), (-40, 94), (20, 90), (90, 80)]
    grow.tube("aorta", aorta, half, wall=("vessel_wall", 1.8), swells=pulse)
    pen.shapes += grow.shapes
    modes = {"contraction": nudge((-20, 90), 40, (0.0, -0.8)), "breath": drift((2.0, 4.0))}
    return Scene(pen.shapes, modes)
