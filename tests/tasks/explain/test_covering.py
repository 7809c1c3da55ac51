"""What is covered: masks of one area, patches that slide, surroundings that are exchanged, frames that are gray."""

import numpy as np
import pytest
import torch
from moving_fan import fan_mask
from torch import nn

from sslecho.tasks.explain.hiding import coarsened, hidden
from sslecho.tasks.explain.masks import box, central, covered, pair_of
from sslecho.tasks.explain.over_time import effective_frames, shares_of_frames, without_each_frame
from sslecho.tasks.explain.sliding import places, sliding
from sslecho.tasks.explain.surroundings import NOBODY, beside, draw_donors, exchanged

SECTOR = fan_mask(60, 80)


def softmax(logits):
    return logits.double().softmax(1).numpy()


def test_heart_and_background_have_one_area_inside_the_sector_and_no_pixel_in_common():
    y, x = np.mgrid[0:60, 0:80]
    heart = np.hypot(x - 35, y - 40) < 9
    pair = pair_of(heart, SECTOR)
    assert pair.heart.sum() == pair.background.sum() == (heart & SECTOR).sum()
    assert not (pair.heart & pair.background).any()
    assert not ((pair.heart | pair.background) & ~SECTOR).any()
    away = np.min([np.hypot(x - b, y - a) for a, b in np.argwhere(heart & SECTOR)], axis=0)
    taken, left = away[pair.background], away[SECTOR & ~heart & ~pair.background]
    assert taken.min() >= left.max() - 1e-9


def test_a_heart_larger_than_its_background_is_covered_in_its_middle():
    y, _x = np.mgrid[0:60, 0:80]
    heart = (y > 15) & SECTOR
    pair = pair_of(heart, SECTOR)
    assert pair.heart.sum() == pair.background.sum() == (SECTOR & ~heart).sum()
    assert not (pair.heart & ~heart).any()
    assert pair.heart[40, 40]


def test_what_is_too_small_to_compare_is_not_compared():
    dot = np.zeros_like(SECTOR)
    dot[30, 40] = True
    assert pair_of(dot, SECTOR) is None
    assert pair_of(SECTOR, SECTOR) is None
    assert pair_of(np.zeros_like(SECTOR), SECTOR) is None


def test_the_middle_of_a_sector_and_a_box():
    middle = central(SECTOR, 0.3)
    assert middle.sum() == round(0.3 * SECTOR.sum())
    assert not (middle & ~SECTOR).any()
    y, x = np.argwhere(SECTOR).mean(0)
    assert np.argwhere(middle).mean(0) == pytest.approx([y, x], abs=1.5)
    mask = box((60, 80), (0.25, 0.5, 0.75, 1.0))
    assert np.argwhere(mask).min(0).tolist() == [30, 20]
    assert np.argwhere(mask).max(0).tolist() == [59, 59]


def test_covered_pixels_are_the_mean_gray_of_their_frames_sector():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (2, 6, 5)).astype(np.uint8)
    masks, sectors = rng.random((2, 6, 5)) < 0.3, rng.random((2, 6, 5)) < 0.7
    found = covered(frames, masks, sectors)
    for number in range(2):
        gray = round(float(frames[number][sectors[number]].mean()))
        assert (found[number][masks[number]] == gray).all()
        assert (found[number][~masks[number]] == frames[number][~masks[number]]).all()


class LooksAt(nn.Module):
    """Sure of class 1 as far as one pixel is bright."""

    def forward(self, x):
        seen = x[:, 0, 0, 11, 5] * 4
        return torch.stack([torch.zeros_like(seen), seen], 1)


def test_a_sliding_patch_finds_the_only_pixel_that_counts():
    torch.manual_seed(0)
    window = torch.rand(1, 1, 16, 24) * 0.2
    window[0, 0, 11, 5] = 1.0
    found = sliding(LooksAt(), window, 1, says=softmax)
    side, gray = 2, float(window.mean())
    before, after = (torch.tensor(4.0 * value).sigmoid().item() for value in (1.0, gray))
    wanted, times = np.zeros((16, 24)), np.zeros((16, 24))
    for y in range(15):
        for x in range(23):
            hides = y <= 11 < y + side and x <= 5 < x + side
            wanted[y : y + side, x : x + side] += (before - after) * hides
            times[y : y + side, x : x + side] += 1
    np.testing.assert_allclose(found, wanted / times, atol=1e-6)
    assert np.unravel_index(found.argmax(), found.shape) == (11, 5)


