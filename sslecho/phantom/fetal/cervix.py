"""The mother's cervix, transvaginal (endocavity probe) or, in three of ten, through the full bladder."""

import numpy as np

from sslecho.phantom.heart.layers import band
from sslecho.phantom.outline import Pen, shifted

INTERNAL_OS_MM, CANAL_MM = -25.0, 55.0  # of the drawing before it is brought to a cervix's length


def cervix(pen: Pen, rng: np.random.Generator, *, transvaginal: bool) -> None:
    """Bladder upper left, cervix with its canal (30-42 mm) across, fetal head lower left, rectal gas right."""
    down = 0.0 if transvaginal else 46.0
    length = float(rng.uniform(30, 42)) / CANAL_MM
    # A short cervix leaves room on its left, so that what lies there comes into view.
    local = Pen(pen.rng, origin_mm=(0.9 * INTERNAL_OS_MM * (length - 1), down), shapes=pen.shapes)

    def across(points) -> np.ndarray:
        p = np.asarray(points, float)
        return np.stack([INTERNAL_OS_MM + length * (p[:, 0] - INTERNAL_OS_MM), p[:, 1]], axis=1)

    pen.shapes.append(band("myometrium", -80, 420))
    if transvaginal:
        pen.shapes.append(band("muscle", -80, 4))
    else:
        pen.shapes += [band("skin", -80, 2), band("fat", 2, 14), band("muscle", 14, 20)]
        pen.area(
            "bladder", [(-55, 30), (-20, 23), (30, 26), (44, 38), (20, 56), (-20, 60), (-52, 52)], wall=("muscle", 3.0)
        )
    gas = np.array([(36, 40), (52, 30), (70, 42), (62, 62), (42, 58)])
    local.area("bowel", shifted(gas, CANAL_MM * (length - 1), 0), rough_mm=2.0)
    if transvaginal:
        bladder = [(-62, 6), (-50, 3), (-37, 12), (-34, 24), (-48, 25), (-60, 18)]
        local.area("bladder", bladder, wall=("vessel_wall", 1.4))
    local.area("fluid", [(-80, 30), (-48, 28), (-27, 34), (-32, 46), (-46, 60), (-80, 74)], rough_mm=1.0)
    local.ellipse("skull", (-66, 58), (27, 25))
    local.ellipse("brain", (-66, 58), (24.6, 22.6))
    if rng.uniform() < 0.3:  # a low posterior placenta
        local.area("placenta", [(-40, 63), (-20, 58), (4, 66), (10, 80), (-30, 84)], rough_mm=1.6)
    body = [(-30, 26), (-14, 17), (8, 15), (28, 19), (38, 29), (30, 42), (8, 50), (-14, 50), (-30, 42)]
    local.area("cervix", across(body), rough_mm=0.9, wall=("vein_wall", 0.9))
    canal = across([(INTERNAL_OS_MM, 34), (-8, 31), (10, 31), (INTERNAL_OS_MM + CANAL_MM, 31)])
    funnel = float(rng.uniform(0, 3)) if rng.uniform() < 0.2 else 0.0
    local.tube("canal", canal, [3.75 + funnel, 3.75, 3.75, 3.2])
    local.line("falx", canal, 0.9)
    local.line("cord", [(-30, 66), (0, 60), (40, 64)], 1.5)
