"""What a compressed image says of itself, read before it is decoded: size, depth, and color space of a JPEG.

Sources: ITU-T T.81 B.2 (JPEG, and JPEG-LS with other frame markers); ITU-T T.872 6.5.3 (the Adobe marker);
ITU-T T.800 A.5.1 (JPEG 2000's SIZ).
"""

from struct import error, unpack
from typing import NamedTuple

# Frame headers: baseline to arithmetic lossless, without DHT, JPG and DAC, which lie between; JPEG-LS.
FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
RGB_IDS = (b"RGB", b"rgb")


class Codestream(NamedTuple):
    """Head of a compressed image.

    Attributes:
        height, width, precision, n_components: as the stream has them; precision in bits.
        space: "rgb" or "ybr" where a JPEG stream itself says which; None where the DICOM header has to.
    """

    height: int
    width: int
    precision: int
    n_components: int
    space: str | None = None


def jpeg_head(data: bytes) -> Codestream:
    """Head of a JPEG or JPEG-LS stream.

    Raises:
        ValueError: it is none.
    """
    if data[:2] != b"\xff\xd8":
        raise ValueError("a JPEG stream begins with its own marker")
    position, jfif, adobe = 2, False, None
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            break
        marker = data[position + 1]
        if marker == 0xFF or marker in WITHOUT_LENGTH:  # a fill byte, or a marker alone
            position += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        body = data[position + 4 : position + 2 + length]
        if marker in FRAMES:
            try:
                precision, height, width, n_components = unpack(">BHHB", body[:6])
            except error:
                break
            parts = [body[6 + 3 * number : 9 + 3 * number] for number in range(n_components)]
            space = _space(parts, jfif=jfif, adobe=adobe) if n_components == 3 else None
            return Codestream(height, width, precision, n_components, space)
        if marker == 0xE0 and body[:4] == b"JFIF":
            jfif = True
        elif marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
            adobe = body[11]
        position += 2 + length
    raise ValueError("a JPEG stream without a frame header")


def _space(parts: list[bytes], *, jfif: bool, adobe: int | None) -> str | None:
    """The order is important: what an encoder can hardly get wrong comes first."""
    if any(len(part) != 3 for part in parts):
        raise ValueError("a JPEG frame header that is cut short")
    if b"".join(part[:1] for part in parts) in RGB_IDS:
        return "rgb"
    if len({part[1] for part in parts}) > 1:
        return "ybr"  # red is never stored coarser than green
    if adobe is not None:
        return "ybr" if adobe else "rgb"
    return "ybr" if jfif else None


def jpeg_2000_head(data: bytes) -> Codestream:
    """Head of a JPEG 2000 codestream, bare or in a JP2 file.

    Raises:
        ValueError: it is none.
    """
    start = data.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start < 0:
        raise ValueError("no JPEG 2000 codestream")
    try:
        x1, y1, x0, y0, _, _, _, _, n_components = unpack(">8LH", data[start + 8 : start + 42])
        precision = (data[start + 42] & 0x7F) + 1
    except (error, IndexError):
        raise ValueError("a JPEG 2000 codestream that is cut short") from None
    return Codestream(y1 - y0, x1 - x0, precision, n_components)
