"""Damage files in seeded ways: blindly, and where their formats keep lengths and sizes.

`mutate(content, others, rng)` gives the same bytes for the same generator. A file's fields are found by walking its
structure as far as it can be walked; an attack writes a number into one of them that a reader may trust.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

MAX_BYTES = 2_000_000
NUMBERS = (0, 1, 2, 3, 4, 8, 16, 127, 128, 255, 256, 1024, 4096, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31,
           2**32 - 1)  # fmt: skip


class Field(NamedTuple):
    """Bytes that hold a length, a size or a kind: where, how many, and in which order."""

    at: int
    n_bytes: int
    order: str  # "little" or "big"


def mutate(content: bytes, others: Sequence[bytes], rng: np.random.Generator) -> tuple[bytes, str]:
    """A damaged copy of a file, and the names of what was done to it.

    Args:
        content: the file.
        others: files to splice it with.
        rng: decides all.
    """
    done = []
    for _ in range(int(rng.choice((1, 1, 1, 2, 3)))):
        name = str(rng.choice(list(WAYS)))
        content = WAYS[name](content, others, rng)[:MAX_BYTES]
        done.append(name)
    return content, "+".join(done)


def flip_bits(content: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 17)) if damaged else 0):
        damaged[_place(damaged, rng)] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def truncate(content: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    return content[: _place(content, rng)]


def extend(content: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    return content + rng.bytes(int(rng.integers(1, 4096)))


def zero_run(content: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    start, stop = _run(content, rng)
    return content[:start] + bytes(stop - start) + content[stop:]


def random_run(content: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    start, stop = _run(content, rng)
    return content[:start] + rng.bytes(stop - start) + content[stop:]


def cut_out(content: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    start, stop = _run(content, rng)
    return content[:start] + content[stop:]


def duplicate(content: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    start, stop = _run(content, rng)
    return content[:stop] + content[start:stop] * int(rng.integers(1, 4)) + content[stop:]


def splice(content: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    other = others[int(rng.integers(len(others)))]
    return content[: _place(content, rng)] + other[_place(other, rng) :]


def overwrite_number(content: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    n_bytes = int(rng.choice((2, 4)))
    order = str(rng.choice(("little", "big")))
    return _with_number(content, Field(_place(content, rng), n_bytes, order), rng)


def attack_field(content: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """A number that a reader may trust, into a field of the format; the sums of a PNG are mended behind it."""
    fields = find_fields(content)
    if not fields:
        return overwrite_number(content, others, rng)
    damaged = _with_number(content, fields[int(rng.integers(len(fields)))], rng)
    return mend_png(damaged) if damaged[:4] == b"\x89PNG" and rng.random() < 0.8 else damaged


WAYS: dict[str, Callable[[bytes, Sequence[bytes], np.random.Generator], bytes]] = {
    way.__name__: way
    for way in (flip_bits, truncate, extend, zero_run, random_run, cut_out, duplicate, splice, overwrite_number,
                attack_field)
}  # fmt: skip
# What tells most of a reader is drawn more often.
WAYS |= {"attack_a_field": attack_field, "attack_the_field": attack_field}


def find_fields(content: bytes) -> list[Field]:
    """Lengths, sizes and kinds in the structure of a PNG, JPEG, GIF, TIFF, BMP, MP4, AVI or DICOM file."""
    for signature, at, walk in STRUCTURES:
        if content[at : at + len(signature)] == signature:
            try:
                return [field for field in walk(content) if field.at + field.n_bytes <= len(content)]
            except (struct.error, IndexError):
                return []
    return []


def _png(content: bytes) -> Iterator[Field]:
    at = 8
    while at + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        yield Field(at, 4, "big")
        if content[at + 4 : at + 8] == b"IHDR":
            yield from (Field(at + 8, 4, "big"), Field(at + 12, 4, "big"))
            yield from (Field(at + place, 1, "big") for place in (16, 17, 18, 19, 20))
        at += 12 + length


def mend_png(content: bytes) -> bytes:
    """With the check sums of the chunks as they are now."""
    mended, at = bytearray(content), 8
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        if at + 12 + length > len(content):
            break
        struct.pack_into(">I", mended, at + 8 + length, zlib.crc32(content[at + 4 : at + 8 + length]))
        at += 12 + length
    return bytes(mended)


def _jpeg(content: bytes) -> Iterator[Field]:
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        yield from (Field(at + 1, 1, "big"), Field(at + 2, 2, "big"))
        if 0xC0 <= marker <= 0xCF:  # the frame: precision, height, width, components and their sampling
            yield from (Field(at + 4, 1, "big"), Field(at + 5, 2, "big"), Field(at + 7, 2, "big"))
            yield from (Field(at + place, 1, "big") for place in (9, 10, 11, 12, 13))
        if marker == 0xDA:
            yield from (Field(at + place, 1, "big") for place in (4, 5, 6, 7, 8, 9))
            return
        at += 2 + struct.unpack_from(">H", content, at + 2)[0]


def _gif(content: bytes) -> Iterator[Field]:
    yield from (Field(6, 2, "little"), Field(8, 2, "little"), Field(10, 1, "little"))
    at = -1
    while (at := content.find(b"\x2c", at + 1)) >= 0:  # as well as a few other bytes: no matter
        yield from (Field(at + place, 2, "little") for place in (1, 3, 5, 7))
        yield from (Field(at + place, 1, "little") for place in (9, 10, 11))


def _tiff(content: bytes) -> Iterator[Field]:
    order = "<" if content[:2] == b"II" else ">"
    said = "little" if order == "<" else "big"
    yield Field(4, 4, said)
    at, pages = struct.unpack_from(order + "I", content, 4)[0], 0
    while at and pages < 8:
        (n_entries,) = struct.unpack_from(order + "H", content, at)
        yield Field(at, 2, said)
        for entry in range(at + 2, at + 2 + 12 * n_entries, 12):
            yield from (Field(entry, 2, said), Field(entry + 2, 2, said))
            yield from (Field(entry + 4, 4, said), Field(entry + 8, 4, said))
        at, pages = struct.unpack_from(order + "I", content, at + 2 + 12 * n_entries)[0], pages + 1


def _bmp(content: bytes) -> Iterator[Field]:
    yield from (Field(at, 4, "little") for at in (2, 10, 14, 18, 22, 30, 34, 46, 50))
    yield from (Field(at, 2, "little") for at in (26, 28))


def _mp4(content: bytes, start: int = 0, stop: int | None = None, depth: int = 0) -> Iterator[Field]:
    at, stop = start, len(content) if stop is None else stop
    while at + 8 <= stop:
        (size,) = struct.unpack_from(">I", content, at)
        yield from (Field(at, 4, "big"), Field(at + 4, 4, "big"))
        kind = content[at + 4 : at + 8]
        if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts") and depth < 6:
            yield from _mp4(content, at + 8, min(at + size, stop), depth + 1)
        elif kind != b"mdat":  # tables of samples, sizes, times: numbers of four bytes, most of them
            yield from (Field(place, 4, "big") for place in range(at + 8, min(at + size, at + 120, stop), 4))
        at += max(size, 8)


def _avi(content: bytes) -> Iterator[Field]:
    yield Field(4, 4, "little")
    at = 12
    while at + 8 <= len(content):
        (size,) = struct.unpack_from("<I", content, at + 4)
        yield from (Field(at, 4, "little"), Field(at + 4, 4, "little"))
        if content[at : at + 4] in (b"avih", b"strh", b"strf", b"idx1"):
            yield from (Field(place, 4, "little") for place in range(at + 8, at + 8 + min(size, 64), 4))
        at += 12 if content[at : at + 4] == b"LIST" else 8 + size + size % 2


def _dicom(content: bytes) -> Iterator[Field]:
    """Elements of explicit little-endian form: kinds, lengths, and the two bytes of short values."""
    at = 132
    while at + 8 <= len(content):
        kind = content[at + 4 : at + 6]
        long = kind in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF", b"OD", b"UC", b"OL")
        yield Field(at + 4, 2, "little")
        yield Field(at + 8, 4, "little") if long else Field(at + 6, 2, "little")
        size = struct.unpack_from("<I" if long else "<H", content, at + (8 if long else 6))[0]
        if kind in (b"US", b"SS"):
            yield Field(at + 8, 2, "little")
        if kind in (b"IS", b"DS", b"CS", b"UI"):
            yield from (Field(at + 8 + place, 1, "little") for place in range(min(size, 4)))
        if long and size == 2**32 - 1:  # fragments: each with a length of its own
            at += 12
            while content[at : at + 4] == b"\xfe\xff\x00\xe0":
                yield Field(at + 4, 4, "little")
                yield from (Field(at + 8 + place, 4, "little") for place in range(0, 64, 4))  # as RLE's table
                at += 8 + struct.unpack_from("<I", content, at + 4)[0]
            return
        at += (12 if long else 8) + size


STRUCTURES: tuple[tuple[bytes, int, Callable[[bytes], Iterator[Field]]], ...] = (
    (b"\x89PNG", 0, _png),
    (b"\xff\xd8\xff", 0, _jpeg),
    (b"GIF8", 0, _gif),
    (b"II*\0", 0, _tiff),
    (b"MM\0*", 0, _tiff),
    (b"BM", 0, _bmp),
    (b"ftyp", 4, _mp4),
    (b"AVI ", 8, _avi),
    (b"DICM", 128, _dicom),
)


def _place(content: bytes | bytearray, rng: np.random.Generator) -> int:
    """Anywhere; every third time near the start, where the headers are, and seldom in the first bytes."""
    stop = min(len(content), 512) if rng.random() < 0.3 else len(content)
    start = 16 if stop > 16 and rng.random() < 0.9 else 0
    return int(rng.integers(start, stop)) if stop else 0


def _run(content: bytes, rng: np.random.Generator) -> tuple[int, int]:
    start = _place(content, rng)
    return start, min(len(content), start + int(2 ** rng.uniform(0, 12)))


def _with_number(content: bytes, field: Field, rng: np.random.Generator) -> bytes:
    if field.at + field.n_bytes > len(content):
        return content
    number = NUMBERS[int(rng.integers(len(NUMBERS)))]
    if rng.random() < 0.3:  # near what stands there: one too many, one too few, double
        there = int.from_bytes(content[field.at : field.at + field.n_bytes], field.order)  # pyright: ignore
        number = int(rng.choice((there + 1, there - 1, there * 2, there // 2)))
    number %= 256**field.n_bytes
    said = number.to_bytes(field.n_bytes, field.order)  # pyright: ignore
    return content[: field.at] + said + content[field.at + field.n_bytes :]
