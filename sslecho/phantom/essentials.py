"""What a plane must show: the structures that define it, and the cavity whose walls should be seen.

Weight 2 is for what defines a view, so that without it the picture is another view or none; 1 is for what the view
shows as well. Which structures define a view follows the guideline for a comprehensive transthoracic examination
(Mitchell et al. 2019, ASE: what each window's plane should show); the split into 2 and 1 is chosen, with the reason
beside each plane.
"""

from collections.abc import Mapping
from dataclasses import dataclass

DEFINES, SHOWN = 2, 1
LV_WALLS = ("myocardium", "rv_wall")
Box = tuple[float, float, float, float]  # left, right, top, bottom in the plane's own mm, at rest
ANY = float("inf")


@dataclass(frozen=True)
class Mark:
    """One structure to be seen.

    Args:
        structures: its names in `tissues.STRUCTURES`; one of several that do as well, or that make it up.
        weight: DEFINES or SHOWN.
        box_mm: the part of the outline that is meant.
    """

    structures: tuple[str, ...]
    weight: int
    box_mm: Box = (-ANY, ANY, -ANY, ANY)


@dataclass(frozen=True)
class Essentials:
    """What defines a plane.

    Args:
        marks: structures to be seen.
        cavity: whose walls tell how clear the picture is.
        walls: structures around it that count as its wall; empty: whatever is no blood.
        wall_mm: how far out from the cavity's edge the wall is looked for.
    """

    marks: tuple[Mark, ...]
    cavity: str = "lv"
    walls: tuple[str, ...] = LV_WALLS
    wall_mm: float = 6.0


def _marks(defining: tuple[str | Mark, ...], shown: tuple[str | Mark, ...]) -> tuple[Mark, ...]:
    return tuple(
        mark if isinstance(mark, Mark) else Mark((mark,), weight)
        for marks, weight in ((defining, DEFINES), (shown, SHOWN))
        for mark in marks
    )


# Under the probe; the cavity's tip lies at 4 to 36 mm in the smallest and the largest heart.
APEX = Mark(("lv",), DEFINES, (-ANY, ANY, -ANY, 45.0))
SUBCOSTAL_APEX = Mark(("lv",), DEFINES, (40.0, ANY, -ANY, ANY))
ARCH_MM = ((-ANY, -18.0, 85.0, ANY), (-18.0, 18.0, -ANY, 85.0), (18.0, ANY, 85.0, ANY))
LEVEL = Mark(("mitral", "papillary"), DEFINES)  # the middle of the ventricle shows the one or the other

ESSENTIALS: Mapping[str, Essentials] = {
    # Left heart and root along their axis: ventricle, atrium, root and both of their valves make it. The right
    # ventricle's strip and the descending aorta are there in other planes as well.
    "plax": Essentials(_marks(("lv", "la", "aorta", "mitral", "aortic_valve"),
                              ("rv", "myocardium", "descending_aorta", "pericardium"))),
    # Right heart alone: its two chambers and the valve between. Caval vein and coronary sinus only help to find it.
    "rv_inflow": Essentials(_marks(("rv", "ra", "tricuspid"), ("ivc", "vein", "rv_wall")),
                            "rv", ("rv_wall", "myocardium"), 4.0),
    # The root across, its three cusps, and the outflow tract around it; what lies around comes and goes with tilt.
    "psax_av": Essentials(_marks(("aorta", "aortic_valve", "rv"),
                                 ("la", "ra", "tricuspid", "pulmonary_valve", "pulmonary_artery")), "aorta", (), 4.0),
    # A round ring of muscle; what is in it tells the level.
    "psax_mid": Essentials(_marks(("lv", "myocardium", LEVEL), ("rv",))),
    "psax_mv": Essentials(_marks(("lv", "myocardium", "mitral"), ("rv",))),
    "psax_pap": Essentials(_marks(("lv", "myocardium", "papillary"), ("rv",))),
    # Nothing in the ring tells the apex; the right ventricle is a slit there, or has ended.
    "psax_apex": Essentials(_marks(("lv", "myocardium"), ())),
    # Four chambers, both valves between them, and the apex, without which the ventricle is foreshortened.
    "a4c": Essentials(_marks(("lv", "rv", "la", "ra", "mitral", "tricuspid", APEX), ("myocardium", "rv_wall", "vein"))),
    # The fifth chamber, outflow tract and root with its valve, and the ventricle that empties into it.
    "a5c": Essentials(_marks(("lv", "aorta", "aortic_valve", "mitral", APEX), ("rv", "la", "ra", "tricuspid",
                                                                             "myocardium"))),
    # Left ventricle and atrium alone.
    "a2c": Essentials(_marks(("lv", "la", "mitral", APEX), ("myocardium", "papillary", "vein"))),
    # As the parasternal long axis, but with the apex.
    "a3c": Essentials(_marks(("lv", "la", "aorta", "mitral", "aortic_valve", APEX), ("rv", "myocardium"))),
    # As from the apex; the liver before it is there in every subcostal picture.
    "sc4c": Essentials(_marks(("lv", "rv", "la", "ra", "mitral", "tricuspid", SUBCOSTAL_APEX),
                              ("myocardium", "pericardium"))),
    # The vein, and the atrium that it joins, by which it is no aorta; a hepatic vein joins it in good planes.
    "sc_ivc": Essentials(_marks(("ivc", "ra"), ("vein", "pericardium")), "ivc", (), 5.0),
    # The vessel, and its branches in front, by which it is no vein; the spine behind.
    "sc_aorta": Essentials(_marks(("aorta", "artery"), ("spine",)), "aorta", (), 5.0),
    # Ascending limb, top and descending limb; a plane that catches one limb shows half of the arch. Its branches too.
    "suprasternal": Essentials(
        _marks((*(Mark(("aorta",), DEFINES, box) for box in ARCH_MM), "artery"), ("pulmonary_artery", "vein", "la")),
        "aorta", (), 5.0),
    # Trunk with its valve and the tract that leads into it; the ascending aorta beside it across.
    "pa_long": Essentials(_marks(("pulmonary_artery", "pulmonary_valve", "rv"), ("aorta", "vein")),
                          "pulmonary_artery", (), 4.0),
}  # fmt: skip
