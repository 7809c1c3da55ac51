"""Vectors as the index takes them: scaled to length 1, piece by piece, so that memory-mapped ones stay on disk."""

import hashlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float32

from sslecho.errors import InputError

ROWS_AT_ONCE = 1 << 16  # scaled or hashed at a time


def pieces(vectors: Float[np.ndarray, "n d"]) -> Iterator[np.ndarray]:
    """The vectors in order, `ROWS_AT_ONCE` at a time."""
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        yield vectors[start : start + ROWS_AT_ONCE]


def unit_length(vectors: Float[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
    """Each vector scaled to length 1; one of zeros stays.

    Raises:
        InputError: a vector is not finite.
    """
    vectors = np.ascontiguousarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        bad = int((~np.isfinite(lengths)).sum())
        raise InputError(f"{bad} of {len(vectors)} embeddings are not finite; embed again with a sound encoder")
    return vectors / np.maximum(lengths, np.finfo(np.float32).tiny)


def hash_of(vectors: Float[np.ndarray, "n d"]) -> str:
    """SHA-256 of the vectors' shape and float32 values."""
    digest = hashlib.sha256(f"{vectors.shape}".encode())
    for piece in pieces(vectors):
        digest.update(np.ascontiguousarray(piece, dtype="<f4").data)
    return digest.hexdigest()
