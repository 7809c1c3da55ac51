"""Every plane shows what it should, where it should, and moves as it should: checked on label maps, not on pictures."""

import numpy as np
import pytest
from simulated import measuring
from simulated.measuring import area, extents, label_map, mask

from sslecho.phantom.heart.other import OTHER
from sslecho.phantom.heart.views import PLANES, VIEWS
from sslecho.phantom.tissues import STRUCTURES, TISSUES

PATIENTS = (0, 3, 8)
MANY_PATIENTS = range(10)


def center(labels: np.ndarray, structure: str) -> tuple[float, float] | None:
    """(x, depth) of a structure's centroid, in pixels; None where hardly a pixel of it is seen."""
    rows, columns = np.nonzero(mask(labels, structure))
    return (float(columns.mean()), float(rows.mean())) if len(rows) > 12 else None


LEFT_OF = {
    "plax": [("lv", "aorta"), ("lv", "la"), ("mitral", "aortic_valve"), ("mitral", "la")],
    "rv_inflow": [("rv", "ra"), ("rv", "tricuspid"), ("tricuspid", "ra"), ("ra", "ivc")],
    "psax_av": [("ra", "aorta"), ("aorta", "pulmonary_artery"), ("ra", "la"), ("tricuspid", "pulmonary_valve"),
                ("tricuspid", "aorta")],
    "psax_mid": [("rv", "lv")],
    "psax_mv": [("rv", "lv"), ("rv", "mitral")],
    "psax_pap": [("rv", "lv"), ("rv", "papillary")],
    "pa_long": [("aorta", "pulmonary_valve"), ("vein", "aorta")],
    "a4c": [("rv", "lv"), ("ra", "la"), ("tricuspid", "mitral"), ("la", "descending_aorta")],
    "a5c": [("ra", "aorta"), ("aorta", "la"), ("rv", "lv"), ("aortic_valve", "mitral")],
    "a3c": [("la", "aorta"), ("lv", "rv"), ("mitral", "aortic_valve"), ("descending_aorta", "la")],
    "sc4c": [("ra", "rv"), ("la", "lv"), ("ra", "tricuspid"), ("tricuspid", "rv"), ("la", "mitral"), ("mitral", "lv")],
    "sc_ivc": [("ivc", "ra")],
}  # fmt: skip
ABOVE = {
    "plax": [("rv", "lv"), ("aorta", "la"), ("la", "descending_aorta"), ("rv", "aorta"), ("lv", "pericardium")],
    "rv_inflow": [("rv", "liver"), ("tricuspid", "liver")],
    "psax_av": [("rv", "aorta"), ("aorta", "la"), ("pulmonary_valve", "la"), ("rv", "ra")],
    "psax_mid": [("rv", "lv"), ("lv", "pericardium")],
    "psax_mv": [("rv", "lv"), ("mitral", "pericardium")],
    "psax_pap": [("rv", "lv"), ("lv", "papillary")],
    "psax_apex": [("muscle", "lv")],
    "pa_long": [("rv", "pulmonary_artery"), ("pulmonary_valve", "pulmonary_artery"), ("rv", "aorta")],
    "a4c": [("lv", "la"), ("rv", "ra"), ("tricuspid", "mitral"), ("papillary", "mitral"), ("lv", "mitral")],
    "a5c": [("lv", "la"), ("lv", "aorta"), ("rv", "ra"), ("lv", "aortic_valve")],
    "a2c": [("lv", "la"), ("lv", "mitral"), ("mitral", "la")],
    "a3c": [("lv", "la"), ("lv", "aorta"), ("rv", "aorta"), ("lv", "mitral")],
    "sc4c": [("liver", "rv"), ("rv", "lv"), ("ra", "la"), ("tricuspid", "mitral")],
    "sc_ivc": [("muscle", "ivc")],
    "sc_aorta": [("artery", "aorta"), ("aorta", "spine"), ("liver", "aorta")],
    "suprasternal": [("artery", "pulmonary_artery"), ("vein", "pulmonary_artery"), ("pulmonary_artery", "la"),
                     ("vein", "aorta")],
}  # fmt: skip
ABSENT = {
    "plax": ["ra", "pulmonary_artery", "tricuspid", "papillary", "liver"],
    "rv_inflow": ["aorta", "la", "mitral"],
    "psax_av": ["lv", "mitral", "papillary"],
    "psax_mid": ["la", "ra", "aorta"],
    "psax_mv": ["la", "ra", "aorta", "papillary"],
    "psax_pap": ["la", "ra", "aorta", "mitral"],
    "psax_apex": ["la", "ra", "aorta", "mitral", "papillary"],
    "pa_long": ["lv", "la", "ra", "mitral", "tricuspid"],
    "a2c": ["rv", "ra", "aorta", "tricuspid"],
    "a3c": ["ra", "tricuspid", "pulmonary_artery"],
    "a4c": ["pulmonary_artery", "liver"],
    "a5c": ["pulmonary_artery", "liver"],
    "sc4c": ["aorta"],
    "sc_ivc": ["aorta", "spine", "lv"],
    "sc_aorta": ["ivc", "ra", "lv"],
    "suprasternal": ["lv", "rv", "ra"],
}


