"""Fewer dimensions for a first look: an encoder's vectors lie near a space of far fewer than they have.

Vectors are compared along their principal axes, a few more than k of the nearest are kept, and only these are compared
in full. How many axes are enough is seen on a sample, not taken from the spectrum: neighbors differ in what is left.
"""

import numpy as np
from jaxtyping import Bool, Float32, Int64

from sslecho.embed.index.exhaustive import search_exhaustively
from sslecho.embed.index.recall import Sample, surely_reaches
from sslecho.embed.index.vectors import pieces, unit_length

WIDER = 4  # candidates that are compared in full, for each neighbor
AXES = (32, 64, 128)
ROWS_FOR_AXES = 20_000
SHARE_OF_MISSES = 0.25  # that fewer dimensions may take; the rest is for other shortcuts


def reduced(
    vectors: Float32[np.ndarray, "n d"],
    sample: Sample,
    *,
    order: Int64[np.ndarray, "n"],
    codes: Int64[np.ndarray, "n"],
    recall: float,
    seed: int,
) -> tuple[Float32[np.ndarray, "n e"], Bool[np.ndarray, "s k"]]:
    """The vectors along as few principal axes as keep the sample's neighbors among the candidates.

    Args:
        vectors: of length 1.
        sample: some of them, with their true neighbors.
        order: the row, among those that the sample counts, of each vector here.
        codes: the group of each vector here.
        recall: that all shortcuts together may leave.

    Returns:
        Reduced vectors of length 1, or the given ones where half of their dimensions are not enough; and which of the
        sample's neighbors are candidates.
    """
    some = np.random.default_rng(seed).permutation(len(vectors))[:ROWS_FOR_AXES]
    # Not centered: it is inner products that are to stay as they are.
    axes = np.linalg.eigh(vectors[some].T @ vectors[some])[1][:, ::-1]
    for n_axes in AXES:
        if 2 * n_axes > vectors.shape[1]:
            break
        few = np.concatenate([unit_length(piece @ axes[:, :n_axes]) for piece in pieces(vectors)])
        queries = unit_length(sample.queries @ axes[:, :n_axes])
        wide = WIDER * sample.ids.shape[1]
        _, found = search_exhaustively(few, queries, wide, query_codes=sample.codes, codes=codes)
        candidates = np.where(found >= 0, order[found], -2)
        kept = (candidates[:, :, None] == sample.ids[:, None]).any(1)
        asked = (sample.ids >= 0).any(1)
        shares = kept[asked].sum(1) / (sample.ids[asked] >= 0).sum(1)
        if surely_reaches(shares, 1 - SHARE_OF_MISSES * (1 - recall)):
            return few, kept
    return vectors, sample.ids >= 0
