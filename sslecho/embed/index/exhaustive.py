"""Every vector looked at, with those of a query's own group left out: what an approximate search is held against.

Vectors have length 1 here, and nearness is their inner product. Groups are integer codes; -1 is the group of a query
that has none among the vectors.
"""

import math

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64

from sslecho.embed.index.vectors import unit_length

COLUMNS_AT_ONCE = 1 << 14  # vectors compared at a time
SIMILARITIES_AT_ONCE = 1 << 22  # 16 MB of float32: they stay in the cache between being made and being sifted


def search_exhaustively(
    vectors: Float[np.ndarray, "n d"],
    queries: Float32[np.ndarray, "q d"],
    k: int,
    *,
    query_codes: Int64[np.ndarray, "q"],
    codes: Int64[np.ndarray, "n"],
) -> tuple[Float32[np.ndarray, "q k"], Int64[np.ndarray, "q k"]]:
    """The k nearest vectors of each query that are of another group, nearest first.

    Args:
        vectors: of any length, also memory-mapped; they are scaled piece by piece.
        queries: of length 1.
        query_codes: the group of each query.
        codes: the group of each vector.

    Returns:
        Cosine similarities and rows of `vectors`; minus infinity and -1 where there are fewer than k.
    """
    similarities = np.full((len(queries), k), -np.inf, np.float32)
    ids = np.full((len(queries), k), -1, np.int64)
    for start in range(0, len(vectors), COLUMNS_AT_ONCE):
        piece = unit_length(vectors[start : start + COLUMNS_AT_ONCE])
        of_piece = codes[start : start + COLUMNS_AT_ONCE]
        step = max(1, SIMILARITIES_AT_ONCE // len(piece))
        for first in range(0, len(queries), step):
            rows = slice(first, first + step)
            compared = torch.from_numpy(queries[rows] @ piece.T)
            found, columns = sift(compared, k, query_codes=query_codes[rows], codes=of_piece)
            columns[columns >= 0] += start
            similarities[rows], ids[rows] = _merge((similarities[rows], found), (ids[rows], columns), k)
    return similarities, ids


def sift(
    similarities: torch.Tensor, k: int, *, query_codes: Int64[np.ndarray, "q"], codes: Int64[np.ndarray, "c"]
) -> tuple[Float32[np.ndarray, "q k"], Int64[np.ndarray, "q k"]]:
    """The k largest of each row whose column is of another group, and their columns; overwrites `similarities`.

    Args:
        similarities: float32 `[q, c]`.
    """
    own = torch.from_numpy(query_codes)[:, None] == torch.from_numpy(codes)[None]
    similarities.masked_fill_(own, -math.inf)
    width = min(k, similarities.shape[1])
    best, columns = (found.numpy() for found in similarities.topk(width, dim=1))
    columns[np.isneginf(best)] = -1
    if width == k:
        return best, columns
    missing = ((0, 0), (0, k - width))
    return np.pad(best, missing, constant_values=-np.inf), np.pad(columns, missing, constant_values=-1)


def _merge(
    similarities: tuple[np.ndarray, np.ndarray], ids: tuple[np.ndarray, np.ndarray], k: int
) -> tuple[Float32[np.ndarray, "q k"], Int64[np.ndarray, "q k"]]:
    """The k best of two lists; of equally near ones those that were found first."""
    both = np.concatenate(similarities, axis=1)
    best = np.argsort(-both, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(both, best, 1), np.take_along_axis(np.concatenate(ids, axis=1), best, 1)
