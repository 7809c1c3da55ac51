"""PALETTE COLOR: the three lookup tables as one table of luma.

Source: DICOM PS3.3 C.7.6.3.1.5 and C.7.6.3.1.6, Palette Color Lookup Table.
"""

import numpy as np
from jaxtyping import UInt8
from pydicom import Dataset

from sslecho.data.readers.dicom.header import numbers
from sslecho.data.readers.recording import Unreadable

LUMA = {"Red": 0.299, "Green": 0.587, "Blue": 0.114}  # ITU-R BT.601


def luma_table(header: Dataset) -> tuple[UInt8[np.ndarray, " n"], int]:
    """Luma of each entry, and the stored value that the first entry stands for.

    Raises:
        Unreadable: a table is missing, segmented, or of another length than it claims.
    """
    luma, first = 0.0, 0
    for color, weight in LUMA.items():
        channel, first = _channel(header, color)
        luma = luma + weight * channel
    return np.rint(luma).astype(np.uint8), first


def _channel(header: Dataset, color: str) -> tuple[np.ndarray, int]:
    described = [int(said) for said in numbers(header, f"{color}PaletteColorLookupTableDescriptor")]
    content = header.get(f"{color}PaletteColorLookupTableData")
    if f"Segmented{color}PaletteColorLookupTableData" in header:
        raise Unreadable("its color palette is segmented, which is not supported yet")
    if len(described) != 3 or not isinstance(content, bytes):
        raise Unreadable("its color palette is missing or damaged")
    n_entries, first, bits = described[0] or 2**16, described[1], described[2]
    little = header.original_encoding[1] is not False
    if len(content) >= 2 * n_entries:
        entries = np.frombuffer(content[: 2 * n_entries], dtype="<u2" if little else ">u2").astype(np.float64)
        # Some writers fill a table of "16 bits" with values of 8.
        return (entries / 257 if bits == 16 and entries.max() > 255 else entries), first
    if len(content) >= n_entries:
        entries = np.frombuffer(content, dtype=np.uint8)
        if not little:
            # Two entries share a word, and the words of a big-endian file are stored the other way round.
            entries = entries[: len(entries) // 2 * 2].reshape(-1, 2)[:, ::-1].ravel()
        return entries[:n_entries].astype(np.float64), first
    raise Unreadable("its color palette is shorter than it claims")
