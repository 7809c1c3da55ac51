"""What the blocks of a picture file say and Pillow does not hand on: how long each frame is shown, and how many bits of
a sample mean something. The pixels are skipped, so this costs next to nothing.

Sources: GIF89a; PNG third edition (acTL, fcTL, sBIT); the WebP container specification (ANMF).
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

DAMAGED = (struct.error, IndexError, OSError, ValueError, OverflowError)


def delays_s(path: Path) -> list[float] | None:
    """Seconds that each frame of an animated GIF, PNG or WebP is shown; None where one is not said, or is 0.

    A delay of 0 means "as fast as you can": programs show it for 0.1 s, which is their guess and no time.
    """
    with path.open("rb") as file:
        start = file.read(12)
        file.seek(0)
        try:
            if start.startswith(b"GIF8"):
                found = list(_gif_delays(file))
            elif start.startswith(b"\x89PNG"):
                found = list(_png_delays(file))
            elif start[8:] == b"WEBP":
                found = list(_webp_delays(file))
            else:
                return None
        except DAMAGED:
            return None
    return found if found and all(delay > 0 for delay in found) else None


def significant_bits(path: Path) -> int | None:
    """What a PNG's sBIT chunk says of its first channel; None where it says nothing."""
    try:
        with path.open("rb") as file:
            return next((body[0] for kind, body in _png_chunks(file) if kind == b"sBIT"), None)
    except DAMAGED:
        return None


def _gif_delays(file: BinaryIO) -> Iterator[float]:
    flags = file.read(13)[10]
    file.seek(_table_bytes(flags), 1)
    delay = 0.0
    while (kind := file.read(1)) == b"\x21" or kind == b"\x2c":
        if kind == b"\x2c":
            file.seek(_table_bytes(file.read(9)[8]) + 1, 1)
            _sub_blocks(file)
            yield delay
            delay = 0.0
        elif file.read(1) == b"\xf9":
            delay = struct.unpack_from("<H", _sub_blocks(file), 1)[0] / 100
        else:
            _sub_blocks(file)


def _table_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _sub_blocks(file: BinaryIO) -> bytes:
    """The first of a chain of sub-blocks; all are passed."""
    first = block = file.read(file.read(1)[0])
    while block:
        block = file.read(file.read(1)[0])
    return first


def _png_delays(file: BinaryIO) -> Iterator[float]:
    for kind, body in _png_chunks(file):
        if kind == b"fcTL":
            above, below = struct.unpack_from(">HH", body, 20)
            yield above / (below or 100)


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each small chunk."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if size <= 64:
            yield kind, file.read(size)
            file.seek(4, 1)
        else:
            file.seek(size + 4, 1)


def _webp_delays(file: BinaryIO) -> Iterator[float]:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        if kind == b"ANMF":
            yield int.from_bytes(file.read(16)[12:15], "little") / 1000
            file.seek(size - 16 + size % 2, 1)
        else:
            file.seek(size + size % 2, 1)
