"""The files of a run: what lies below the sources, and what lies in the zip and tar files among them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sslecho.data.containers.archive import kind_of, members
from sslecho.data.containers.member import Member
from sslecho.data.readers.recording import Unreadable
from sslecho.errors import InputError


@dataclass(frozen=True)
class SourceFile:
    """A file below a source folder, or a member of an archive there.

    Attributes:
        name: unique among all files of the run; decides the order and the ids.
        relative: its path below the source, as labels name it; a member's starts with its archive's.
        path: where it lies; for a member, its archive.
        size_bytes: its length.
        member: for what lies in an archive.
        problem: why it can't be used, where that is known already.
    """

    name: str
    relative: str
    path: Path
    size_bytes: int
    member: Member | None = None
    problem: str | None = None

    @property
    def shown(self) -> str:
        """The path for a terminal."""
        return str(self.path) if self.member is None else f"{self.path}/{self.member.name}"


def find_files(sources: Sequence[Path], *, leave_out: Sequence[Path], scratch: Path) -> list[SourceFile]:
    """Every file below the sources, in order; hidden ones are skipped, archives are replaced by what is in them.

    Args:
        sources: folders and files.
        leave_out: files that are no sources, and folders not to enter.
        scratch: where a compressed tar file may be unpacked.

    Raises:
        InputError: a source is missing, or there is no file at all.
    """
    out = {path.resolve() for path in leave_out}
    found: list[SourceFile] = []
    for number, source in enumerate(sources):
        if not source.exists():
            raise InputError(f"{source} does not exist; name a folder or file of ultrasound")
        prefix = f"{number}/" if len(sources) > 1 else ""
        paths = [source] if source.is_file() else _walk(source, out)
        named = ((path.name if path == source else path.relative_to(source).as_posix(), path) for path in paths)
        for relative, path in sorted(named):
            if path.resolve() not in out:
                found += _unpacked(SourceFile(prefix + relative, relative, path, path.stat().st_size), scratch)
    if not found:
        raise InputError(f"there is no file in {', '.join(map(str, sources))}; name a folder that holds ultrasound")
    return found


def _walk(source: Path, leave_out: set[Path]) -> Iterable[Path]:
    for folder, folders, names in os.walk(source):
        folders[:] = [
            name for name in folders if not name.startswith(".") and (Path(folder) / name).resolve() not in leave_out
        ]
        for name in names:
            path = Path(folder) / name
            # A broken link, a socket or a pipe is no file.
            if not name.startswith(".") and path.is_file():
                yield path


def _unpacked(file: SourceFile, scratch: Path) -> Iterable[SourceFile]:
    """The file itself, or the members of an archive; an archive that can't be opened stands for itself."""
    if kind_of(file.path) is None:
        return [file]
    try:
        found = members(file.path, scratch)
    except Unreadable as error:
        return [SourceFile(file.name, file.relative, file.path, file.size_bytes, problem=str(error))]
    return [
        SourceFile(f"{file.name}/{member.name}", f"{file.relative}/{member.name}", file.path, member.size_bytes, member)
        for member in sorted(found, key=lambda member: member.name)
    ]
