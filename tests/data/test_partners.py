"""Partners: who is drawn, how often, and that nothing but the frame decides it."""

import numpy as np
import pytest
from scipy import stats

from sslecho.data.partners import Partners

# A clip in an order that is not that of time, one with an unknown time, a still, and one of equal times.
GROUPS = np.array([4, 4, 4, 4, 4, 4, 4, 1, 1, 1, 7, 2, 2])
TIMES = np.array([0.9, 0.0, 0.15, 0.1, 1.0, 0.4, 1.6, 5.0, 5.2, np.nan, 0.0, 3.0, 3.0])
GAP = 0.5
COPIES = 6000  # of these clips in one store


def law(groups, times, gap):
    """How likely each frame is to be each frame's partner, from the equation."""
    p = np.zeros((len(groups), len(groups)))
    for i in range(len(groups)):
        unknown = any(groups[j] == groups[i] and np.isnan(times[j]) for j in range(len(groups)))
        for j in range(len(groups)):
            if groups[i] == groups[j]:
                p[i, j] = 1.0 if unknown or gap is None else max(0.0, 1 - abs(times[i] - times[j]) / gap)
    return p / p.sum(axis=1, keepdims=True)


def counts(rows, gap):
    """How often each frame got each partner, over all copies; those of other copies count as none."""
    n = len(GROUPS)
    groups = (np.arange(COPIES)[:, None] * 10 + GROUPS).ravel()
    everywhere = (np.arange(COPIES)[:, None] * n + rows).ravel()
    partners = Partners(everywhere, groups, time_s=np.tile(TIMES, COPIES), max_gap_s=gap)
    drawn = partners.draw(everywhere, seed=3, epoch=1)
    assert np.array_equal(drawn // n, everywhere // n)
    found = np.zeros((n, n))
    np.add.at(found, (everywhere % n, drawn % n), 1)
    return found


@pytest.mark.parametrize("gap", [None, GAP])
def test_draws_follow_the_law(gap):
    rows = np.arange(len(GROUPS))
    found, expected = counts(rows, gap), law(GROUPS, TIMES, gap)
    assert (found[expected == 0] == 0).all()
    for row in rows:
        possible = expected[row] > 0
        if possible.sum() > 1:
            assert stats.chisquare(found[row, possible], COPIES * expected[row, possible]).pvalue > 1e-4


def test_frames_that_were_left_out_are_never_drawn():
    rows = np.array([0, 2, 4, 5, 8, 10])
    found = counts(rows, GAP)
    assert set(np.flatnonzero(found.sum(axis=0))) == set(rows)


def test_a_frame_decides_its_partner_alone():
    partners = Partners(np.arange(13), GROUPS, time_s=TIMES, max_gap_s=GAP)
    whole = partners.draw(np.arange(13), seed=1, epoch=2)
    assert np.array_equal(partners.draw(np.array([6, 3, 0]), seed=1, epoch=2), whole[[6, 3, 0]])
    many = [partners.draw(np.arange(13), seed=seed, epoch=epoch) for seed, epoch in ((1, 3), (2, 2))]
    assert all(not np.array_equal(whole, other) for other in many)


def test_long_clips_far_into_a_store_keep_the_window():
    n_clips, n_frames = 3000, 40
    groups, times = np.repeat(np.arange(n_clips), n_frames), np.tile(np.arange(n_frames) * 0.5, n_clips)
    rows = np.arange(len(groups))
    drawn = Partners(rows, groups, time_s=times, max_gap_s=1.0).draw(rows, seed=0, epoch=0)
    assert np.array_equal(groups[drawn], groups)
    apart = np.abs(times[drawn] - times)
    assert apart.max() < 1.0
    inside = (times > 0) & (times < times.max())
    assert np.mean(apart[inside] == 0.5) == pytest.approx(0.5, abs=0.01)
