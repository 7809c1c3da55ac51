"""Fetal planes show their landmarks; `other` is many looks."""

import numpy as np
import pytest

from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal.other import LOOKS
from sslecho.phantom.fetal.still import PLANE_SHARES, draw_still
from sslecho.phantom.tissues import STRUCTURE_NUMBER

LANDMARKS = {
    "abdomen": ("stomach", "umbilical_vein", "fetal_spine", "fetal_liver"),
    "brain": ("skull", "falx", "brain", "cavum"),
    "femur": ("long_bone", "fetal_tissue", "cartilage"),
    "thorax": ("fetal_ventricle", "fetal_atrium", "fetal_lung", "fetal_rib"),
    "cervix": ("cervix", "canal", "bladder"),
}


def still(plane: str, patient: int, **kwargs):
    return draw_still(Factors.from_seed(2), patient=patient, plane=plane, size=160, with_labels=True, **kwargs)


@pytest.mark.parametrize("plane", LANDMARKS)
def test_landmarks_are_in_the_picture(plane):
    for patient in range(3):
        shown = set(np.unique(still(plane, patient, jitter=0.0).labels))
        missing = [name for name in LANDMARKS[plane] if STRUCTURE_NUMBER[name] not in shown]
        assert not missing


def test_other_has_many_looks():
    looks = {still("other", patient).latents["look"] for patient in range(40)}
    assert len(LOOKS) >= 10
    assert len(looks) >= 8


def test_shares_are_unequal_and_sum_to_one():
    assert sum(PLANE_SHARES.values()) == pytest.approx(1.0)
    assert max(PLANE_SHARES, key=PLANE_SHARES.__getitem__) == "other"


def test_the_fetus_turns_between_occasions_but_not_between_repeats():
    turn = [still("abdomen", 1, occasion=o, acquisition=a).latents["turn_deg"] for o, a in ((0, 0), (0, 1), (1, 0))]
    assert turn[0] == turn[1] != turn[2]


def test_shadows_point_away_from_the_probe_whatever_the_lie():
    """Behind a rib or vertebra the picture is darker than the same tissue beside it, in every rotation."""
    below, beside = [], []
    for patient in range(8):
        clip = still("femur", patient, jitter=0.0)
        labels, frame = clip.labels[0], clip.frames[0].astype(float)
        bone = np.argwhere(labels == STRUCTURE_NUMBER["long_bone"])
        tissue = labels == STRUCTURE_NUMBER["fetal_tissue"]
        middle = bone[np.abs(bone[:, 1] - np.median(bone[:, 1])) < 8]
        for row, column in middle:
            under = [r for r in range(row + 5, min(row + 11, 160)) if tissue[r, column]]
            over = [r for r in range(max(row - 11, 0), row - 5) if tissue[r, column]]
            below += [frame[r, column] for r in under]
            beside += [frame[r, column] for r in over]
    assert np.mean(below) < 0.7 * np.mean(beside)


def test_transvaginal_and_transabdominal_cervices_exist():
    radii = {still("cervix", patient).latents["radius_mm"] for patient in range(12)}
    assert min(radii) < 15
    assert max(radii) > 40
