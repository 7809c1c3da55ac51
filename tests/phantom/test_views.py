"""Every view shows what it should, where it should: checked on label maps, not on pictures."""

from functools import lru_cache

import numpy as np
import pytest

from sslecho.phantom.clock import still_courses
from sslecho.phantom.echo import EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.tissues import STRUCTURE_NUMBER, STRUCTURES, TISSUES

PATIENTS = (0, 3, 8)
MANY_PATIENTS = range(10)


@lru_cache
def label_map(view: str, patient: int, contraction: float = 0.0) -> np.ndarray:
    """The plane without jitter of the probe, as a picture; jitter moves all of it alike."""
    clip = EchoClip(Factors.from_seed(0), patient=patient, view=view, frames=1, size=192, jitter=0.0)
    return clip.renderer.labels_picture(clip.stage.label_map(still_courses(contraction=contraction)))


def area(labels: np.ndarray, structure: str) -> int:
    return int(np.sum(labels == STRUCTURE_NUMBER[structure]))


def center(labels: np.ndarray, structure: str) -> tuple[float, float] | None:
    """(x, depth) of a structure's centroid, in pixels; None where hardly a pixel of it is seen."""
    rows, columns = np.nonzero(labels == STRUCTURE_NUMBER[structure])
    return (float(columns.mean()), float(rows.mean())) if len(rows) > 12 else None


LEFT_OF = {
    "plax": [("lv", "aorta"), ("lv", "la")],
    "rv_inflow": [("rv", "ra")],
    "psax_av": [("ra", "aorta"), ("aorta", "pulmonary_artery"), ("ra", "la")],
    "psax_mid": [("rv", "lv")],
    "a4c": [("rv", "lv"), ("ra", "la"), ("tricuspid", "mitral")],
    "a5c": [("ra", "aorta"), ("aorta", "la"), ("rv", "lv")],
    "a3c": [("la", "aorta"), ("lv", "rv")],
    "sc4c": [("ra", "rv"), ("la", "lv")],
    "sc_ivc": [("ivc", "ra")],
}
ABOVE = {
    "plax": [("rv", "lv"), ("aorta", "la"), ("la", "descending_aorta")],
    "psax_av": [("rv", "aorta"), ("aorta", "la")],
    "a4c": [("lv", "la"), ("rv", "ra"), ("tricuspid", "mitral")],
    "a5c": [("lv", "la"), ("lv", "aorta"), ("rv", "ra")],
    "a2c": [("lv", "la")],
    "a3c": [("lv", "la"), ("lv", "aorta")],
    "sc4c": [("liver", "rv"), ("rv", "lv"), ("ra", "la")],
    "sc_aorta": [("artery", "aorta"), ("aorta", "spine"), ("liver", "aorta")],
    "suprasternal": [("artery", "pulmonary_artery"), ("vein", "pulmonary_artery"), ("pulmonary_artery", "la")],
}
ABSENT = {
    "rv_inflow": ["lv", "aorta", "la", "mitral"],
    "psax_mid": ["la", "ra", "aorta"],
    "a2c": ["rv", "ra", "aorta", "tricuspid"],
    "a4c": ["aorta"],
    "sc_ivc": ["aorta", "spine"],
    "sc_aorta": ["ivc", "ra"],
    "suprasternal": ["lv", "rv"],
}


@pytest.mark.parametrize("view", VIEWS)
def test_orientation(view):
    """Each statement holds in nine of ten patients.

    Lung may cover a structure at the sector's edge, and a four-chamber view may be tilted towards the five-chamber
    view far enough to show a rim of the aorta.
    """
    for axis, word, pairs in ((0, "left of", LEFT_OF), (1, "above", ABOVE)):
        for one, other in pairs.get(view, []):
            places = [(center(label_map(view, p), one), center(label_map(view, p), other)) for p in MANY_PATIENTS]
            right = sum(a is not None and b is not None and a[axis] < b[axis] for a, b in places)
            assert right >= 0.9 * len(MANY_PATIENTS), f"{one} must lie {word} {other}: {places}"
    for structure in ABSENT.get(view, []):
        found = [area(label_map(view, p), structure) > 0 for p in MANY_PATIENTS]
        assert sum(found) <= 0.1 * len(MANY_PATIENTS), f"{structure} has no place in {view}"


@pytest.mark.parametrize("patient", PATIENTS)
def test_septa_and_leaflets_close_the_chambers(patient):
    """At end-diastole blood of the left ventricle touches no other chamber's in the four-chamber view."""
    labels = label_map("a4c", patient)
    lv, others = labels == STRUCTURE_NUMBER["lv"], np.isin(labels, [STRUCTURE_NUMBER[n] for n in ("rv", "ra")])
    assert not (lv[:, 1:] & others[:, :-1]).any()
    assert not (lv[:, :-1] & others[:, 1:]).any()


@pytest.mark.parametrize("view", ["plax", "psax_mid", "a4c", "a2c", "a3c", "sc4c"])
def test_systole_empties_the_left_ventricle(view):
    shares = [
        area(label_map(view, patient, 1.0), "lv") / area(label_map(view, patient, 0.0), "lv") for patient in PATIENTS
    ]
    assert all(0.25 < share < 0.9 for share in shares), shares


@pytest.mark.parametrize("patient", PATIENTS)
def test_the_base_descends_and_the_apex_stands_still(patient):
    clip = EchoClip(Factors.from_seed(0), patient=patient, view="a4c", frames=1, size=96, jitter=0.0)
    mode = clip.scene.modes["contraction"]
    base, apex = mode(np.array([[18.0, 110.0], [10.0, 16.0]]))
    assert -18 < base[1] < -3.5
    assert abs(apex[1]) < 0.5


def test_walls_thicken_in_systole():
    for patient in PATIENTS:
        at_rest, squeezed = (area(label_map("psax_mid", patient, s), "myocardium") for s in (0.0, 1.0))
        cavity = [area(label_map("psax_mid", patient, s), "lv") for s in (0.0, 1.0)]
        # At equal area of wall about a smaller cavity the wall is thicker.
        assert squeezed == pytest.approx(at_rest, rel=0.25)
        assert cavity[1] < cavity[0]


def test_the_vena_cava_breathes_and_the_aorta_does_not_collapse():
    clip = EchoClip(Factors.from_seed(0), patient=1, view="sc_ivc", frames=1, size=128, jitter=0.0)
    widths = []
    for breath in (-1.0, 1.0):
        coefficients = np.array([0, 0, 0, breath, 0, 0], float)
        widths.append(area(clip.renderer.labels_picture(clip.stage.label_map(coefficients)), "ivc"))
    assert widths[1] < 0.85 * widths[0]
    calm, pulse = (area(label_map("sc_aorta", 1, s), "aorta") for s in (0.0, 1.0))
    assert 1.0 < pulse / calm < 1.2


def test_every_structure_has_a_tissue():
    assert set(STRUCTURES.values()) <= set(TISSUES)
    assert len(STRUCTURES) < 255
