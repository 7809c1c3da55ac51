"""Where each frame of encapsulated pixel data lies in the file.

Source: DICOM PS3.5 A.4, fragments and the basic offset table; PS3.3 C.7.6.3.1.8, the extended offset table.
Only the eight bytes before each fragment are read, so a cine of gigabytes is indexed in kilobytes. The fragments are
the truth: an offset table that does not point at them is not believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader
from struct import unpack

import numpy as np
from jaxtyping import Int64

ITEM = b"\xfe\xff\x00\xe0"
UNDEFINED = 0xFFFFFFFF
# A file of nothing but empty fragments must not fill the memory.
MAX_FRAGMENTS = 2_000_000
# JPEG, JPEG-LS and JPEG 2000 all end with this marker; a pad byte or a few may follow.
END_OF_IMAGE = b"\xff\xd9"
N_PADDING = 10


@dataclass(frozen=True)
class FrameIndex:
    """Fragments and frames of one file.

    Attributes:
        offsets, lengths: of each fragment's bytes in the file.
        first: the first fragment of each frame, and one more past the last.
    """

    offsets: Int64[np.ndarray, " fragments"]
    lengths: Int64[np.ndarray, " fragments"]
    first: Int64[np.ndarray, " frames_and_one"]

    def __len__(self) -> int:
        return len(self.first) - 1

    def n_bytes(self, frame: int) -> int:
        """How many compressed bytes a frame has."""
        return int(self.lengths[self.first[frame] : self.first[frame + 1]].sum())

    def read(self, file: BufferedReader, frame: int) -> bytes:
        """The compressed bytes of a frame, its fragments joined; short where the file is cut."""
        parts = []
        for fragment in range(self.first[frame], self.first[frame + 1]):
            file.seek(int(self.offsets[fragment]))
            parts.append(file.read(int(self.lengths[fragment])))
        return b"".join(parts)


def index_frames(
    file: BufferedReader, start: int, n_frames: int, *, extended: Sequence[int] = (), has_end_marker: bool = True
) -> FrameIndex:
    """Find the frames of the pixel data whose value begins at `start`.

    Args:
        n_frames: how many the header claims.
        extended: the extended offset table, where there is one.
        has_end_marker: whether the codec's streams end with 0xFFD9.

    Raises:
        ValueError: there are no fragments, or nothing tells which belong to which frame.
    """
    file.seek(start)
    head = file.read(8)
    (n_bytes,) = unpack("<L", head[4:]) if len(head) == 8 else (UNDEFINED,)
    if head[:4] != ITEM or n_bytes == UNDEFINED:
        raise ValueError("encapsulated pixel data begins with an offset table")
    table = file.read(min(n_bytes, 4 * MAX_FRAGMENTS))
    basic = np.frombuffer(table[: len(table) // 4 * 4], dtype="<u4").astype(np.int64)
    base = start + 8 + n_bytes
    offsets, lengths = _walk(file, base)
    if not len(offsets):
        raise ValueError("encapsulated pixel data without a fragment")
    for claimed in (np.asarray(extended, dtype=np.int64), basic):
        first = _by_table(claimed, offsets - 8 - base, n_frames)
        if first is not None:
            return FrameIndex(offsets, lengths, first)
    if n_frames == 1:
        first = np.array([0, len(offsets)], dtype=np.int64)
    elif len(offsets) == n_frames or not has_end_marker:
        # Without an end marker a frame is one fragment (PS3.5 A.4.2); fewer than claimed: the file is cut.
        first = np.arange(min(len(offsets), n_frames) + 1, dtype=np.int64)
    else:
        first = _by_end_marker(file, offsets, lengths)
    return FrameIndex(offsets, lengths, first)


def _walk(file: BufferedReader, position: int) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and lengths of the fragments' bytes. What follows the last whole item header is not looked at."""
    offsets, lengths = [], []
    while len(offsets) < MAX_FRAGMENTS:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or head[:4] != ITEM:
            break
        (length,) = unpack("<L", head[4:])
        if length == UNDEFINED:
            break
        offsets.append(position + 8)
        lengths.append(length)
        position += 8 + length
    else:
        raise ValueError("too many fragments")
    return np.array(offsets, dtype=np.int64), np.array(lengths, dtype=np.int64)


def _by_table(claimed: np.ndarray, starts: np.ndarray, n_frames: int) -> np.ndarray | None:
    """The first fragment of each frame by an offset table; None where the table does not fit the fragments."""
    if len(claimed) != n_frames or claimed[0] != 0 or np.any(np.diff(claimed) <= 0):
        return None
    first = np.searchsorted(starts, claimed)
    if first[-1] >= len(starts) or np.any(starts[first] != claimed):
        return None
    return np.append(first, len(starts)).astype(np.int64)


def _by_end_marker(file: BufferedReader, offsets: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The first fragment of each frame, where a frame ends with the fragment that ends with an image's end."""
    first = [0]
    for number, (offset, length) in enumerate(zip(offsets.tolist(), lengths.tolist(), strict=True)):
        n_looked_at = min(N_PADDING, length)
        file.seek(offset + length - n_looked_at)
        if END_OF_IMAGE in file.read(n_looked_at):
            first.append(number + 1)
    if len(first) == 1:
        raise ValueError("nothing tells where a frame begins")
    return np.array(first, dtype=np.int64)
