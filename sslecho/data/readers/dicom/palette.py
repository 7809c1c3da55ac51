"""PALETTE COLOR: the three lookup tables as one table of RGB.

Source: DICOM PS3.3 C.7.6.3.1.5 and C.7.6.3.1.6, Palette Color Lookup Table; C.7.9.2, segmented tables.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, UInt8
from pydicom import Dataset

from sslecho.data.readers.dicom.header import numbers
from sslecho.data.readers.recording import Unreadable

COLORS = ("Red", "Green", "Blue")
MAX_ENTRIES = 2**16
DISCRETE, LINEAR, INDIRECT = 0, 1, 2


def palette(header: Dataset) -> tuple[UInt8[np.ndarray, "n 3"], int]:
    """RGB of each entry, and the stored value that the first entry stands for.

    Raises:
        Unreadable: a table is missing, or of another length than it claims.
    """
    channels, firsts = zip(*(_channel(header, color) for color in COLORS), strict=True)
    if len({len(channel) for channel in channels}) > 1 or len(set(firsts)) > 1:
        raise Unreadable("the three tables of its color palette do not fit together")
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8), firsts[0]


def _channel(header: Dataset, color: str) -> tuple[Float[np.ndarray, " n"], int]:
    """One color's table in 0..255."""
    described = [int(said) for said in numbers(header, f"{color}PaletteColorLookupTableDescriptor")]
    if len(described) != 3:
        raise Unreadable("its color palette is missing or damaged")
    n_entries, first, bits = described[0] or MAX_ENTRIES, described[1], described[2]
    content = header.get(f"{color}PaletteColorLookupTableData")
    segmented = header.get(f"Segmented{color}PaletteColorLookupTableData")
    little = header.original_encoding[1] is not False
    if isinstance(segmented, bytes):
        words = _words(segmented, bits, little=little)
        try:
            entries = np.array(expand(words.tolist(), n_entries), dtype=np.float64)
        except (IndexError, ValueError):
            raise Unreadable("its segmented color palette is damaged") from None
    elif isinstance(content, bytes):
        # A table of 8 bits may well come in words of 16: what counts is its length.
        entries = _words(content, 16 if len(content) >= 2 * n_entries else 8, little=little).astype(np.float64)
    else:
        raise Unreadable("its color palette is missing or damaged")
    if len(entries) < n_entries:
        raise Unreadable("its color palette is shorter than it claims")
    entries = entries[:n_entries]
    # Some writers fill a table of "16 bits" with values of 8.
    return np.clip(entries / 257 if bits == 16 and entries.max() > 255 else entries, 0, 255), first


def _words(content: bytes, bits: int, *, little: bool) -> Int[np.ndarray, " n"]:
    """Entries of 8 or 16 bits."""
    if bits == 16:
        return np.frombuffer(content[: len(content) // 2 * 2], dtype="<u2" if little else ">u2").astype(np.int64)
    entries = np.frombuffer(content, dtype=np.uint8)
    if not little:
        # Two entries share a word, and the words of a big-endian file are stored the other way round.
        entries = entries[: len(entries) // 2 * 2].reshape(-1, 2)[:, ::-1].ravel()
    return entries.astype(np.int64)


def expand(words: Sequence[int], n_entries: int) -> list[float]:
    """A segmented table in full. Source: DICOM PS3.3 C.7.9.2.

    A segment is an opcode, a length and what belongs to it: 0 discrete: that many entries; 1 linear: an end value,
    reached from the entry before in that many steps; 2 indirect: that many segments, done again, beginning at the
    offset that two words give, low word first.

    Raises:
        IndexError, ValueError: the segments contradict themselves.
    """
    entries: list[float] = []
    _expand_from(words, 0, None, entries, n_entries)
    return entries


def _expand_from(
    words: Sequence[int], position: int, n_segments: int | None, entries: list[float], n_entries: int
) -> None:
    """Append the entries of so many segments, or of all; an indirect segment may not lead to another."""
    is_inner = n_segments is not None
    n_done = 0
    while position + 1 < len(words) and len(entries) < n_entries and (n_segments is None or n_done < n_segments):
        opcode, length = words[position], words[position + 1]
        if opcode == DISCRETE:
            if position + 2 + length > len(words):
                raise IndexError("a discrete segment is longer than the table")
            entries += map(float, words[position + 2 : position + 2 + length])
            position += 2 + length
        elif opcode == LINEAR:
            end, start = words[position + 2], entries[-1]
            entries += [start + (end - start) * step / length for step in range(1, length + 1)]
            position += 3
        elif opcode == INDIRECT and not is_inner:
            _expand_from(words, words[position + 2] | words[position + 3] << 16, length, entries, n_entries)
            position += 4
        else:
            raise ValueError("an opcode that the standard does not have here")
        n_done += 1
