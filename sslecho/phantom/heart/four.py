"""The plane through all four chambers, in the left ventricle's axes: apical and subcostal windows share it."""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.motion import descend, nudge, pull, shrink, squeeze, together
from sslecho.phantom.heart.ventricle import Ventricle
from sslecho.phantom.outline import Pen, shifted, spline
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Mode

RV_WALL_MM = 4.0  # normal up to 5
ROOT_FROM = 0.35  # the tilt from which the root shows; chosen
SEPTUM_MM = 4.0  # between the atria
# Of width and length, from the septum outwards and from the annulus to the roof.
ATRIUM = [(0.05, 0.0), (0.45, -0.02), (0.84, 0.0), (0.99, 0.38), (0.86, 0.84), (0.45, 0.99), (0.1, 0.86), (0.01, 0.4)]
# Width of the right ventricle over its length from the annulus: shares of (base, mid) diameter.
RV_WIDTHS = [(0.03, 0.9, 0.0), (0.2, 1.0, 0.0), (0.4, 0.45, 0.62), (0.6, 0.0, 0.94), (0.8, 0.0, 0.6), (0.95, 0.0, 0.22)]


def _septal_edge(v: Ventricle, along) -> np.ndarray:
    return np.asarray(-(v.half(along) + v.wall_mm))


def _right_profile(p: Patient, v: Ventricle) -> tuple[np.ndarray, ...]:
    """From the annulus to the apex: shares of its length, `along`, rho of the septum, width."""
    top = 1 - p.annuli_apart_mm / v.length_mm
    share = np.array([u for u, _, _ in RV_WIDTHS])
    width = np.array([base * (p.rv_base_mm - 2) + mid * p.rv_mid_mm for _, base, mid in RV_WIDTHS])
    along = top - share * p.rv_length_mm / v.length_mm
    return share, along, _septal_edge(v, np.maximum(along, 0.02)), width


def _right_ventricle(pen: Pen, p: Patient, v: Ventricle) -> tuple[np.ndarray, np.ndarray]:
    """Draws it; returns the septal and the lateral hinge of its valve."""
    share, along, edge, width = _right_profile(p, v)
    top = 1 - p.annuli_apart_mm / v.length_mm
    outline = np.concatenate([v.at(along, edge + 2), v.at(along, edge - width)[::-1]])
    pen.area("rv", outline, rough_mm=1.2, wall=("rv_wall", RV_WALL_MM))
    ridge = pen.rng.uniform(0.35, 0.95, size=6)
    places = v.at(top - ridge * p.rv_length_mm / v.length_mm, np.interp(ridge, share, edge - width))
    layers.bumps(pen, "rv_wall", places, np.tile(v.normal, (6, 1)), (1.8, 4.5))
    # The moderator band leaves the septum low and reaches the free wall nearer the apex.
    along, across = top - np.array([0.5, 0.62, 0.76]) * p.rv_length_mm / v.length_mm, np.array([0.0, 0.45, 1.0])
    near, far = np.interp([0.5, 0.62, 0.76], share, edge), np.interp([0.5, 0.62, 0.76], share, edge - width)
    if pen.rng.uniform() < 0.6:
        pen.line("moderator_band", v.at(along, near + across * (far - near)), 0.9)
    hinge = float(_septal_edge(v, 1.0))
    return np.array([hinge, -p.annuli_apart_mm]), np.array([hinge - 0.92 * p.rv_base_mm, -p.annuli_apart_mm])


