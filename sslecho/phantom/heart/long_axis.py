"""The plane through the left ventricle's inflow and outflow, in its axes: parasternal and apical windows share it."""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.motion import descend, nudge, shrink, squeeze, together
from sslecho.phantom.heart.ventricle import Ventricle
from sslecho.phantom.outline import Pen, shifted
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Mode

# Of the left atrium: share of its antero-posterior diameter behind the root, mm beyond the annulus.
ATRIUM = [(0.2, -5), (0.0, 14), (0.06, 36), (0.41, 44), (0.82, 38), (0.99, 16), (0.85, -1), (0.56, -8)]


def long_axis(
    pen: Pen, p: Patient, v: Ventricle, *, outflow_mm: float, from_along: float, to_mm: float
) -> dict[str, Mode]:
    """Draws the heart.

    Args:
        pen: draws the shapes.
        p: the patient in template sizes.
        v: the left ventricle; the anterior septum lies where rho is positive.
        outflow_mm: depth of the right ventricle's strip before the septum.
        from_along, to_mm: where along the ventricle that strip begins, and where beyond the annulus it ends.

    Returns:
        The heart's own modes, without breathing.
    """
    half, outer = v.half_mm, v.half_mm + v.wall_mm
    root = half + 2 - p.aortic_annulus_mm / 2  # rho of its axis at the annulus: its front goes on from the septum
    widths = np.array([p.aortic_annulus_mm, p.aortic_annulus_mm, p.aortic_sinus_mm, p.sinotubular_mm,
                       p.ascending_aorta_mm, p.ascending_aorta_mm]) / 2  # fmt: skip
    path = v.beyond([(root, -6), (root, 2), (root + 2, 13), (root + 4, 26), (root + 7, 40), (root + 12, 64)])
    behind = root + 2 - p.aortic_sinus_mm / 2 - 3.5
    # The diameter is that of end-systole, when the root, having moved forwards, has drawn the atrium open.
    depth = p.la_diameter_mm - 0.2 - 0.9 * p.root_motion_mm
    la = np.array([(behind - u * depth, z * p.la_length_mm / 48) for u, z in ATRIUM])
    floor = behind - depth

    radius = p.descending_aorta_mm / 2
    pen.ellipse("descending_aorta", v.beyond((floor - 3 - radius, 2))[0], (radius, radius), wall=("vessel_wall", 1.6))
    for rho, z in ((-outer + 1, -2), (behind - 2, 46)):
        pen.ellipse("epicardial_fat", v.beyond((rho, z))[0], pen.rng.uniform((6, 8), (10, 14)), rough_mm=2.2)
    # The right ventricle's outflow tract lies on the septum and on the root.
    along = np.linspace(from_along, 0.92, 5)
    sinus = root + p.aortic_sinus_mm / 2
    bed = np.concatenate([
        v.at(along, v.half(along) + v.wall_mm - 2), v.beyond([(sinus + 3, 0.4 * to_mm), (sinus + 5, to_mm)])
    ])  # fmt: skip
    front = outer + outflow_mm
    roof = np.concatenate(
        [
            v.at(along, front - 1.5 * np.linspace(3, 0, 5) ** 1.2),
            v.beyond([(front - 2, 0.4 * to_mm), (front - 0.22 * outflow_mm, to_mm)]),
        ]
    )
    pen.area("rv", np.concatenate([bed, roof[::-1]]), rough_mm=1.1, wall=("rv_wall", 4.0))
    if from_along < 0.3:  # more of the right ventricle than a strip
        layers.bumps(pen, "rv_wall", roof[1:4], np.tile(-v.normal, (3, 1)), (1.8, 4.0))
    layers.atrium(pen, "la", v.beyond(la))
    back = np.linspace(-0.3, 0.98, 7)
    if p.effusion_mm:
        middle = -(v.half(np.maximum(back, 0.5)) + v.wall_mm + p.effusion_mm / 2)
        pen.line("effusion", v.at(back, middle), p.effusion_mm)
        pen.line("pericardium", v.at(back, middle - p.effusion_mm / 2 - 1.5), 3.0)
    else:
        pen.line("pericardium", v.at(back, -(v.half(np.maximum(back, 0.5)) + v.wall_mm + 1.5)), 3.0)
    pen.area("myocardium", v.outside(float(np.clip(pen.rng.normal(1, 0.06), 0.9, 1.1)), 1.0), rough_mm=0.9)
    pen.tube("aorta", path, widths, wall=("vessel_wall", 2.0))
    pen.area("lv", v.cavity(), rough_mm=1.0)
    layers.trabeculae(pen, v, 6)
    layers.tendons(pen, v)
    pen.area("la", v.beyond(la), rough_mm=0.8)
    # The posterior wall's base between ventricle and atrium carries the posterior leaflet.
    anterior, posterior = np.array([root - p.aortic_annulus_mm / 2 - 0.5, 1.0]), np.array([-0.94 * half, -8.0])
    layers.orifice(pen, "lv", v.beyond([(root + 4, -3), (root - 7, -3)]), 14.0)
    layers.orifice(pen, "la", v.beyond([shifted(anterior, -3, 3), shifted(posterior, 4, 4)]), 9.0)

    meet = v.beyond(shifted(0.45 * anterior + 0.55 * posterior, 0, -13))[0]
    opened = v.beyond([shifted(anterior, 10, -23), shifted(posterior, 2, -13)])
    muscle = v.at([0.58, 0.56], [-0.75 * v.half(0.58), -0.55 * v.half(0.56)])
    for start, tip in zip(muscle, opened, strict=True):
        layers.chordae(pen, start, meet, tip, "mitral", 2)
    layers.valve(pen, "mitral", "mitral", v.beyond([anterior, posterior]), meet, opened)
    width = p.aortic_annulus_mm / 2
    layers.valve(pen, "aortic_valve", "aortic", v.beyond([(root + width, 3), (root - width, 3)]),
                 v.beyond((root + 1, 12))[0], v.beyond([(root + width, 17), (root + 2 - width, 17)]), 0.9)  # fmt: skip
    if p.mitral_calcium:
        pen.ellipse("calcium", v.beyond(shifted(posterior, -1, 3))[0], (4, 3))

    strength = min(p.shortening / 0.34, 1.0)
    atrium = v.beyond(((behind + floor) / 2, 18))[0]
    modes = {
        "contraction": together(
            squeeze(v, p.shortening, p.thickening, sides=p.wall_motion("inferolateral", "anteroseptal")),
            descend(v.apex, v.base, 0.85 * p.base_descent_mm, roof_mm=p.la_length_mm),
            nudge(v.beyond((root, 22))[0], 26, p.root_motion_mm * v.normal),
            shrink(atrium, (depth / 2, 24), (-0.08 * strength, -0.05 * strength), angle_deg=-v.turn_deg),
        ),
        "a_wave": nudge(v.beyond((behind - 12, 20))[0], 16, 1.5 * v.direction),
    }
    if p.septal_flash:
        modes["flash"] = nudge(v.at(0.6, outer - 4)[0], 15, -4.0 * v.normal)
    return modes
