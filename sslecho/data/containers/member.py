"""A file in an archive: what is known of it before it is unpacked, and the rules that its name and size must keep."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What an archive may hold; beyond it, it is taken for one that was built to do harm.

    Attributes:
        members: files in one archive.
        member_bytes: of one file, unpacked.
        total_bytes: of all files, unpacked.
        ratio: of unpacked to packed bytes, asked only above `small_bytes`. Deflate reaches 1,032; black frames of an
            uncompressed cine come near it, but its speckle does not shrink by more than 10.
        small_bytes: what is below it harms nobody, however well it was packed.
        directory_bytes: of a zip archive's directory, which is read at once.
    """

    members: int = 1_000_000
    member_bytes: int = 2**34
    total_bytes: int = 2**42
    ratio: float = 200.0
    small_bytes: int = 64 * MIB
    directory_bytes: int = 512 * MIB


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive. It can be pickled, and fetched in another process.

    Attributes:
        archive: the file to read from; for a compressed tar its unpacked copy.
        name: the path inside the archive, unique in it. It may name a person: it is never written to the disk, nor
            into a reason.
        size_bytes: its length, unpacked.
        place: where its local header starts (zip), or its bytes (tar).
        packing: "tar", or zip's "stored", "deflate" or "bzip2".
        packed_bytes: its length in the archive.
        crc: CRC-32 of its bytes, where the archive says it.
        refused: why it is not to be fetched, in words for its owner; None where it may be.
    """

    archive: Path
    name: str
    size_bytes: int
    place: int = 0
    packing: str = "tar"
    packed_bytes: int = 0
    crc: int | None = None
    refused: str | None = None


def plain_name(name: str) -> tuple[str, str | None]:
    """A member's name in one spelling, and what is wrong with it.

    A name that leads out of the archive is refused although no name is ever used as a path: who writes such a name
    means harm, or the archive is damaged.
    """
    # Bytes that are no UTF-8, and control characters: the name is shown on a terminal.
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\\", "/")
    name = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    inside = "/".join(part for part in parts if part != "..") or "nameless"
    if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
        return inside, "its name in the archive leads out of the archive"
    return inside, None if parts else "it has no name in the archive"


def is_hidden(name: str) -> bool:
    """Whether a folder's walk would skip it: a name that starts with a dot, or what macOS adds to an archive."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def checked(found: Iterable[Member], limits: Limits) -> Iterator[Member]:
    """The members with plain, unique names; those that break a rule are refused, hidden ones are left out."""
    seen: set[str] = set()
    for member in found:
        name, problem = plain_name(member.name)
        if problem is None and is_hidden(name):
            continue
        refused = member.refused or problem
        if name in seen:
            refused = refused or "the archive holds its name twice; the first of that name is taken"
            name = next(other for n in range(2, len(seen) + 3) if (other := f"{name} ({n})") not in seen)
        seen.add(name)
        if refused is None and member.size_bytes > limits.member_bytes:
            refused = f"it unpacks to {_gib(member.size_bytes)}, more than the limit of {_gib(limits.member_bytes)}"
        if refused is None and is_bomb(member.size_bytes, member.packed_bytes, limits):
            refused = (
                f"it unpacks to more than {limits.ratio:g} times its size in the archive, as one that was built to do "
                "harm does"
            )
        yield replace(member, name=name, refused=refused)


def is_bomb(size_bytes: int, packed_bytes: int, limits: Limits) -> bool:
    """Whether so many bytes came out of so few that the archive is not to be trusted."""
    return size_bytes > limits.small_bytes and size_bytes > limits.ratio * packed_bytes


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB"
