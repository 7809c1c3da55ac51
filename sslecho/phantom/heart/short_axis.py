"""Parasternal short axes: great vessels, and the LV's ring at mitral, papillary and apical level."""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.motion import drift, nudge, ring, squeeze, together
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Scene, Shape


def psax_av(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Short axis at the aortic valve: RA on the left, outflow tract over the top, pulmonary artery on the right."""
    layers.chest_wall(pen, 14.0)
    layers.far_lung(pen, 142.0)
    mass = [(-74, 78), (-58, 46), (-24, 26), (14, 24), (46, 38), (58, 62), (40, 70), (22, 58), (0, 52), (-18, 58),
            (-30, 76), (-52, 92)]  # fmt: skip
    rvot = [(-66, 78), (-52, 50), (-22, 32), (12, 30), (40, 42), (50, 60), (38, 64), (22, 52), (0, 47), (-20, 54),
            (-34, 74), (-52, 84)]  # fmt: skip
    ra = [(-73, 93), (-52, 83), (-30, 85), (-17, 97), (-19, 116), (-37, 127), (-62, 121), (-77, 107)]
    la = [(-11, 100), (4, 95), (26, 97), (35, 110), (24, 129), (0, 135), (-15, 126)]
    layers.grooves(pen, [(-12, 92), (34, 84), (-44, 78)])
    pen.tube("pulmonary_artery", [(44, 96), (54, 112), (66, 128)], 7.5, wall=("vessel_wall", 1.5))
    pen.area("la", la, wall=("atrial_wall", 2.2))
    pen.area("ra", ra, wall=("atrial_wall", 2.2))
    pen.area("rv_wall", mass)
    pen.area("rv", rvot, rough_mm=1.0)
    pen.tube("pulmonary_artery", [(40, 58), (47, 76), (44, 96), (36, 112)], 11.0, wall=("vessel_wall", 1.6))
    pen.ellipse("aorta", (0, 72), (17, 17), wall=("vessel_wall", 2.2))
    layers.orifice(pen, "rv", (-58, 84), (-36, 82), 8.0)
    layers.valve(pen, "tricuspid", "mitral", [(-62, 86), (-31, 80)], (-47, 82), [(-58, 70), (-36, 68)], 1.1)
    layers.valve(pen, "pulmonary_valve", "aortic", [(31, 56), (50, 60)], (42, 64), [(36, 68), (52, 70)], 1.0)
    center = np.array([0.0, 72.0])
    commissures = [center + 16.5 * np.array([np.cos(a), np.sin(a)]) for a in np.deg2rad([90, 210, 330])]
    for k, commissure in enumerate(commissures):
        # Closed, the cusps' edges make a Y; open, each edge folds back onto the wall.
        following = commissures[(k + 1) % 3]
        folded = center + 0.8 * (following + commissure - 2 * center)
        pen.leaflet("aortic_valve", commissure, center, folded, course="aortic", thickness_mm=1.1, bow=0.0)
    modes = {
        "contraction": together(
            nudge((0, 72), 26, (0, -6.0)), squeeze((-66, 66), (44, 50), 12.0, 4.0, 0.30), nudge((5, 115), 18, (0, 4.0))
        ),
        "breath": drift((0.8, 2.0)),
    }
    return Scene(pen.shapes, modes)


def psax_mid(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Short axis of the LV at a level drawn at random: leaflets in half of all studies, else papillary muscles."""
    level = float(rng.normal(0.5, 0.35))
    return _ring_scene(pen, patient, rng, "mitral" if level < 0.5 else "papillary", {"level": level})


def psax_mv(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Short axis at the mitral valve's tips: the fish mouth."""
    return _ring_scene(pen, patient, rng, "mitral", {})


def psax_pap(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Short axis at the papillary muscles; no leaflets."""
    return _ring_scene(pen, patient, rng, "papillary", {})


def psax_apex(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Short axis near the apex: a small round cavity that nearly vanishes, hardly any right ventricle."""
    return _ring_scene(pen, patient, rng, "apex", {})


# Cavity's radius, wall and the right ventricle's depth at each level, mm; the level's own shortening against mid-wall.
RINGS = {"mitral": (25.0, 9.0, 24.0, 0.9), "papillary": (23.0, 9.5, 24.0, 0.95), "apex": (13.0, 9.5, 6.0, 1.7)}


def _ring_scene(pen: Pen, patient: Patient, rng: np.random.Generator, level: str, latents: dict[str, float]) -> Scene:
    layers.chest_wall(pen, 14.0)
    cavity, wall, crescent_mm, squeeze_share = RINGS[level]
    grow = float(np.clip((patient.lv_diameter_mm - 48) / 2, -4, 5)), float(np.clip(patient.wall_mm - 9, -2.5, 5))
    cavity, wall = cavity + (grow[0] - 0.6 * grow[1]) * cavity / 24, wall + grow[1]
    center = np.array([10.0, 80.0])
    outer = cavity + wall
    layers.far_lung(pen, 80 + outer + 8)
    pen.area("surroundings", [(-90, 40), (0, 18), (80, 40), (90, 100), (40, 80 + outer + 12), (-40, 80 + outer + 10)])
    # At the apex the right ventricle is a slit, or has ended.
    if level != "apex" or rng.uniform() < 0.5:
        first, last = (150, 292) if level != "apex" else (175, 260)
        angles = np.deg2rad(np.linspace(first, last, 9))
        depth = crescent_mm * np.sin(np.linspace(0, np.pi, 9)) ** 0.6
        crescent = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        outside = center + crescent * (outer - 1 + depth)[:, None]
        inside = (center + crescent * (outer - 2))[::-1]
        pen.area("rv", np.concatenate([outside, inside[1:-1]]), rough_mm=1.2, wall=("rv_wall", 4.0))
    pen.arc("pericardium", center, (outer + 2.5, outer + 2.5), 10, 170, 3.0)
    circle = np.deg2rad(np.arange(0, 360, 30))
    unit = np.stack([np.cos(circle), np.sin(circle)], axis=1)
    pen.shapes += _ring_shapes(pen, center + unit * outer, center + unit * cavity)
    if patient.effusion_mm:
        pen.arc("effusion", center, (outer + 3, outer + 3), 20, 160, patient.effusion_mm)
    if level == "mitral":
        half = 0.74 * cavity
        for side, gap in ((-1, -10.0), (1, 9.0)):
            x = np.linspace(-half, half, 7)
            rest = np.stack([x, side * 1.2 + 1.5 * (1 - (x / half) ** 2)], axis=1) + center
            opened = np.stack([np.zeros(7), gap * (1 - (x / half) ** 2)], axis=1)
            pen.shapes.append(Shape("mitral", rest, np.full(7, 0.8), moves={"mitral": opened}))
    elif level == "papillary":
        for degrees in (35.0, 145.0):
            a = np.deg2rad(degrees + rng.normal(0, 6))
            place = center + (cavity - 4.0) * np.array([np.cos(a), np.sin(a)])
            pen.ellipse("papillary", place, (7.5, 6.5), angle_deg=float(np.rad2deg(a)), rough_mm=0.8)
    shortening = min(patient.shortening * squeeze_share, 0.75)
    modes = {
        "contraction": together(ring(center, cavity, wall, shortening, 4.0), nudge((-22, 55), 16, (4.0, 5.0))),
        "breath": drift((0.8, 2.0)),
    }
    return Scene(pen.shapes, modes, latents={**latents, "mitral_level": level == "mitral"})


def _ring_shapes(pen: Pen, outer, inner):
    """The ring's own outlines: sizes are the patient's already, so nothing grows twice."""
    ring_pen = Pen(pen.rng)
    ring_pen.area("myocardium", outer)
    ring_pen.area("lv", inner, rough_mm=1.0)
    return ring_pen.shapes


def pa_long(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Long axis of the main pulmonary artery: outflow tract on top, trunk straight down to its fork."""
    layers.chest_wall(pen, 14.0)
    layers.far_lung(pen, 142.0)
    mass = [(-60, 50), (-34, 26), (-8, 20), (18, 28), (36, 46), (36, 60), (8, 62), (-16, 56), (-44, 66)]
    rvot = [(-52, 50), (-30, 32), (-8, 27), (14, 34), (28, 50), (26, 58), (10, 58), (-6, 54), (-24, 52), (-44, 60)]
    half = 11.5
    pen.tube("pulmonary_artery", [(26, 106), (40, 116), (58, 128)], 8.0, wall=("vessel_wall", 1.6))
    pen.tube("pulmonary_artery", [(24, 106), (4, 118), (-24, 126)], 8.0, wall=("vessel_wall", 1.6))
    pen.area("rv_wall", mass)
    pen.area("rv", rvot, rough_mm=1.0)
    trunk = [(18, 58), (22, 76), (25, 94), (26, 110)]
    pen.tube("pulmonary_artery", trunk, half, wall=("vessel_wall", 1.7))
    pen.tube("pulmonary_artery", [(26, 104), (32, 112), (40, 118)], 8.0)
    pen.tube("pulmonary_artery", [(25, 104), (17, 112), (8, 116)], 8.0)
    layers.orifice(pen, "rv", (8, 58), (29, 54), 10.0)
    pen.ellipse("aorta", (-14, 80), (15, 15), wall=("vessel_wall", 2.0))
    layers.valve(pen, "pulmonary_valve", "aortic", [(7, 60), (29, 56)], (19, 64), [(10, 74), (30, 70)], 1.0)
    modes = {
        "contraction": together(nudge((-14, 80), 24, (0, -4.0)), squeeze((-52, 54), (22, 54), 12.0, 4.0, 0.28)),
        "breath": drift((0.8, 2.0)),
    }
    return Scene(pen.shapes, modes)