@pytest.mark.parametrize("view", PLANES)
def test_orientation(view):
    """Each statement holds in nine of ten patients."""
    for axis, word, pairs in ((0, "left of", LEFT_OF), (1, "above", ABOVE)):
        for one, other in pairs.get(view, []):
            places = [(center(label_map(p, view), one), center(label_map(p, view), other)) for p in MANY_PATIENTS]
            right = sum(a is not None and b is not None and a[axis] < b[axis] for a, b in places)
            assert right >= 0.9 * len(MANY_PATIENTS), f"{one} must lie {word} {other}: {places}"
    for structure in ABSENT.get(view, []):
        found = [area(label_map(p, view), structure) > 0 for p in MANY_PATIENTS]
        assert sum(found) <= 0.1 * len(MANY_PATIENTS), f"{structure} has no place in {view}"


def test_planes_hold_the_views_and_more():
    assert list(PLANES)[: len(VIEWS)] == list(VIEWS)
    assert set(PLANES) - set(VIEWS) - set(OTHER) == {"psax_mv", "psax_pap", "psax_apex", "pa_long"}
    assert sum(view.share for view in VIEWS.values()) == pytest.approx(sum(view.share for view in PLANES.values()))


@pytest.mark.parametrize("patient", PATIENTS)
def test_septa_and_leaflets_close_the_chambers(patient):
    """At end-diastole blood of the left ventricle touches no other chamber's in the four-chamber view."""
    labels = label_map(patient, "a4c")
    lv, others = mask(labels, "lv"), mask(labels, "rv", "ra")
    assert not (lv[:, 1:] & others[:, :-1]).any()
    assert not (lv[:, :-1] & others[:, 1:]).any()


@pytest.mark.parametrize(
    "view", ["plax", "psax_mid", "psax_mv", "psax_pap", "psax_apex", "a4c", "a5c", "a2c", "a3c", "sc4c"]
)
def test_systole_empties_the_left_ventricle(view):
    shares = [area(label_map(p, view, 1.0), "lv") / area(label_map(p, view), "lv") for p in PATIENTS]
    least = 0.02 if view == "psax_apex" else 0.2
    assert all(least < share < 0.9 for share in shares), shares


def test_the_apical_level_is_small_and_nearly_vanishes():
    for patient in MANY_PATIENTS:
        strong = measuring.draw_patient(measuring.FACTORS, patient).shortening > 0.28
        apex, middle = label_map(patient, "psax_apex"), label_map(patient, "psax_pap")
        assert area(apex, "lv") < 0.45 * area(middle, "lv")
        assert area(apex, "rv") < 0.3 * area(middle, "rv")
        left = area(label_map(patient, "psax_apex", 1.0), "lv") / area(apex, "lv")
        assert left < (0.35 if strong else 0.75)


@pytest.mark.parametrize("patient", PATIENTS)
def test_the_base_descends_and_the_apex_stands_still(patient):
    _, stage = measuring.stage_of(patient, "a4c")
    mode = stage.scene.modes["contraction"]
    base, apex = mode(np.array([[16.0, 106.0], [8.0, 16.0]]))
    assert -18 < base[1] < -3.5
    assert abs(apex[1]) < 0.5


def test_the_tricuspid_annulus_lies_nearer_the_apex():
    """By 5-8 mm, times the axial size of the heart and the raster's millimeter."""
    apart = [f["mitral_septal"] - f["tricuspid_septal"] for f in map(measuring.four_chambers, MANY_PATIENTS)]
    assert 4.0 < min(apart)
    assert max(apart) < 10.0


def test_the_fish_mouth_opens():
    for patient in PATIENTS:
        closed, wide = (mask(label_map(patient, "psax_mv", mitral=opening), "mitral") for opening in (0.0, 1.0))
        middle = slice(measuring.column(6), measuring.column(14))
        assert extents(closed, 0)[middle].max() < 9
        assert 16 < np.median(extents(wide, 0)[middle]) < 30
        assert extents(wide, 1).max() == pytest.approx(extents(closed, 1).max(), rel=0.1)


