"""Suprasternal notch: the aortic arch with its branches, ascending on the left, descending on the right."""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.motion import drift, nudge
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Scene

HALF_SEEN = 0.4  # of studies catch one limb of the arch only
# Of the arch's top: where a branch leaves, where it is lost above, half width; innominate, carotid, subclavian.
TOP_MM, DEEP_MM = 84.0, 24.0  # middle of the arch's half ellipse, and its height
BRANCHES = ((-20, (-33, 26), 4.5), (0, (-1, 22), 3.3), (17, (27, 25), 3.8))


def suprasternal(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Long axis of the arch; in 40 % of studies only one limb of it is caught."""
    p = patient.in_template()
    layers.chest_wall(pen, 11.0)
    missing = float(rng.uniform())
    part = "left" if missing < HALF_SEEN / 2 else "right" if missing < HALF_SEEN else "whole"
    t = np.deg2rad(np.linspace(180, 360, 9))
    half = p.arch_mm / 2
    # Tissue between the vessels, brighter and darker in places; lung on both sides.
    for x, z in ((-8, 72), (10, 114), (-14, 118), (2, 90), (46, 66), (-52, 76)):
        radii, turn = pen.rng.uniform((5, 4), (13, 9)), float(pen.rng.uniform(-40, 40))
        pen.ellipse("epicardial_fat", (x, z), radii, angle_deg=turn, rough_mm=2.2)
    side = 50 + half + pen.rng.uniform(0, 8, 2)
    pen.area("lung", [(side[0], 50), (side[0] - 4, 90), (side[0], 170), (240, 200), (240, 40)], rough_mm=2.0)
    pen.area("lung", [(-side[1] - 6, 60), (-side[1], 100), (-side[1] + 2, 180), (-240, 200), (-240, 50)], rough_mm=2.0)
    arch = np.stack([28 * np.cos(t) + pen.rng.normal(0, 1.0), TOP_MM + DEEP_MM * np.sin(t)], axis=1)
    path = np.concatenate([[(-44, 158), (-36, 116)], arch, [(30, 112), (34, 150), (36, 230)]])
    width = np.interp(np.arange(len(path)), [0, 2, 6, 10, 13],
                      [p.ascending_aorta_mm / 2, p.ascending_aorta_mm / 2, half, p.descending_aorta_mm / 2,
                       0.92 * p.descending_aorta_mm / 2])  # fmt: skip
    keep = slice(0, 7) if part == "left" else slice(5, None) if part == "right" else slice(None)
    path, width = path[keep].copy(), width[keep].copy()
    # Where the plane leaves the vessel, the tube tapers out.
    if part == "left":
        width[-2:] *= (0.85, 0.4)
    elif part == "right":
        width[:2] *= (0.4, 0.85)
    layers.atrium(pen, "la", [(-22, 124), (0, 115), (22, 124), (24, 136), (0, 146), (-24, 136)], rough_mm=1.5)
    pulse = {"contraction": 0.05}
    for (x, top, branch), seen in zip(BRANCHES, (part != "right", part == "whole", part != "left"), strict=True):
        if seen:
            base = (x, TOP_MM + 2 - DEEP_MM * np.sqrt(max(1 - (x / 28) ** 2, 0.1)))
            middle = ((x + top[0]) / 2 + pen.rng.normal(0, 1.0), (base[1] + top[1]) / 2)
            pen.tube("artery", [base, middle, top], [branch * 1.1, branch, branch * 0.8], wall=("vessel_wall", 0.9))
    # The innominate vein crosses before the branches; its wall is too thin to be seen.
    pen.tube("vein", [(-50, 34), (-24, 27), (-4, 25), (18, 27)], [4.8, 4.4, 4.2, 2.5])
    pen.tube("aorta", path, width, wall=("vessel_wall", 1.5), swells=pulse, rough_mm=0.8)
    radius = 0.36 * p.main_pulmonary_mm
    pen.ellipse("pulmonary_artery", (-2, 102), (radius * 1.15, radius), wall=("vessel_wall", 1.2), rough_mm=0.6)
    modes = {"contraction": nudge((0, 90), 30, (0.5, 1.5)), "breath": drift(p.breath_mm / 2 * np.array([0.2, 0.98]))}
    return Scene(pen.shapes, modes, latents={"part": part})
