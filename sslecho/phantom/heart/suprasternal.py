"""Suprasternal notch: the aortic arch with its branches, ascending on the left, descending on the right."""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.motion import drift, nudge
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Scene


def suprasternal(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Long axis of the arch; in 40 % of studies only one limb of it is caught."""
    layers.chest_wall(pen, 12.0)
    missing = float(rng.uniform())
    t = np.deg2rad(np.linspace(180, 360, 9))
    arch = np.stack([26 * np.cos(t), 72 + 22 * np.sin(t)], axis=1)
    half = 12.3 + (patient.aortic_sinus_mm - 32) / 3
    path = np.concatenate([[(-36, 126), (-31, 98)], arch, [(28, 98), (30, 150)]])
    if missing < 0.2:
        path = path[:-5]
    elif missing < 0.4:
        path = path[4:]
    pulse = {"contraction": 0.05}
    own = Pen(pen.rng)
    own.ellipse("la", (0, 120), (24, 14), wall=("atrial_wall", 2.0))
    own.tube("vein", [(-46, 30), (-10, 27), (20, 30)], 4.5, wall=("vein_wall", 0.9))
    if missing >= 0.2:
        for x, top, width in ((-20, (-30, 26), 4.5), (0, (0, 22), 3.3), (17, (26, 26), 3.8)):
            base = (x, 72 - 22 * np.sqrt(max(1 - (x / 26) ** 2, 0.1)))
            own.tube(
                "artery", [base, ((x + top[0]) / 2, (base[1] + top[1]) / 2), top], width, wall=("vessel_wall", 1.2)
            )
    own.tube("aorta", path, half, wall=("vessel_wall", 2.0), swells=pulse)
    own.ellipse("pulmonary_artery", (-2, 94), (8, 8), wall=("vessel_wall", 1.6))
    pen.shapes += own.shapes
    modes = {"contraction": nudge((0, 80), 30, (0.5, 1.5)), "breath": drift((0.3, 1.5))}
    return Scene(
        pen.shapes, modes, latents={"part": "left" if missing < 0.2 else "right" if missing < 0.4 else "whole"}
    )
