"""Subcostal planes through the liver: four chambers lying on their side, inferior vena cava, abdominal aorta."""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.four import four_chambers
from sslecho.phantom.heart.motion import drift, nudge
from sslecho.phantom.heart.ventricle import Ventricle
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Scene


def _breath(p: Patient):
    """From below, breathing moves everything towards the probe and back."""
    return drift(p.breath_mm / 2 * np.array([0.35, 0.94]))


def sc4c(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Subcostal four chambers: liver on top, right heart above the left, apex to the right."""
    p = patient.in_template()
    # The plane cuts the ventricle a little short of its apex.
    length = 0.95 * p.lv_length_mm
    turn = np.deg2rad(8.0)
    base = np.array([-10.0, 80.0 + 0.75 * p.rv_base_mm + p.wall_mm + 0.5 * p.lv_diameter_mm - 10])
    apex = base + length * np.array([np.cos(turn), np.sin(turn)])
    v = Ventricle((float(apex[0]), float(apex[1])), (float(base[0]), float(base[1])), 0.96 * p.lv_diameter_mm / 2,
                  p.wall_mm, 0.74)  # fmt: skip
    layers.far_lung(pen, base[1] + p.lv_diameter_mm / 2 + p.wall_mm + 22)
    layers.liver(pen, 14, 46)
    # The liver's lower border slopes; what lies right of it is the diaphragm and the heart's bed.
    front = base[1] - p.lv_diameter_mm / 2 - p.wall_mm - p.rv_base_mm
    pen.area("liver", [(-160, 20), (100, 16), (90, front + 12), (40, front - 4), (-20, front - 2), (-70, front + 12),
                       (-105, front + 50), (-160, 150)], rough_mm=1.5)  # fmt: skip
    for points in (
        [(-90, 60), (-60, 42), (-30, 34)],
        [(-20, 20), (-4, 30), (14, 36)],
        [(-110, 96), (-94, 80), (-78, 70)],
    ):
        pen.tube("vein", points, float(pen.rng.uniform(2.2, 3.6)), wall=("vein_wall", 0.6))
    edge = [(-78, front + 22), (-40, front + 2), (0, front - 3), (40, front - 1), (80, front + 22)]
    pen.line("pericardium", edge, 2.2)
    modes = four_chambers(pen, p, v)
    return Scene(pen.shapes, {**modes, "breath": _breath(p)})


def sc_ivc(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Inferior vena cava in the liver, joining the right atrium; it narrows once per breath."""
    p = patient.in_template()
    layers.liver(pen, 14, 420)
    layers.far_lung(pen, 152.0)
    tube = [(-124, 98), (-84, 89), (-54, 86), (-14, 80), (30, 77)]
    ra = np.array([(24, 64), (44, 52), (74, 60), (84, 88), (64, 104), (34, 98), (22, 80)], float)
    ra = (24, 78) + (ra - (24, 78)) * (p.ra_length_mm / 45, p.ra_width_mm / 38)
    # The heart above the diaphragm, at the cranial end.
    pen.area("surroundings", [(38, 18), (140, 20), (150, 150), (56, 130), (29, 104), (20, 70)], rough_mm=1.5)
    pen.line("pericardium", [(38, 18), (25, 44), (19, 64)], 2.4)
    pen.line("pericardium", [(25, 98), (38, 114), (60, 140)], 2.4)
    pen.tube("vein", [(-42, 34), (-26, 56), (-8, 73)], 4.0, wall=("vein_wall", 0.7))
    branches = (
        [(-70, 50), (-56, 56), (-44, 52)],
        [(-80, 118), (-52, 112), (-20, 120)],
        [(-30, 112), (-10, 122), (6, 138)],
        [(-92, 62), (-84, 70), (-70, 72)],
    )
    for points in branches:
        moved = np.asarray(points, float) + pen.rng.normal(0, 4, 2)
        pen.tube("vein", moved, float(pen.rng.uniform(1.6, 3.2)), wall=("vein_wall", 0.8))
    layers.atrium(pen, "ra", ra)
    # Inspiration (breath 1) narrows it; the venous a-wave widens it a little.
    swells = {"breath": -p.collapse / 2, "a_wave": 0.06}
    # At rest it is half-way between its widest (the patient's diameter) and its narrowest.
    half = (p.ivc_mm - 1.0) / 2 / (1 + p.collapse / 2)
    shape = half * np.array([0.94, 1.02, 1.0, 1.06, 0.92])
    pen.tube("ivc", tube, shape, wall=("vein_wall", 0.8), swells=swells, rough_mm=0.5)
    pen.area("ra", ra, rough_mm=0.8)
    layers.orifice(pen, "ra", [(28, 70), (28, 86)], 9.0)
    # Eustachian valve.
    pen.line("chordae", [(27, 88), (34, 84), (41, 86)], 1.0)
    modes = {"contraction": nudge((54, 80), 24, (-4.0, 1.0)), "breath": _breath(p)}
    return Scene(pen.shapes, modes, latents={"collapse": p.collapse})


def sc_aorta(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Abdominal aorta in front of the spine, with the coeliac trunk and the superior mesenteric artery."""
    p = patient.in_template()
    layers.liver(pen, 14, 60)
    pen.shapes.append(layers.band("surroundings", 60, 420))
    pen.area(
        "liver", [(-150, 12), (150, 12), (126, 50), (60, 70), (20, 66), (-30, 64), (-60, 68), (-150, 82)], rough_mm=2.0
    )
    # Pancreas and fat between liver and aorta.
    pen.area("epicardial_fat", [(-96, 80), (-50, 68), (-10, 64), (18, 66), (4, 74), (-40, 82), (-80, 88)], rough_mm=2.2)
    for points in ([(-90, 40), (-62, 48), (-40, 44)], [(30, 26), (44, 40), (60, 46)], [(-20, 30), (-8, 40), (10, 44)]):
        moved = np.asarray(points, float) + pen.rng.normal(0, 4, 2)
        pen.tube("vein", moved, float(pen.rng.uniform(1.6, 3.2)), wall=("vein_wall", 0.7))
    pen.area("bowel", [(-138, 50), (-112, 44), (-96, 54), (-104, 70), (-130, 72)], rough_mm=2.0)
    first = float(pen.rng.uniform(-118, -92))
    for k in range(8):
        x, z = first + 30 * k + pen.rng.normal(0, 1.2), 117 + pen.rng.normal(0, 1.5) - 0.05 * (first + 30 * k)
        front = [(x - 11, z + 1.5), (x - 5, z - 0.5), (x + 4, z), (x + 11, z + 1.5), (x + 9, z + 6), (x - 9, z + 6)]
        pen.area("spine", front, rough_mm=0.7)
        pen.area("muscle", [(x + 11.5, z + 1), (x + 18, z + 1), (x + 18, z + 8), (x + 11.5, z + 8)], rough_mm=0.5)
    half = p.abdominal_aorta_mm / 2
    pulse = {"contraction": 0.065}
    lift = half - 9.5
    pen.tube("artery", [(-10, 86), (-6, 78 - lift), (4, 70 - lift), (24, 62 - lift)], 2.7, wall=("vessel_wall", 1.0))
    pen.tube(
        "artery", [(-22, 88), (-26, 82 - lift), (-44, 76 - lift), (-72, 75 - lift)], 2.8, wall=("vessel_wall", 1.0)
    )
    aorta = np.array([(-110, 100), (-40, 94), (20, 90), (90, 80)]) + np.outer(pen.rng.normal(0, 1.5, 4), (0, 1))
    shape = half * np.array([0.97, 1.0, 1.0, 1.05])
    pen.tube("aorta", aorta, shape, wall=("vessel_wall", 1.7), swells=pulse, rough_mm=0.6)
    modes = {"contraction": nudge((-20, 90), 40, (0.0, -0.8)), "breath": _breath(p)}
    return Scene(pen.shapes, modes)
