"""The nested draws of labels."""

import numpy as np
import pytest
from made_arms import design


@pytest.mark.parametrize("axis", ["patients", "labels"])
def test_small_draws_are_part_of_large_ones_and_all_is_all(axis):
    made = design(axis=axis)
    for support in range(4):
        before = set()
        for x in made.doubling():
            now = set(made.labeled(x, support=support).clips.tolist())
            assert before < now
            before = now
        assert before == set(made.pool.clips.tolist())


def test_a_labeled_patient_brings_all_its_clips():
    made = design()
    for x in (1, 3, 7):
        labeled = made.labeled(x, support=2)
        assert labeled.n_units == x
        inside = np.isin(made.pool.units, labeled.units)
        assert labeled.clips.tolist() == made.pool.clips[inside].tolist()
        assert labeled.codes.tolist() == made.pool.codes[inside].tolist()


def test_labels_are_counted_in_each_class():
    made = design(axis="labels")
    sizes = np.bincount(made.pool.codes)
    for x in (1, 2, 5):
        assert np.bincount(made.labeled(x, support=0).codes).tolist() == np.minimum(sizes, x).tolist()
    assert made.most == sizes.max()


def test_supports_and_seeds_draw_differently_and_every_patient_comes_first_sometimes():
    first = {int(design(seed=seed).labeled(1, support=s).units[0]) for seed in range(20) for s in range(5)}
    assert first == set(range(11))
    again = [design(seed=7).labeled(4, support=1).clips.tolist() for _ in range(2)]
    assert again[0] == again[1]


def test_numbers_double_up_to_all():
    assert design().doubling() == [1, 2, 4, 8, 11]
    assert design(patients=8).doubling() == [1, 2, 4, 8]
