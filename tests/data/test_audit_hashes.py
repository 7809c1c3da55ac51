"""Perceptual hashes against a slow oracle, what they withstand, and the search among them against all pairs."""

import math

import numpy as np
import pytest
from data.speckled import clip, cut, fan, resized, through_jpeg, with_gain

from sslecho.data.audit.candidates import COARSE_RADIUS, FINE_RADIUS, MOST_NEIGHBORS, Pairs, near_pairs, pairs_within
from sslecho.data.audit.content import REACH, content_of
from sslecho.data.audit.phash import Hashes, distances, hashes_of


def slow_hash(picture: np.ndarray, mask: np.ndarray) -> tuple[list[bool], list[bool]]:
    """From the definition, a pixel and a coefficient at a time: 64 and 256 bits."""
    height, width = picture.shape
    total = picture.sum()
    extents = []
    for length, mass in ((height, picture.sum(axis=1)), (width, picture.sum(axis=0))):
        center = sum(mass[i] * (i + 0.5) for i in range(length)) / total
        spread = math.sqrt(sum(mass[i] * (i + 0.5 - center) ** 2 for i in range(length)) / total)
        extents.append((center - REACH * spread, 2 * REACH * spread / 32))
    centered = np.where(mask, picture - picture[mask].mean(), 0.0)

    def weights(length: int, start: float, step: float) -> np.ndarray:
        table = np.zeros((32, length))
        for cell in range(32):
            for i in range(length):
                low, high = max(i, start + cell * step), min(i + 1, start + (cell + 1) * step)
                table[cell, i] = max(0.0, high - low) / step
        return table

    small = weights(height, *extents[0]) @ centered @ weights(width, *extents[1]).T
    spectrum = np.zeros((16, 16))
    for u in range(1, 17):
        for v in range(1, 17):
            down = np.array([math.cos(math.pi * (2 * i + 1) * u / 64) for i in range(32)])
            across = np.array([math.cos(math.pi * (2 * i + 1) * v / 64) for i in range(32)])
            spectrum[u - 1, v - 1] = down @ small @ across
    low = spectrum[:8, :8].ravel()
    return (low > np.median(low)).tolist(), (spectrum.ravel() > np.median(spectrum)).tolist()


def bits(words: np.ndarray) -> list[bool]:
    return np.unpackbits(np.atleast_1d(words).view(np.uint8)).astype(bool).tolist()


def of(frames: np.ndarray) -> Hashes:
    mask = fan()  # ingest blanks what lies outside, what JPEG leaves there too
    return hashes_of(frames.astype(np.float32) * mask, mask)


def test_the_hash_is_that_of_its_definition():
    frames = clip(5, n_frames=2)[:, 10:, :90]
    mask = content_of(frames)
    found = hashes_of(frames.astype(np.float32) * mask, mask)
    for place, frame in enumerate(frames):
        coarse, fine = slow_hash(frame * mask.astype(float), mask)
        # A coefficient at the median itself may fall to either side in single precision.
        assert sum(a != b for a, b in zip(bits(found.coarse[place]), coarse, strict=True)) <= 1
        assert sum(a != b for a, b in zip(bits(found.fine[place]), fine, strict=True)) <= 2


@pytest.mark.parametrize(
    "change",
    [
        lambda frames: with_gain(frames, 0.6),
        lambda frames: with_gain(frames, 1.15),
        lambda frames: through_jpeg(frames, 75),
        lambda frames: resized(frames, 0.5),
        lambda frames: cut(frames, 3),
    ],
    ids=["darker", "brighter", "jpeg", "half the size", "cut"],
)
def test_a_changed_copy_keeps_its_hash_and_another_picture_does_not(change):
    originals = np.concatenate([clip(seed, n_frames=1) for seed in range(12)])
    first, second = of(originals), of(change(originals))
    coarse = distances(first.coarse[:, None], second.coarse[None])
    fine = distances(first.fine[:, None], second.fine[None]).sum(axis=2)
    same = np.eye(12, dtype=bool)
    assert coarse[same].max() <= COARSE_RADIUS
    assert fine[same].max() <= FINE_RADIUS
    assert coarse[~same].min() > COARSE_RADIUS or fine[~same].min() > FINE_RADIUS


def test_a_sector_is_found_without_its_outline_and_taken_from_it():
    frames = clip(1, n_frames=4)
    found = content_of(frames)
    assert (found & fan()).sum() / (found | fan()).sum() > 0.97
    square = content_of(frames, [10.0, 20.0, 50.0, 20.0, 50.0, 60.0, 10.0, 60.0])
    assert square.sum() == 41 * 41
    assert content_of(np.zeros((1, 8, 8), dtype=np.uint8)).all()


