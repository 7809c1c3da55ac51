"""Approximate nearest neighbors by cosine distance: inverted file, HNSW, and an inverted file of compressed vectors.

- "ivf": the `nprobe` lists nearest to a query are searched (Jégou et al. 2011, section 4).
- "hnsw": a navigable graph in layers is walked with a list of `efSearch` candidates (Malkov and Yashunin 2018).
- "ivfpq": as ivf, but on codes of product quantization (Jégou et al. 2011); the vectors stay where they are (on disk,
  memory-mapped), and only those of the best candidates are read to rank these exactly.

The one number that trades time for recall is the effort: nprobe or efSearch. Beyond all lists, ivfpq ranks more
candidates exactly instead.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int64, Shaped

from sslecho.embed.index.exclusion import first_allowed, group_codes, n_left_out
from sslecho.embed.index.exhaustive import search_exhaustively
from sslecho.embed.index.flat import check_queries, distances_of
from sslecho.embed.index.library import import_faiss
from sslecho.embed.index.recall import Sample, mean_recall, recalls, surely_reaches
from sslecho.embed.index.saved import write_index
from sslecho.embed.index.vectors import hash_of, pieces, unit_length
from sslecho.errors import InputError

KINDS = ("ivf", "hnsw", "ivfpq")
LISTS_PER_ROOT = 4  # FAISS's guidelines for choosing an index: 4 to 16 * sqrt(n) lists
POINTS_PER_LIST = 39  # the fewest with which FAISS trains without a warning
LINKS = 32  # of a vector in HNSW's lowest layer, twice
PQ_DIMS = 4  # values in a byte of the code: one sixteenth of float32
PQ_CENTROIDS = 256
CANDIDATES = 16  # ranked exactly by ivfpq for each neighbor asked for
GROWTH = 1.4  # of the effort, from one try to the next
HARDEST = 16  # times all lists, for ivfpq
LONGEST = 1024  # of HNSW's lists of candidates
GATHERED_AT_ONCE = 1 << 25  # 128 MB of candidates' values
QUERIES_AT_ONCE = 1024  # so that their hits take 400 MB at most
FIRST_SPARE, MORE, WIDEST = 64, 4, 2048  # how many more hits than k are asked for first, then, at most


class ApproximateIndex:
    """An index that finds most neighbors; `build` makes it, `tune` chooses its effort and measures its recall."""

    def __init__(self, faiss_index: Any, vectors: Float[np.ndarray, "n d"], *, kind: str, vectors_hash: str):
        self.kind = kind
        self.effort = 1
        self.recall = float("nan")  # until it is measured
        self._index = faiss_index
        self._vectors = vectors
        self._vectors_hash = vectors_hash

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(cls, vectors: Float[np.ndarray, "n d"], *, kind: str, seed: int = 0) -> "ApproximateIndex":
        """Index the vectors, which are kept as they are (a memory map stays one) for the queries that need them.

        HNSW is built by several threads at once, so that its graph, alone of the three, may differ between runs.

        Args:
            kind: "ivf", "hnsw" or "ivfpq".

        Raises:
            InputError: fewer than 256 vectors, or one that is not finite.
            MissingExtraError: FAISS is not installed.
        """
        if len(vectors) < PQ_CENTROIDS:
            raise InputError(
                f"{len(vectors)} embeddings are too few for an approximate index, which needs {PQ_CENTROIDS}; "
                "search them exactly"
            )
        faiss = import_faiss()
        n, dim = vectors.shape
        if kind == "hnsw":
            index = faiss.IndexHNSWFlat(dim, LINKS, faiss.METRIC_INNER_PRODUCT)
        else:
            lists = max(1, min(round(LISTS_PER_ROOT * n**0.5), n // POINTS_PER_LIST))
            quantizer = faiss.IndexFlatIP(dim)
            if kind == "ivf":
                index = faiss.IndexIVFFlat(quantizer, dim, lists, faiss.METRIC_INNER_PRODUCT)
            else:
                index = faiss.IndexIVFPQ(quantizer, dim, lists, _n_codes(dim), 8, faiss.METRIC_INNER_PRODUCT)
                index.pq.cp.seed = seed
            index.cp.seed, index.cp.spherical = seed, True
            sample = np.random.default_rng(seed).permutation(n)[: max(PQ_CENTROIDS, lists) * POINTS_PER_LIST * 2]
            index.train(unit_length(vectors[np.sort(sample)]))
        for piece in pieces(vectors):
            index.add(unit_length(piece))
        return cls(index, vectors, kind=kind, vectors_hash=hash_of(vectors))

    def tune(self, chosen_on: Sample, measured_on: Sample, *, codes: Int64[np.ndarray, "n"], recall: float) -> bool:
        """Raise the effort until `recall` is surely reached on one sample, and measure it on another.

        Args:
            codes: the group of each vector, as when the samples were drawn.

        Returns:
            Whether it was reached on the first; `self.recall` is that of the second.
        """
        effort, reached = 1, False
        while not reached and effort <= self._hardest():
            self.effort = effort
            reached = surely_reaches(self._recalls(chosen_on, codes), recall)
            effort = max(effort + 1, int(effort * GROWTH))
        self.recall = mean_recall(self._recalls(measured_on, codes))
        return reached

    def search(
        self,
        queries: Float[np.ndarray, "q d"],
        k: int,
        *,
        query_groups: Shaped[np.ndarray, "q"] | Sequence[Any] | None = None,
        groups: Shaped[np.ndarray, "n"] | Sequence[Any] | None = None,
    ) -> tuple[Float32[np.ndarray, "q k"], Int64[np.ndarray, "q k"]]:
        """As `FlatIndex.search`, but a share of about 1 - `recall` of the neighbors is missed for others farther away.

        More hits are asked for until a query has k of other groups; one that stays short is searched exactly, so that
        -1 stands only where there are no more.

        Raises:
            InputError: k < 1, queries of another dimension or not finite, or a group that is missing.
        """
        check_queries(queries, k, dim=self._index.d)
        own, of_vector = group_codes(query_groups, groups, n_queries=len(queries), n_vectors=len(self))
        similarities, ids = self._search(unit_length(queries), k, query_codes=own, codes=of_vector)
        return distances_of(similarities), ids

    def save(self, path: Path | str, **more: Any) -> None:
        """Write the index with its kind, effort and recall and the hash of its vectors.

        Args:
            more: what else it was made from, to know it by.

        Raises:
            SslechoError: the disk is full or the folder can't be written.
        """
        described = {"kind": self.kind, "effort": self.effort, "recall": self.recall}
        write_index(Path(path), self._index, vectors_hash=self._vectors_hash, **described, **more)

    def _hardest(self) -> int:
        if self.kind == "hnsw":
            return min(len(self), LONGEST)
        return self._index.nlist * (HARDEST if self.kind == "ivfpq" else 1)

    def _recalls(self, sample: Sample, codes: Int64[np.ndarray, "n"]) -> Float[np.ndarray, "t"]:
        k = sample.similarities.shape[1]
        found, _ = self._search(sample.queries, k, query_codes=sample.codes, codes=codes)
        return recalls(found, sample.similarities)

    def _search(
        self,
        queries: Float32[np.ndarray, "q d"],
        k: int,
        *,
        query_codes: Int64[np.ndarray, "q"],
        codes: Int64[np.ndarray, "n"],
    ) -> tuple[Float32[np.ndarray, "q k"], Int64[np.ndarray, "q k"]]:
        similarities = np.full((len(queries), k), -np.inf, np.float32)
        ids = np.full((len(queries), k), -1, np.int64)
        own = n_left_out(query_codes, codes)
        there = np.minimum(k, len(self) - own)
        still_short = [np.empty(0, np.int64)]
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            short = start + np.flatnonzero(there[start : start + QUERIES_AT_ONCE])
            fetch = min(len(self), k + int(min(FIRST_SPARE, own[short].max(initial=0))))
            while len(short):
                found, hits = self._hits(queries[short], fetch)
                similarities[short], ids[short] = first_allowed(
                    found, hits, k, query_codes=query_codes[short], codes=codes
                )
                short = short[(ids[short] >= 0).sum(1) < there[short]]
                if fetch >= min(len(self), WIDEST):
                    still_short.append(short)
                    break
                fetch = min(len(self), fetch * MORE, max(WIDEST, k))
        short = np.concatenate(still_short)
        if len(short):
            similarities[short], ids[short] = search_exhaustively(
                self._vectors, queries[short], k, query_codes=query_codes[short], codes=codes
            )
        return similarities, ids

    def _hits(
        self, queries: Float32[np.ndarray, "q d"], fetch: int
    ) -> tuple[Float32[np.ndarray, "q f"], Int64[np.ndarray, "q f"]]:
        """What FAISS finds with the chosen effort, nearest first, -1 where it found no more."""
        faiss = import_faiss()
        if self.kind == "hnsw":
            params = faiss.SearchParametersHNSW(efSearch=max(self.effort, fetch))
            return self._index.search(queries, fetch, params=params)
        params = faiss.SearchParametersIVF(nprobe=min(self.effort, self._index.nlist))
        if self.kind == "ivf":
            return self._index.search(queries, fetch, params=params)
        candidates = min(len(self), fetch * CANDIDATES * max(1, self.effort // self._index.nlist))
        _, hits = self._index.search(queries, candidates, params=params)
        return self._ranked(queries, hits, fetch)

    def _ranked(
        self, queries: Float32[np.ndarray, "q d"], hits: Int64[np.ndarray, "q c"], fetch: int
    ) -> tuple[Float32[np.ndarray, "q f"], Int64[np.ndarray, "q f"]]:
        """The candidates by their true similarities, the `fetch` nearest of them."""
        similarities = np.empty(hits.shape, np.float32)
        step = max(1, GATHERED_AT_ONCE // (hits.shape[1] * queries.shape[1]))
        for start in range(0, len(queries), step):
            rows = slice(start, start + step)
            near = unit_length(self._vectors[hits[rows].ravel()]).reshape(*hits[rows].shape, -1)
            similarities[rows] = np.einsum("qd,qcd->qc", queries[rows], near)
        similarities[hits < 0] = -np.inf
        best = np.argsort(-similarities, axis=1, kind="stable")[:, :fetch]
        return np.take_along_axis(similarities, best, 1), np.take_along_axis(hits, best, 1)


def _n_codes(dim: int) -> int:
    """Bytes of a code: the most that divide the dimension into parts of at least four values."""
    return max(parts for parts in range(1, max(1, dim // PQ_DIMS) + 1) if dim % parts == 0)
