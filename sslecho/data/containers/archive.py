"""Archives beside ultrasound files: which files are some, what is in them, and how to borrow one member.

members(path, scratch)            for planning: names and sizes, nothing unpacked (a compressed tar: once, whole)
with borrowed(member, scratch) as file: …    in a worker: one member under a name that says nothing, then gone
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from sslecho.data.containers.member import Limits, Member, checked
from sslecho.data.containers.tar_archive import compressed_tar, is_tar_header, plain_copy, tar_members, untarred
from sslecho.data.containers.zip_archive import unzipped, zip_members
from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import DICOMS, IMAGES, VIDEOS
from sslecho.data.scratch import make_scratch

START_BYTES = 512
ZIPS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
COMPRESSED = {b"\x1f\x8b": "tar.gz", b"BZh": "tar.bz2", b"\xfd7zXZ\0": "tar.xz"}
# What a copy may be called: a reader may choose by it, and it says nothing of anyone.
SUFFIXES = (".nii.gz", *sorted({*IMAGES, *VIDEOS, *DICOMS, ".nii", ".mhd", ".mha"} - {""}))


def kind_of(path: Path) -> str | None:
    """What archive a file is, by its content: "zip", "tar", "tar.gz", "tar.bz2", "tar.xz", or None.

    A single compressed file (`.nii.gz`) is none; nor are 7z and RAR, which the readers refuse by name.
    """
    try:
        with path.open("rb") as file:
            start = file.read(START_BYTES)
    except OSError:
        return None
    if start[128:132] == b"DICM":
        return None  # a DICOM file's first 128 bytes may be anything, an archive's too
    if start.startswith(ZIPS):
        return "zip"
    for magic, kind in COMPRESSED.items():
        if start.startswith(magic):
            return kind if compressed_tar(path, kind) else None
    return "tar" if len(start) == START_BYTES and is_tar_header(start) else None


def members(path: Path, scratch: Path, *, limits: Limits | None = None) -> list[Member]:
    """The files of an archive; those that may not be fetched say why.

    Args:
        path: the archive.
        scratch: the run's folder for such things (`sslecho.data.scratch`), for the plain copy of a compressed tar.
        limits: what an archive may hold.

    Raises:
        Unreadable: it is no archive that sslecho opens, it is damaged as a whole, or breaks a limit.
        SslechoError: the disk is full.
    """
    limits = limits or Limits()
    kind = kind_of(path)
    if kind is None:
        raise Unreadable("it is no archive")
    if kind == "zip":
        return list(checked(zip_members(path, limits), limits))
    plain = path if kind == "tar" else plain_copy(path, kind, scratch, limits)
    return list(checked(tar_members(plain, limits), limits))


def peek(member: Member, n_bytes: int) -> bytes:
    """The first bytes of a member; fewer where it is shorter or can't be read."""
    start = b""
    if member.refused is None:
        try:
            for piece in _pieces(member):
                start += piece
                if len(start) >= n_bytes:
                    break
        except (Unreadable, OSError):
            pass
    return start[:n_bytes]


def fetch(member: Member, scratch: Path) -> Path:
    """Unpack one member into a folder, under a random name; the caller deletes it.

    Raises:
        Unreadable: it was refused, is damaged, or is an archive itself.
        OSError: the disk is full or fails.
    """
    if member.refused is not None:
        raise Unreadable(member.refused)
    name = PurePosixPath(member.name).name.lower()
    suffix = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
    copy = make_scratch(scratch) / f"{secrets.token_hex(16)}{suffix}"
    try:
        with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            for piece in _pieces(member):
                out.write(piece)
        if kind_of(copy) is not None:
            raise Unreadable("it is an archive in an archive; unpack the outer one")
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return copy


@contextmanager
def borrowed(member: Member, scratch: Path) -> Iterator[Path]:
    """A member as a file, deleted at the end.

    Raises:
        Unreadable, OSError: as `fetch`.
    """
    copy = fetch(member, scratch)
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _pieces(member: Member) -> Iterator[bytes]:
    return untarred(member) if member.packing == "tar" else unzipped(member)
