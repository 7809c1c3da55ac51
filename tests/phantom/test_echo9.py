"""EV9V's codes as class names, each drawn as the plane it is taken for."""

import numpy as np
import pytest

from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.views import PLANES
from sslecho.phantom.kinds import KINDS, plans_of
from sslecho.phantom.kinds.echo9 import CLASSES, PLANES_AND_COPIES, SITES, draw
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.tissues import STRUCTURE_NUMBER

FACTORS = Factors.from_seed(5)
# What must be cut, and what must not.
TELLING = {
    "PLHLA": ({"lv", "la", "aorta", "mitral"}, {"ra"}),
    "PMASA": ({"aorta", "pulmonary_artery", "ra", "la"}, {"lv"}),
    "PMVLSA": ({"lv", "mitral"}, {"papillary", "la"}),
    "PASA": ({"lv"}, {"mitral", "papillary", "la", "pulmonary_artery"}),
    "A4C": ({"lv", "rv", "la", "ra"}, {"pulmonary_artery"}),
    "A5C": ({"lv", "rv", "la", "ra", "aorta"}, {"pulmonary_artery"}),
    "PMPALA": ({"aorta", "pulmonary_artery", "pulmonary_valve"}, {"lv"}),
    "PPMLSA": ({"lv", "papillary"}, {"mitral", "la"}),
    "SC4C": ({"lv", "rv", "la", "ra", "liver"}, {"pulmonary_artery"}),
}


def clip(code: str, patient: int = 0, **kwargs):
    return draw(Plan("echo9", patient, 0, code, 0, 0, "x", "x"), FACTORS, Rendering(2, 64, **{"jitter": 0.0, **kwargs}))


@pytest.mark.parametrize("code", TELLING)
def test_a_code_is_its_plane(code):
    drawn = clip(code, with_labels=True)
    assert drawn.label == code
    assert drawn.labels is not None
    shown = {name for name, number in STRUCTURE_NUMBER.items() if (drawn.labels == number).any()}
    there, absent = TELLING[code]
    assert there <= shown
    assert not absent & shown


def test_shares_are_inverse_to_the_published_copies():
    """1, 4, 4, 5, 1, 5, 4, 6, 6 in the order of the published index."""
    order = ("PLHLA", "PMASA", "PMVLSA", "PASA", "A4C", "A5C", "PMPALA", "PPMLSA", "SC4C")
    assert tuple(CLASSES) == order
    copies = CLASSES["A4C"] / np.array([CLASSES[code] for code in order])
    np.testing.assert_allclose(copies, [1, 4, 4, 5, 1, 5, 4, 6, 6])
    assert sum(CLASSES.values()) == pytest.approx(1)
    assert {plane for plane, _ in PLANES_AND_COPIES.values()} <= set(PLANES)


def test_two_scanners():
    assert len({site.device for site in SITES}) == 2
    used = {clip("A4C", patient, jitter=1.0).settings.device.name for patient in range(6)}
    assert used == {site.device for site in SITES}


def test_plans_hold_the_codes():
    found = plans_of("echo9", FACTORS, patients=30, views_per_patient=5, clips_per_view=1)
    counts = {code: sum(plan.view == code for plan in found) for code in KINDS["echo9"].classes}
    assert min(counts.values()) > 0
    assert counts["A4C"] > 1.3 * counts["SC4C"]