@pytest.mark.parametrize(("length", "side"), [(16, 2), (33, 5), (60, 8), (4, 4)])
def test_patches_reach_both_edges_and_leave_no_gap(length, side):
    at = places(length, side)
    assert (at[0], at[-1]) == (0, length - side)
    assert all(b - a <= side for a, b in zip(at, at[1:], strict=False))


def test_surroundings_are_lent_by_other_patients_of_the_wanted_label():
    rng = np.random.default_rng(0)
    labels, units = rng.integers(0, 3, 40), rng.integers(0, 8, 40)
    found = draw_donors(labels, units, rng=rng)
    assert (labels[found.alike] == labels).all()
    assert (labels[found.unlike] != labels).all()
    assert (units[found.alike] != units).all()
    assert (units[found.unlike] != units).all()
    assert len({tuple(draw_donors(labels, units, rng=rng).unlike.tolist()) for _ in range(5)}) == 5
    alone = draw_donors(np.array([0, 1, 1]), np.array([0, 0, 1]), rng=rng)
    assert alone.alike.tolist() == [NOBODY, 2, 1]
    assert alone.unlike.tolist() == [2, NOBODY, 0]


def test_exchanged_frames_keep_their_inside_and_take_nothing_of_the_others_inside():
    own, other = np.full((1, 2, 3), 10, np.uint8), np.full((1, 2, 3), 20, np.uint8)
    inside = np.array([[[True, False, False], [False, False, False]]])
    inside_other = np.array([[[False, True, False], [False, False, False]]])
    assert exchanged(own, inside, other, inside_other).tolist() == [[[10, 0, 20], [20, 20, 20]]]
    assert beside([4, 5, 6, 7, 8], [20, 21, 22]) == {4: 20, 5: 20, 6: 21, 7: 22, 8: 22}
    assert beside([3], [20, 21, 22]) == {3: 20}


def test_over_time_a_frame_that_decides_stands_out():
    class Third(nn.Module):
        def forward(self, x):
            seen = x[:, 2].mean((1, 2, 3)) * 5 + (x[:, 2, 0, 0, 0] - x[:, 2].mean((1, 2, 3))) * 3
            return torch.stack([torch.zeros_like(seen), seen], 1)

    window = torch.rand(4, 1, 5, 5)
    fall = without_each_frame(Third(), window, 1, says=softmax)
    assert fall[[0, 1, 3]] == pytest.approx(0.0)
    gray = window.clone()
    gray[2] = window[2].mean()
    wanted = Third()(window[None]).softmax(1)[0, 1] - Third()(gray[None]).softmax(1)[0, 1]
    assert fall[2] == pytest.approx(float(wanted), abs=1e-6)
    maps = np.zeros((4, 2, 2))
    maps[1], maps[2] = 1.0, 3.0
    shares = shares_of_frames(maps)
    assert shares.tolist() == [0, 0.25, 0.75, 0]
    assert effective_frames(np.full(4, 0.25)) == pytest.approx(4.0)
    assert effective_frames(shares) == pytest.approx(np.exp(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75))))
    assert shares_of_frames(np.zeros((4, 2, 2))).tolist() == [0.25] * 4


def test_outside_pictures_are_black_and_maps_have_blocks_that_keep_their_sums():
    rng = np.random.default_rng(0)
    picture, visible = rng.random((60, 80)), SECTOR
    assert (hidden(picture, visible)[~visible] == 0).all()
    assert (hidden(picture, visible)[visible] == picture[visible]).all()
    maps = rng.random((2, 60, 80)).astype(np.float32)
    found = coarsened(maps, visible)
    assert (found[:, visible] == maps[:, visible]).all()
    assert found[:, ~visible].sum(1) == pytest.approx(maps[:, ~visible].sum(1), rel=1e-5)
    corner = found[0, :7, :7]  # a twelfth of 80 pixels, rounded up
    assert np.ptp(corner) == 0
    assert corner[0, 0] == pytest.approx(maps[0, :7, :7].mean(), rel=1e-5)
    assert (coarsened(maps, np.ones((60, 80), bool)) == maps).all()