def noisy_hashes(n_groups: int, n_copies: int, flips: int, seed: int) -> tuple[Hashes, np.ndarray]:
    """Groups of hashes that are near each other, in an order that tells nothing."""
    rng = np.random.default_rng(seed)
    bits_of_groups = rng.integers(0, 2, (n_groups, 320)).astype(np.uint8)
    all_bits = np.repeat(bits_of_groups, n_copies, axis=0)
    for row in all_bits:
        row[rng.choice(64, flips, replace=False)] ^= 1
        row[64 + rng.choice(256, 4 * flips, replace=False)] ^= 1
    order = rng.permutation(len(all_bits))
    words = np.packbits(all_bits[order], axis=1).view(np.uint64)
    return Hashes(np.ascontiguousarray(words[:, 0]), np.ascontiguousarray(words[:, 1:])), order // n_copies


def all_pairs(hashes: Hashes, owners: np.ndarray) -> set[tuple[int, int]]:
    found = set()
    for a in range(len(owners)):
        for b in range(a + 1, len(owners)):
            coarse = bin(int(hashes.coarse[a]) ^ int(hashes.coarse[b])).count("1")
            fine = sum(bin(int(x) ^ int(y)).count("1") for x, y in zip(hashes.fine[a], hashes.fine[b], strict=True))
            if coarse <= COARSE_RADIUS and fine <= FINE_RADIUS and owners[a] != owners[b]:
                found.add((a, b))
    return found


@pytest.mark.parametrize(("n_groups", "flips"), [(20, 7), (100, 3), (100, 6)])
def test_the_search_finds_what_comparing_all_pairs_finds(n_groups: int, flips: int):
    hashes, _ = noisy_hashes(n_groups, 3, flips, seed=n_groups + flips)
    owners = np.arange(len(hashes.coarse)) // 2
    wanted = all_pairs(hashes, owners)
    found = near_pairs(hashes, owners, seed=1)
    pairs = list(zip(found.a.tolist(), found.b.tolist(), strict=True))
    assert len(wanted) > 0.9 * 3 * n_groups
    assert set(pairs) <= wanted
    assert len(pairs) == len(set(pairs))
    assert len(pairs) >= 0.99 * len(wanted)
    assert found.distance.tolist() == sorted(found.distance.tolist())


def test_pictures_of_one_owner_are_no_pair_and_those_within_an_owner_are():
    hashes, group = noisy_hashes(30, 4, 4, seed=3)
    assert len(near_pairs(hashes, group).a) == 0
    owners = np.where(group % 3 == 0, -1, group)
    within = pairs_within(hashes, owners)
    wanted = {
        (a, b) for a in range(120) for b in range(a + 1, 120) if group[a] == group[b] and group[a] % 3
    }  # fmt: skip
    assert set(zip(within.a.tolist(), within.b.tolist(), strict=True)) == wanted


def connected(found: Pairs, n: int) -> int:
    """How many pictures hang together with the first one."""
    seen, todo = {0}, [0]
    neighbors: dict[int, list[int]] = {place: [] for place in range(n)}
    for a, b in zip(found.a.tolist(), found.b.tolist(), strict=True):
        neighbors[a].append(b)
        neighbors[b].append(a)
    while todo:
        for other in neighbors[todo.pop()]:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return len(seen)


def test_equal_pictures_are_a_chain():
    hashes = Hashes(np.zeros(700, dtype=np.uint64), np.zeros((700, 4), dtype=np.uint64))
    found = near_pairs(hashes, np.arange(700))
    assert len(found.a) == 699
    assert connected(found, 700) == 700


def test_a_crowd_of_near_pictures_costs_no_square_of_pairs_and_hangs_together():
    hashes, _ = noisy_hashes(1, 800, 2, seed=8)
    found = near_pairs(hashes, np.arange(800))
    assert len(found.a) < 800 * 2 * MOST_NEIGHBORS
    assert connected(found, 800) == 800


def test_no_picture_is_no_pair():
    nothing = Hashes(np.zeros(0, dtype=np.uint64), np.zeros((0, 4), dtype=np.uint64))
    assert len(near_pairs(nothing, np.zeros(0, dtype=np.int64)).a) == 0
    assert len(pairs_within(nothing, np.zeros(0, dtype=np.int64)).a) == 0
