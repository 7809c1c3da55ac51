"""Which of the found vectors a query may have: those of another group."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64, Shaped

from sslecho.metrics.labels import encode_groups


def group_codes(
    query_groups: Shaped[np.ndarray, "q"] | Sequence[Any] | None,
    groups: Shaped[np.ndarray, "n"] | Sequence[Any] | None,
    *,
    n_queries: int,
    n_vectors: int,
) -> tuple[Int64[np.ndarray, "q"], Int64[np.ndarray, "n"]]:
    """The group of each query and of each vector as a code; without groups -1 and 0, so that nothing is left out.

    Raises:
        InputError: a group is missing.
        ValueError: one is given without the other, or for another number of queries or vectors.
    """
    if (query_groups is None) != (groups is None):
        raise ValueError("query_groups and groups go together: one says what to leave out, the other where it is")
    if query_groups is None or groups is None:
        return np.full(n_queries, -1), np.zeros(n_vectors, np.int64)
    if len(query_groups) != n_queries:
        raise ValueError(f"query_groups has {len(query_groups)} entries for {n_queries} queries")
    if len(groups) != n_vectors:
        raise ValueError(f"groups has {len(groups)} entries for {n_vectors} indexed vectors")
    codes = encode_groups([*query_groups, *groups], what="group")
    return codes[:n_queries], codes[n_queries:]


def n_left_out(query_codes: Int64[np.ndarray, "q"], codes: Int64[np.ndarray, "n"]) -> Int64[np.ndarray, "q"]:
    """How many vectors are of each query's own group."""
    sizes = np.bincount(codes, minlength=int(query_codes.max(initial=0)) + 1)
    return np.where(query_codes >= 0, sizes[query_codes], 0)


def first_allowed(
    similarities: Float32[np.ndarray, "q f"],
    hits: Int64[np.ndarray, "q f"],
    k: int,
    *,
    query_codes: Int64[np.ndarray, "q"],
    codes: Int64[np.ndarray, "n"],
) -> tuple[Float32[np.ndarray, "q k"], Int64[np.ndarray, "q k"]]:
    """The first k hits of each query that are of another group; minus infinity and -1 where there are fewer."""
    allowed = (hits >= 0) & (codes[hits] != query_codes[:, None])
    place = np.cumsum(allowed, axis=1) - 1
    at, column = np.nonzero(allowed & (place < k))
    best, ids = np.full((len(hits), k), -np.inf, np.float32), np.full((len(hits), k), -1, np.int64)
    best[at, place[at, column]] = similarities[at, column]
    ids[at, place[at, column]] = hits[at, column]
    return best, ids
