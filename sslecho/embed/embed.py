"""Embed the frames of a store, a batch at a time, going on where an earlier run stopped."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from sslecho.errors import SslechoError
from sslecho.progress import track
from sslecho.rundir import disk_error


@runtime_checkable
class Encodes(Protocol):
    """What can be embedded with: an Encoder, or a baseline that learned nothing."""

    @property
    def dim(self) -> int: ...

    def encode(self, frames: UInt8[Tensor, "n h w"]) -> Float[Tensor, "n d"]: ...

    def hash(self) -> str: ...


def embed_frames(
    read: Callable[[np.ndarray], np.ndarray],
    rows: Int64[np.ndarray, " n"],
    encoder: Encodes,
    *,
    folder: Path,
    batch_size: int,
    device: str,
) -> None:
    """Write `folder/vectors.npy`, float32 [n, dim]; memory does not grow with n.

    Args:
        read: rows -> uint8 frames [n, h, w].
        rows: which frames, as rows of the store, in the order wanted.
        folder: made where it is missing; holds the unfinished vectors.

    Raises:
        SslechoError: the disk is full, or a vector is not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "vectors.part.npy"
    shape = (len(rows), encoder.dim)
    done = _resume_at(unfinished, shape)
    if isinstance(encoder, nn.Module):
        encoder.to(device)
    try:
        # Appended, not memory-mapped: a full disk is then an error, not the end of the process.
        with unfinished.open("ab") as file, track("embed", total=len(rows), unit="frames", done=done) as bar:
            if done == 0:
                file.write(_header(shape))
            for start in range(done, len(rows), batch_size):
                chosen = rows[start : start + batch_size]
                frames = torch.from_numpy(read(chosen)).to(device)
                embedded = encoder.encode(frames).cpu().numpy()
                if not np.isfinite(embedded).all():
                    raise SslechoError("the encoder gave values that are not finite; pretrain again with a lower --lr")
                file.write(np.ascontiguousarray(embedded, dtype="<f4").tobytes())
                bar.advance(len(chosen))
        unfinished.replace(folder / "vectors.npy")
    except OSError as error:
        raise disk_error(unfinished, error) from error


def _resume_at(unfinished: Path, shape: tuple[int, int]) -> int:
    """How many whole vectors an earlier run left; what is of another shape, or half a vector, is cut off."""
    if not unfinished.exists():
        return 0
    header, size = _header(shape), unfinished.stat().st_size
    with unfinished.open("r+b") as file:
        same = file.read(len(header)) == header
        done = (size - len(header)) // (4 * shape[1]) if same else 0
        file.truncate(len(header) + done * 4 * shape[1] if done else 0)
    return done


def _header(shape: tuple[int, int]) -> bytes:
    """What stands before the numbers in a float32 .npy file."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return buffer.getvalue()
