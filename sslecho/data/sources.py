"""The files of a run: what lies below the sources, and what lies in the zip and tar files among them."""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sslecho.data.containers.archive import kind_of, members
from sslecho.data.containers.member import Member
from sslecho.data.readers.recording import Unreadable
from sslecho.errors import InputError

# Control characters, and how Python shows the bytes of a name that are no UTF-8.
NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\udc80-\udcff]")
LINKED_FOLDER = "it is a link to a folder, and these are not followed; name that folder as a source of its own"
OURS = "it is a store that sslecho made, or the folder of its key: no ultrasound to take"


@dataclass(frozen=True)
class SourceFile:
    """A file below a source folder, or a member of an archive there.

    Attributes:
        name: unique among all files of the run; decides the order and the ids. A byte that is no text is written %FC.
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
        return _spelled(str(self.path)) + ("" if self.member is None else f"/{self.member.name}")


def find_files(sources: Sequence[Path], *, leave_out: Sequence[Path], scratch: Path) -> list[SourceFile]:
    """Every file below the sources, in order; hidden ones are skipped, archives are replaced by what is in them.

    What can't be entered or followed (a folder that may not be read, a link to a folder or to nowhere) stands there
    as a file with a problem: it may hold half an archive, and must not be missing without a word.

    Args:
        sources: folders and files.
        leave_out: files that are no sources, and folders not to enter.
        scratch: where a compressed tar file may be unpacked.

    Raises:
        InputError: a source is missing or lies in another one, or there is no file at all.
    """
    out = {path.resolve() for path in leave_out}
    names_out = {path.name for path in out}
    found: list[SourceFile] = []
    _refuse_missing(sources)
    for number, source in enumerate(sources):
        prefix = f"{number}/" if len(sources) > 1 else ""
        paths = [(source, None)] if source.is_file() else _walk(source, out)
        named = (
            (path.name if path == source else path.relative_to(source).as_posix(), path, problem)
            for path, problem in paths
        )
        for relative, path, problem in sorted(named):
            # A path is resolved only where that can matter: there may be a million.
            if path.name not in names_out or path.resolve() not in out:
                relative = _spelled(relative)
                found += _unpacked(SourceFile(prefix + relative, relative, path, 0, problem=problem), scratch)
    if not found:
        raise InputError(f"there is no file in {', '.join(map(str, sources))}; name a folder that holds ultrasound")
    return found


def _refuse_missing(sources: Sequence[Path]) -> None:
    """And sources that lie in another one: their clips would be in the store twice, perhaps in train and in test."""
    for source in sources:
        if not source.exists():
            raise InputError(f"{source} does not exist; name a folder or file of ultrasound")
    places = [source.resolve() for source in sources]
    for number, place in enumerate(places):
        for other, whole in enumerate(places):
            if number != other and place.is_relative_to(whole):
                raise InputError(
                    f"{sources[number]} lies in {sources[other]}, so its files would be taken twice; name it once"
                )


def _walk(source: Path, leave_out: set[Path]) -> Iterator[tuple[Path, str | None]]:
    """Paths below a folder, each with what is wrong with it."""
    refused: list[OSError] = []
    for folder, folders, names in os.walk(source, onerror=refused.append):
        if _is_ours(Path(folder).name, folders, names):
            folders.clear()
            yield Path(folder), OURS
            continue
        folders[:] = [
            name for name in folders if not name.startswith(".") and (Path(folder) / name).resolve() not in leave_out
        ]
        for name in folders:
            if (Path(folder) / name).is_symlink():
                yield Path(folder) / name, LINKED_FOLDER
        for name in names:
            if not name.startswith("."):
                path = Path(folder) / name
                yield path, _problem(path)
    for error in refused:
        yield Path(error.filename), f"the folder can't be read ({error.strerror}), so that nothing in it was looked at"


def _is_ours(name: str, folders: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a folder is a store, or the folder beside one that holds its key and pictures with names on them."""
    is_store = "manifest.json" in names and {"shards", "tables"} <= set(folders)
    return is_store or (name.endswith(".key") and "key" in names)


def _problem(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return "it is a link that leads nowhere" if path.is_symlink() else f"it can't be read ({error.strerror})"
    return None if stat.S_ISREG(mode) else "it is a pipe, a socket or a device, no file"


def _unpacked(file: SourceFile, scratch: Path) -> Iterable[SourceFile]:
    """The file itself, or the members of an archive; an archive that can't be opened stands for itself."""
    if file.problem is not None:
        return [file]
    try:
        if kind_of(file.path) is None:
            return [replace(file, size_bytes=file.path.stat().st_size)]
        found = members(file.path, scratch)
    except Unreadable as error:
        return [replace(file, problem=str(error))]
    except OSError as error:  # it was there a moment ago
        return [replace(file, problem=f"it can't be read ({error.strerror})")]
    if not found:
        return [replace(file, problem="the archive holds no file, or hidden ones alone")]
    return [
        SourceFile(f"{file.name}/{member.name}", f"{file.relative}/{member.name}", file.path, member.size_bytes, member)
        for member in sorted(found, key=lambda member: member.name)
    ]


def _spelled(path: str) -> str:
    """A path that can be written to a table or a terminal, whatever bytes its names are."""
    return NO_TEXT.sub(lambda byte: f"%{ord(byte[0]) & 0xFF:02X}", path)
