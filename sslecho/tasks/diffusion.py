"""Diffusion of labels on a sparse graph of neighbors.

Zhou, Bousquet, Lal, Weston & Schölkopf 2004, "Learning with local and global consistency": with W the symmetric weights
of the edges, D its diagonal of degrees and S = D^-1/2 W D^-1/2, the labels Y [n, classes] (1 where an item has a class)
spread to

    F = (I - alpha S)^-1 Y      (their equation 4 without the factor 1 - alpha, which changes no decision).

I - alpha S is symmetric and positive definite with a condition number of at most (1 + alpha) / (1 - alpha), whatever
n: conjugate gradients solve it in some dozens of products with S, for all columns of Y at once.

Edges weigh cosine^3 and W = A + A^T: Iscen, Tolias, Avrithis & Chum 2019, "Label propagation for deep semi-supervised
learning", equation 9 and section 5.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Bool, Float32, Int64
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sslecho.errors import SslechoError

SHARPNESS = 3.0  # the power of the cosine; Iscen et al. 2019, section 5.1
COLUMNS_AT_ONCE = 32  # solved together: two cache lines a row, and memory grows with this, not with the classes
MOST_STEPS = 500  # at alpha = .99 and a tolerance of 1e-5 the theory asks for 86, at .8 and 1e-4 for 15


def spread_matrix(
    ids: Int64[np.ndarray, "n k"], similarities: Float32[np.ndarray, "n k"], *, sharpness: float = SHARPNESS
) -> sparse.csr_array:
    """S = D^-1/2 (A + A^T) D^-1/2 as float32 `[n, n]`, where A holds cosine^sharpness of each item's neighbors.

    Args:
        ids: neighbors of each item; -1 where there is none.
        similarities: their cosines. Edges whose cosine is not above 0 are left out.
    """
    n, k = ids.shape
    kept = (ids >= 0) & (similarities > 0)
    starts = np.concatenate([[0], np.cumsum(kept.sum(1))])
    narrow = np.int32 if n * k * 2 < np.iinfo(np.int32).max else np.int64
    weights = np.power(similarities[kept], np.float32(sharpness))
    directed = sparse.csr_array((weights, ids[kept].astype(narrow), starts.astype(narrow)), shape=(n, n))
    both = (directed + directed.T.tocsr()).tocsr()
    degrees = np.asarray(both.sum(1), np.float64).ravel()
    scale = np.where(degrees > 0, 1 / np.sqrt(np.maximum(degrees, np.finfo(np.float64).tiny)), 0).astype(np.float32)
    both.data *= np.repeat(scale, np.diff(both.indptr))
    both.data *= scale[both.indices]
    return both


def reached(spread: sparse.csr_array, labeled: Int64[np.ndarray, "m"]) -> Bool[np.ndarray, "n"]:
    """Which items are joined to a labeled one by a path of edges; the others can be told nothing."""
    _, component = connected_components(spread, directed=False)
    return np.isin(component, np.unique(component[labeled]))


def diffuse(
    spread: sparse.csr_array,
    rows: Int64[np.ndarray, "m"],
    columns: Int64[np.ndarray, "m"],
    n_columns: int,
    *,
    alpha: float,
    tolerance: float,
    n_jobs: int = 1,
) -> Iterator[tuple[int, Float32[np.ndarray, "n c"]]]:
    """The columns of (I - alpha S)^-1 Y, where Y is 1 at (rows, columns) and 0 elsewhere, some at a time.

    Args:
        spread: S.
        n_columns: the width of Y.
        alpha: how far labels spread, in (0, 1).
        tolerance: the norm of a column's residual, as a share of the norm of that column of Y.
        n_jobs: threads; each solves `COLUMNS_AT_ONCE` columns.

    Yields:
        The number of the first column, and some columns of F from it on; nothing in them is below 0.

    Raises:
        SslechoError: conjugate gradients did not reach the tolerance.
    """
    n = int(spread.indptr.size) - 1
    n_chunks = -(-n_columns // COLUMNS_AT_ONCE)
    width = -(-n_columns // n_chunks)
    order = np.argsort(columns, kind="stable")
    rows, columns = rows[order], columns[order]

    def solve(first: int) -> Float32[np.ndarray, "n c"]:
        chosen = slice(*np.searchsorted(columns, [first, min(first + width, n_columns)]))
        sources = np.zeros((n, min(width, n_columns - first)), np.float32)
        sources[rows[chosen], columns[chosen] - first] = 1
        return np.maximum(conjugate_gradients(spread, sources, alpha=alpha, tolerance=tolerance), 0)

    firsts = range(0, n_columns, width)
    if n_jobs == 1 or len(firsts) == 1:
        yield from ((first, solve(first)) for first in firsts)
        return
    with ThreadPoolExecutor(n_jobs) as pool:
        for start in range(0, len(firsts), n_jobs):  # no more in memory than there are threads
            some = firsts[start : start + n_jobs]
            yield from zip(some, pool.map(solve, some), strict=True)


def conjugate_gradients(
    spread: sparse.csr_array, sources: Float32[np.ndarray, "n c"], *, alpha: float, tolerance: float
) -> Float32[np.ndarray, "n c"]:
    """(I - alpha S)^-1 sources, each column by conjugate gradients of its own; the products with S are shared.

    Hestenes & Stiefel 1952.

    Raises:
        SslechoError: a column did not reach the tolerance in `MOST_STEPS`.
    """
    solution = np.zeros_like(sources)
    residual = sources.copy()
    direction = sources.copy()
    size = _dots(residual, residual)
    wanted = tolerance**2 * size
    for _ in range(MOST_STEPS):
        changed = spread @ direction
        changed *= np.float32(-alpha)
        changed += direction
        step = _ratio(size, _dots(direction, changed))
        solution += direction * step
        changed *= step
        residual -= changed
        before, size = size, _dots(residual, residual)
        if (size <= wanted).all():
            return solution
        direction *= _ratio(size, before)
        direction += residual
    worst = float(np.sqrt((size / np.maximum(wanted, np.finfo(np.float64).tiny)).max())) * tolerance
    raise SslechoError(
        f"the labels did not settle: after {MOST_STEPS} steps the residual is {worst:.1e}, not {tolerance:.1e}; "
        "take a smaller alpha or a larger tolerance"
    )


def _dots(a: Float32[np.ndarray, "n c"], b: Float32[np.ndarray, "n c"]) -> np.ndarray:
    """The inner product of each column; pieces are added in float64, so that many rows lose no digits."""
    total = np.zeros(a.shape[1])
    for start in range(0, len(a), 4096):
        total += np.einsum("ij,ij->j", a[start : start + 4096], b[start : start + 4096])
    return total


def _ratio(above: np.ndarray, below: np.ndarray) -> Float32[np.ndarray, "c"]:
    """0 where a column has nothing left to solve."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0).astype(np.float32)