def test_papillary_muscles_stand_below_and_touch_the_wall():
    for patient in PATIENTS:
        labels = label_map(patient, "psax_pap")
        x, z = center(labels, "lv")
        muscles = np.argwhere(mask(labels, "papillary"))
        assert np.mean(muscles[:, 0] > z) > 0.9
        assert 0.3 < np.mean(muscles[:, 1] > x) < 0.7
        around = np.zeros_like(labels, bool)
        around[:-2] = mask(labels, "myocardium")[2:]
        assert (around & mask(labels, "papillary")).any()


def latents(view: str, name: str, count: int) -> list:
    return [measuring.scene_of(k, view).latents[name] for k in range(count)]


def test_rv_inflow_is_tilted_half_way_to_the_long_axis_in_a_third():
    half_way = latents("rv_inflow", "half_way", 80)
    assert 0.24 < np.mean(half_way) < 0.43
    for patient in MANY_PATIENTS:
        assert (area(label_map(patient, "rv_inflow"), "lv") > 0) == half_way[patient]


def test_half_the_arch_in_two_of_five():
    parts = latents("suprasternal", "part", 80)
    assert 0.3 < np.mean([part != "whole" for part in parts]) < 0.5
    for patient in MANY_PATIENTS:
        columns = np.nonzero(mask(label_map(patient, "suprasternal"), "aorta"))[1]
        sides = [(columns < measuring.column(-15)).any(), (columns > measuring.column(18)).any()]
        want = {"whole": [True, True], "left": [True, False], "right": [False, True]}
        assert sides == want[parts[patient]]


def test_four_and_five_chambers_are_one_tilt():
    """15 % of both lie where a rater would hesitate; only the root tells them apart, and it grows with the tilt."""
    tilts = np.array(latents("a4c", "tilt", 50) + latents("a5c", "tilt", 50))
    assert (tilts[:50] < 0.5).all()
    assert (tilts[50:] > 0.5).all()
    assert 0.09 < np.mean((tilts > 0.35) & (tilts < 0.65)) < 0.24
    for patient in MANY_PATIENTS:
        root = [area(label_map(patient, view), "aorta") for view in ("a4c", "a5c")]
        assert root[1] > 1.2 * root[0]
        assert (root[0] > 0) == (tilts[patient] > 0.35)


def test_the_vena_cava_breathes_and_the_aorta_does_not_collapse():
    for patient in PATIENTS:
        wide, narrow = (measuring.vena_cava(patient, breath) for breath in (-1.0, 1.0))
        assert 0.2 < narrow / wide < 0.9
        calm, pulse = (area(label_map(patient, "sc_aorta", s), "aorta") for s in (0.0, 1.0))
        assert 1.03 < pulse / calm < 1.12
        calm, pulse = (area(label_map(patient, "suprasternal", s), "aorta") for s in (0.0, 1.0))
        assert 1.02 < pulse / calm < 1.1


def test_cusps_open_from_a_y_to_a_triangle():
    for patient in PATIENTS:
        closed, opened = (label_map(patient, "psax_av", contraction=0.0, aortic=a) for a in (0.0, 1.0))
        root = mask(closed, "aorta", "aortic_valve")
        rows, columns = np.nonzero(root)
        middle = (
            slice(int(rows.mean()) - 3, int(rows.mean()) + 4),
            slice(int(columns.mean()) - 3, int(columns.mean()) + 4),
        )
        assert mask(closed, "aortic_valve")[middle].any()
        assert not mask(opened, "aortic_valve")[middle].any()


def test_findings_are_drawn_where_the_patient_has_them():
    """Fluid, calcium and wire are seen in the apical four chambers if, and only if, the patient has them."""
    found = {"effusion": 0, "calcium": 0, "wire": 0}
    for number in range(90):
        shapes = {shape.structure for shape in measuring.scene_of(number, "a4c").shapes}
        patient = measuring.draw_patient(measuring.FACTORS, number)
        has = {"effusion": patient.effusion_mm > 0, "calcium": patient.mitral_calcium, "wire": patient.pacing_wire}
        for name, is_there in has.items():
            assert (name in shapes) == is_there
            found[name] += is_there
        assert ("flash" in measuring.scene_of(number, "a4c").modes) == patient.septal_flash
    assert all(count > 0 for count in found.values()), found


def test_every_structure_has_a_tissue():
    assert set(STRUCTURES.values()) <= set(TISSUES)
    assert len(STRUCTURES) < 255
