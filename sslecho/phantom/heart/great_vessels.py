"""Parasternal planes at the base of the heart: aortic valve in short axis, pulmonary artery in long axis."""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.motion import nudge, shrink, together
from sslecho.phantom.heart.parasternal import breath, chest
from sslecho.phantom.outline import Pen, shifted
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Scene

ROOT = np.array([0.0, 72.0])
OPEN_CUSPS = 0.72  # of the root's radius: how far the cusps' edges fold back


def _about(points, center, factors) -> np.ndarray:
    """Points scaled about a center."""
    center = np.asarray(center, float)
    return center + (np.asarray(points, float) - center) * factors


def psax_av(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Short axis at the aortic valve: RA on the left, outflow tract over the top, pulmonary artery on the right."""
    p = patient.in_template()
    chest(pen, p)
    layers.far_lung(pen, 144.0)
    root = p.aortic_sinus_mm / 2
    grown = root - 16.5
    # The outflow tract lies on the root; its own depth grows away from it.
    under = _about([(40, 60), (22, 58), (0, 53), (-18, 57), (-34, 74)], ROOT, 1 + grown / 18)
    over = np.array([(-52, 86), (-66, 78), (-52, 50), (-22, 32), (12, 30), (40, 42), (50, 60)])
    deeper = -18 * (p.rv_outflow_mm / 27 - 1) * np.array([0, 0, 0.5, 1, 1, 0.5, 0])
    over = _about(over, ROOT, 1 + grown / 34) + np.outer(deeper, (0, 1))
    rvot = np.concatenate([under, over])
    ra = [(-73, 93), (-52, 86), (-30, 87), (-18, 99), (-19, 116), (-37, 127), (-62, 121), (-77, 107)]
    la = [(-11, 96), (4, 92), (22, 95), (33, 106), (27, 120), (8, 129), (-10, 123), (-15, 110)]
    la = shifted(_about(la, (8, 92), (p.la_width_mm / 42, p.la_diameter_mm / 36)), 0, grown)
    ra = _about(ra, (-18, 102), (p.ra_width_mm / 44, p.ra_width_mm / 40))
    ra = shifted(ra, -0.5 * grown, 0.5 * grown)
    layers.grooves(pen, [(-14 - grown, 92 + grown), (36, 84), (-44, 80), (20, 60)])
    branch = 0.68 * p.main_pulmonary_mm / 2
    pen.tube(
        "pulmonary_artery", [(44, 96), (52, 110), (66, 126)], [branch, branch, 0.6 * branch], wall=("vessel_wall", 1.3)
    )
    layers.atrium(pen, "la", la)
    layers.atrium(pen, "ra", ra)
    # Interatrial septum at seven o'clock: thin, from the root down.
    pen.line("atrial_wall", [(-15 - grown, 90 + grown), (-17, 102), (-17, 120)], 2.4)
    pen.line("epicardial_fat", [(-13 - grown, 88 + grown), (-16, 96 + grown)], 6.0)
    pen.area("rv", rvot, rough_mm=1.2, wall=("rv_wall", 4.0))
    layers.bumps(pen, "rv_wall", rvot[7:11], ROOT - rvot[7:11], (1.5, 4.0))
    trunk = [(40, 60), (47, 76), (45, 95), (36, 112)]
    width = p.main_pulmonary_mm / 2 * np.array([0.95, 1.0, 1.0, 0.6])
    pen.tube("pulmonary_artery", shifted(trunk, grown, 0), width, wall=("vessel_wall", 1.4))
    pen.ellipse("aorta", ROOT, (root, root), wall=("vessel_wall", 1.9), rough_mm=0.6)
    layers.orifice(pen, "rv", [(-56, 86), (-36, 84)], 7.0)
    layers.valve(pen, "tricuspid", "mitral", [(-62, 87), (-31, 83)], (-47, 83), [(-58, 70), (-36, 69)])
    valve = shifted([(31, 57), (51, 62)], grown, 0)
    layers.valve(
        pen,
        "pulmonary_valve",
        "aortic",
        valve,
        (42 + grown, 66),
        [shifted(valve[0], 5, 12), shifted(valve[1], 1, 12)],
        0.9,
    )
    commissures = [ROOT + (root - 0.5) * np.array([np.cos(a), np.sin(a)]) for a in np.deg2rad([90, 210, 330])]
    for k, commissure in enumerate(commissures):
        # Closed, the cusps' edges make a Y; open, each edge folds back towards the wall: a triangle.
        following = commissures[(k + 1) % 3]
        folded = ROOT + OPEN_CUSPS * (following + commissure - 2 * ROOT)
        pen.leaflet("aortic_valve", commissure, ROOT, folded, course="aortic", thickness_mm=0.6, bow=0.0)
    if p.pacing_wire:
        pen.line("wire", [(-62, 112), (-46, 84), (-30, 52), (-4, 40)], 1.2)
    strength = min(p.shortening / 0.34, 1.0)
    modes = {
        "contraction": together(
            nudge(ROOT, 26, (0, -0.7 * p.root_motion_mm)),
            # Away from the root the outflow tract empties by half of what the whole ventricle does.
            shrink((-8, 34), (52, 16), 0.45 * p.rv_area_change),
            shrink(la.mean(axis=0), (22, 19), -0.15 * strength),
        ),
        "a_wave": nudge((5, 112), 16, (0, 1.0)),
        "breath": breath(p),
    }
    return Scene(pen.shapes, modes)


def pa_long(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Long axis of the main pulmonary artery: outflow tract on top, trunk straight down to its fork."""
    p = patient.in_template()
    chest(pen, p)
    layers.far_lung(pen, 144.0)
    half, branch = 1.02 * p.main_pulmonary_mm / 2, 0.7 * p.main_pulmonary_mm / 2
    deep = p.rv_outflow_mm / 27
    rvot = np.array([(-54, 52), (-32, 33), (-8, 28), (14, 33), (30, 48), (27, 58), (10, 59), (-6, 55), (-24, 54),
                     (-44, 62)])  # fmt: skip
    rvot = _about(rvot, (-6, 57), (1.0, deep))
    layers.grooves(pen, [(44, 66), (-36, 96)])
    left = [(26, 104), (38, 114), (58, 126)]
    right = [(24, 106), (2, 117), (-28, 121)]
    taper = branch * np.array([1.0, 0.95, 0.6])
    pen.tube("pulmonary_artery", left, taper, wall=("vessel_wall", 1.2))
    pen.tube("pulmonary_artery", right, taper, wall=("vessel_wall", 1.2))
    pen.area("rv", rvot, rough_mm=1.2, wall=("rv_wall", 4.0))
    layers.bumps(pen, "rv_wall", rvot[1:4], (np.array([-6, 57]) - rvot[1:4]), (1.5, 4.0))
    trunk = [(18, 58), (22, 76), (25, 94), (26, 108)]
    pen.tube("pulmonary_artery", trunk, [half * 0.95, half, half, half * 1.05], wall=("vessel_wall", 1.5))
    pen.tube("pulmonary_artery", [(26, 102), *left[1:]], taper, rough_mm=0.2)
    pen.tube("pulmonary_artery", [(26, 104), *right[1:]], taper, rough_mm=0.2)
    layers.orifice(pen, "rv", [(18 - 0.8 * half, 58), (18 + 0.8 * half, 55)], 10.0)
    root = p.ascending_aorta_mm / 2
    center = np.array([16.0 - half - root - 4.0, 80.0])
    pen.ellipse("aorta", center, (root, root), wall=("vessel_wall", 1.8), rough_mm=0.6)
    # Superior vena cava, on the far side of the ascending aorta.
    pen.ellipse("vein", shifted(center, -root - 12, 8), (6.5, 8), wall=("vein_wall", 0.9))
    valve = np.array([(18 - half, 61), (18 + half, 57)])
    layers.valve(
        pen, "pulmonary_valve", "aortic", valve, (20, 66), [shifted(valve[0], 3, 14), shifted(valve[1], 0, 14)], 0.9
    )
    modes = {
        "contraction": together(
            nudge(center, 24, (0, -0.5 * p.root_motion_mm)), shrink((-10, 42), (42, 16), 0.45 * p.rv_area_change)
        ),
        "breath": breath(p),
    }
    return Scene(pen.shapes, modes)