def _atria(pen: Pen, p: Patient, v: Ventricle, tilt: float) -> None:
    unit = np.array(ATRIUM)
    narrow = 1 - 0.15 * tilt
    edge = -v.annulus * v.half_mm - 2.0
    left = np.stack(
        [edge + 8 * tilt + unit[:, 0] * (p.la_width_mm + 1.5) * narrow, 2 + unit[:, 1] * (p.la_length_mm - 5)], axis=1
    )
    right = np.stack([edge - SEPTUM_MM - 8 * tilt - unit[:, 0] * (p.ra_width_mm - 4.5) * narrow,
                      2 - p.annuli_apart_mm + unit[:, 1] * (p.ra_length_mm - 5)], axis=1)  # fmt: skip
    for x in (0.25, 0.8):
        start = np.array([edge + x * p.la_width_mm, p.la_length_mm - 3])
        pen.tube("vein", v.beyond([start, shifted(start, 14 * (x - 0.5), 16)]), 4.0)
    layers.atrium(pen, "la", v.beyond(left))
    layers.atrium(pen, "ra", v.beyond(right))
    # The septum: a thick foot at the crux, the thin oval fossa that drops out, a foot at the roof.
    middle = edge - SEPTUM_MM / 2
    if tilt < 0.5:
        length = min(p.la_length_mm, p.ra_length_mm)
        foot, roof = float(pen.rng.uniform(0.25, 0.45)), float(pen.rng.uniform(0.68, 0.85))
        pen.line("ra", v.beyond([(middle, foot * length), (middle, 0.9 * length)]), SEPTUM_MM + 2)
        if pen.rng.uniform() < 0.4:
            pen.line("atrial_wall", v.beyond([(middle, 4), (middle + 0.5, roof * length)]), 0.7)
        pen.line("epicardial_fat", v.beyond([(middle - 1, -2), (middle, 6), (middle, foot * length)]), 6.0 - 4 * tilt)
        pen.line("atrial_wall", v.beyond([(middle, roof * length), (middle, 1.05 * length)]), 4.0)


def _root(pen: Pen, p: Patient, v: Ventricle, tilt: float) -> None:
    """Outflow tract and root, which open as the plane tilts up."""
    share = (tilt - ROOT_FROM) / (1 - ROOT_FROM)
    half = p.aortic_annulus_mm / 2 * (0.55 + 0.45 * share)
    path = v.beyond([(-9, -6), (-17, 8), (-22, 26), (-25, 42)])
    bulge = np.array([1.0, p.aortic_sinus_mm / p.aortic_annulus_mm, 1.05, 1.05])
    pen.tube("aorta", path, half * bulge, wall=("vessel_wall", 1.3))
    layers.orifice(pen, "lv", v.beyond([(-14, -9), (-4, -1)]), 12.0)
    hinges = v.beyond([(-14 - half, 3), (-16 + half, 11)])
    layers.valve(pen, "aortic_valve", "aortic", hinges, v.beyond((-17, 13))[0],
                 v.beyond([(-21 - 0.55 * half, 17), (-18 + 0.6 * half, 21)]), 0.7)  # fmt: skip


