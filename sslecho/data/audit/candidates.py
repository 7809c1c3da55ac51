"""Which pictures may be alike, without comparing all with all.

The 64-bit hashes are sorted by some of their bits, drawn at random, and each is compared with those that follow it and
share these bits; again and again with other bits. A pair that differs in a share p of its bits shares b drawn bits
with probability (1 - p)^b, so of t tables all miss it with (1 - (1 - p)^b)^t. b grows with the logarithm of n, so that
about `BUCKET` pictures share them: with 64 pictures or fewer all pairs are compared, and the time grows as n log n.

Source: P. Indyk, R. Motwani, "Approximate nearest neighbors", STOC 1998 (bit sampling); M. Charikar, "Similarity
estimation techniques from rounding algorithms", STOC 2002 (the sorted neighbors).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt64

from sslecho.data.audit.phash import Hashes, distances

BITS, DRAWN = 64, 32
TABLES = 48
BUCKET = 64  # pictures that share the drawn bits, were the bits independent
FARTHEST = 256  # neighbors of a sorted list that are compared, however many share the bits
COARSE_RADIUS = 16  # of 64 bits: 88 true pairs of real echo clips differ in at most 16, half of them in 6
FINE_RADIUS = 90  # of 256 bits: the same pairs differ in at most 90; one in 1,000 of other lung pairs in 88
MOST_NEIGHBORS = 64  # of a picture, about; more of them would say the same
ALL_WITHIN = 2000  # pictures of one patient up to which all pairs are compared


class Pairs(NamedTuple):
    """Pairs of pictures a < b, by their bits' distance, the nearest first."""

    a: Int64[np.ndarray, " m"]
    b: Int64[np.ndarray, " m"]
    distance: Int64[np.ndarray, " m"]


def near_pairs(hashes: Hashes, owners: Int64[np.ndarray, " n"], *, seed: int = 0) -> Pairs:
    """Pairs of pictures of different owners whose hashes are near.

    Pictures of equal hashes are a chain, and one of them is compared with others; a picture with very many neighbors
    has some of them: who belongs together is connected, though not each with each.

    Args:
        hashes: one a picture.
        owners: the clip of each picture; pairs within one are left out.
        seed: decides which bits are drawn.

    Returns:
        No pair that is farther apart than the radii; nearly all of those that are near, see above.
    """
    n = len(owners)
    ones, chain = _equal(hashes, owners)
    rng = np.random.default_rng(seed)
    bits = np.unpackbits(hashes.coarse[ones].view(np.uint8).reshape(len(ones), 8), axis=1)
    shared = int(max(0, np.ceil(np.log2(max(len(ones), 1) / BUCKET))))
    codes, n_found = chain, np.zeros(n, dtype=np.int64)
    for _ in range(TABLES if shared else 1):
        drawn = rng.permutation(BITS)[:DRAWN]
        keys = np.ascontiguousarray(np.packbits(bits[:, drawn], axis=1)).view(">u4")[:, 0].astype(np.uint64)
        order = np.argsort(keys, kind="stable")
        at = np.flatnonzero(n_found[ones[order]] < MOST_NEIGHBORS)
        found = _followers(hashes, owners, ones[order], keys[order] >> np.uint64(DRAWN - shared), at)
        codes = np.unique(np.concatenate([codes, found]))
        n_found = np.bincount(codes // max(n, 1), minlength=n) + np.bincount(codes % max(n, 1), minlength=n)
    return _sorted(codes // max(n, 1), codes % max(n, 1), hashes)


def pairs_within(hashes: Hashes, owners: Int64[np.ndarray, " n"]) -> Pairs:
    """All pairs within an owner that are near in the 64 bits; an owner of very many pictures is left out.

    Args:
        hashes: one a picture.
        owners: the patient of each picture; -1 where none is known.
    """
    order = np.argsort(owners, kind="stable")
    starts = np.flatnonzero(np.diff(owners[order], prepend=-2))
    found_a, found_b = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for members in np.split(order, starts[1:]):
        if not 1 < len(members) <= ALL_WITHIN or owners[members[0]] < 0:
            continue
        code = hashes.coarse[members]
        i, j = np.nonzero(np.triu(distances(code[:, None], code[None]) <= COARSE_RADIUS, 1))
        found_a.append(members[i])
        found_b.append(members[j])
    return _sorted(np.concatenate(found_a), np.concatenate(found_b), hashes)


def _equal(hashes: Hashes, owners: Int64[np.ndarray, " n"]) -> tuple[Int64[np.ndarray, " u"], Int64[np.ndarray, " m"]]:
    """One picture of each hash, and the chains of those that share one, each link as one number."""
    order = np.lexsort((*hashes.fine.T, hashes.coarse))
    words = np.column_stack([hashes.coarse, hashes.fine])[order]
    same = (words[1:] == words[:-1]).all(axis=1)
    ones = order[np.concatenate([np.ones(min(1, len(order)), dtype=bool), ~same])]
    a, b = order[:-1][same], order[1:][same]
    link = owners[a] != owners[b]
    return ones, np.minimum(a, b)[link] * len(owners) + np.maximum(a, b)[link]


def _followers(
    hashes: Hashes,
    owners: Int64[np.ndarray, " n"],
    order: Int64[np.ndarray, " u"],
    key: UInt64[np.ndarray, " u"],
    at: Int64[np.ndarray, " a"],
) -> Int64[np.ndarray, " m"]:
    """Near pairs of the places `at` of a sorted list and those that follow with the same key, each as one number."""
    n = len(owners)
    code, owner = hashes.coarse[order], owners[order]
    n_near = np.zeros(len(order), dtype=np.int64)
    found = []
    for step in range(1, FARTHEST + 1):
        at = at[: np.searchsorted(at, len(order) - step)]
        at = at[(key[at] == key[at + step]) & (n_near[at] < MOST_NEIGHBORS)]
        if not len(at):
            break
        near = at[(np.bitwise_count(code[at] ^ code[at + step]) <= COARSE_RADIUS) & (owner[at] != owner[at + step])]
        if not len(near):
            continue
        a, b = order[near], order[near + step]
        fine = distances(hashes.fine[a], hashes.fine[b]).sum(axis=1) <= FINE_RADIUS
        n_near[near[fine]] += 1
        found.append(np.minimum(a, b)[fine] * n + np.maximum(a, b)[fine])
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def _sorted(a: Int64[np.ndarray, " m"], b: Int64[np.ndarray, " m"], hashes: Hashes) -> Pairs:
    distance = distances(hashes.fine[a], hashes.fine[b]).sum(axis=1)
    order = np.argsort(distance, kind="stable")
    return Pairs(np.minimum(a, b)[order], np.maximum(a, b)[order], distance[order])