def four_chambers(pen: Pen, p: Patient, v: Ventricle, tilt: float = 0.0) -> dict[str, Mode]:
    """Draws the heart; `tilt` 0 = four chambers, 1 = five: the anatomy does not jump where the label changes.

    Args:
        pen: draws the shapes.
        p: the patient in template sizes.
        v: the left ventricle, right heart where rho is negative.
        tilt: 0..1.

    Returns:
        The heart's own modes, without breathing.
    """
    annulus = v.annulus * v.half_mm
    lateral = v.half_mm + v.wall_mm
    # Fat in the grooves and along the free wall: there the heart has no outer edge to be seen.
    for rho, z in ((annulus + 9, 3), (annulus + 16, -6), (-annulus - v.wall_mm - p.rv_base_mm - 3, -4)):
        radii = pen.rng.uniform((7.0, 10.0), (11.0, 17.0))
        pen.ellipse("epicardial_fat", v.beyond((rho, z))[0], radii, angle_deg=v.turn_deg, rough_mm=2.4)
    along = np.linspace(0.3, 1.02, 6)
    edge = v.half(along) + v.wall_mm
    fat = pen.rng.uniform(2.0, 7.0, size=6) + 4 * along
    layer = np.concatenate([v.at(along, edge - 3), v.at(along, edge + fat)[::-1]])
    pen.area("epicardial_fat", layer, rough_mm=1.5)
    _atria(pen, p, v, tilt)
    if p.effusion_mm:
        along = np.linspace(0.1, 1.0, 6)
        middle = v.half(along) + v.wall_mm + p.effusion_mm / 2
        pen.line("pericardium", v.at(along, middle + p.effusion_mm / 2), 2.0)
        pen.line("effusion", v.at(along, middle), p.effusion_mm)
    septal, outer = _right_ventricle(pen, p, v)
    free_wall = float(np.clip(pen.rng.normal(1.0, 0.07), 0.88, 1.12))
    pen.area("myocardium", v.outside(1.0, free_wall), rough_mm=0.9)
    pen.area("lv", v.cavity(), rough_mm=1.0)
    layers.trabeculae(pen, v)
    layers.tendons(pen, v)
    layers.orifice(pen, "la", v.beyond([(-annulus + 1 + 4 * tilt, 1.5), (annulus - 1, 1.5)]), 7.0)
    layers.orifice(pen, "ra", v.beyond([shifted(septal, -1, 1.5), shifted(outer, 2, 1.5)]), 9.0)
    if tilt > ROOT_FROM:
        _root(pen, p, v, tilt)
    pen.area("papillary", v.at([0.42, 0.5, 0.62, 0.66, 0.55], v.half(0.5) - np.array([-1, 1.5, 5.5, 4, -1])))
    muscle = v.at(0.64, v.half(0.6) - 5)[0]

    hinges = v.beyond([(-annulus + 7 * tilt, 0), (annulus, -0.5)])
    meet = v.beyond((0.3 * annulus, -6))[0]
    opened = v.beyond([(-annulus + 5 + 4 * tilt, -22), (annulus - 4, -13)])
    for tip in opened:
        layers.chordae(pen, muscle, meet, tip, "mitral", 1)
    layers.valve(pen, "mitral", "mitral", hinges, meet, opened)
    leaflets = v.beyond([septal, outer])
    meet = v.beyond(shifted(0.6 * septal + 0.4 * outer, 0, -6))[0]
    opened = v.beyond([shifted(septal, -6, -15), shifted(outer, 6, -19)])
    layers.valve(pen, "tricuspid", "mitral", leaflets, meet, opened)
    if p.mitral_calcium:
        pen.ellipse("calcium", v.beyond((annulus + 2, 1))[0], (4, 3))
    if p.pacing_wire:
        wire = [
            shifted((septal + outer) / 2, -8, 38),
            (septal + outer) / 2,
            shifted(septal, -9, -30),
            shifted(septal, -4, -52),
        ]
        pen.line("wire", v.beyond(wire), 1.2)

    modes = {
        "contraction": _contraction(p, v, v.beyond(outer)[0]),
        "a_wave": nudge(v.beyond((0, 25))[0], 18, 2.0 * v.direction),
    }
    if p.septal_flash:
        modes["flash"] = nudge(v.at(0.55, -0.9 * lateral)[0], 15, 4.0 * v.normal)
    return modes


def _contraction(p: Patient, v: Ventricle, tricuspid: np.ndarray) -> Mode:
    """All four chambers in systole; `tricuspid` is the lateral hinge of its valve, (x, z)."""
    sides = p.wall_motion("inferoseptal", "anterolateral")
    atrium = v.beyond((-v.annulus * v.half_mm - 2 + p.la_width_mm / 2, p.la_length_mm / 2))[0]
    further = max(p.lateral_descent_mm - p.base_descent_mm, 0.0)
    growth = 0.21 * min(p.shortening / 0.34, 1.0)
    others = together(
        squeeze(v, p.shortening, p.thickening, sides=sides),
        descend(v.apex, v.base, p.base_descent_mm, roof_mm=p.la_length_mm),
        nudge(tricuspid, 13, -further * v.direction),
        shrink(atrium, (p.la_width_mm / 2, p.la_length_mm / 2), (-growth, 0.0), angle_deg=-v.turn_deg),
    )
    # The right ventricle loses length to the descent of its base; its free wall does what is left of the area's change.
    _, along, edge, width = _right_profile(p, v)
    line = v.at(along[[-1, 0]], _septal_edge(v, [0.4, 1.0]))
    outline = spline(np.concatenate([v.at(along, edge), v.at(along, edge - width)[::-1]]), closed=True)
    tried = np.array([0.1, 0.5])
    changes = [1 - _area(outline + together(others, pull(line, loss, p.rv_base_mm))(outline)) / _area(outline)
               for loss in tried]  # fmt: skip
    loss = float(np.interp(p.rv_area_change, changes, tried))
    return together(others, pull(line, loss, p.rv_base_mm))


def _area(outline: np.ndarray) -> float:
    x, z = outline.T
    return 0.5 * abs(float(np.sum(x * np.roll(z, -1) - z * np.roll(x, -1))))
