"""Name -> class or function, where a name is a file's name.

The names are listed without importing anything, so that `sslecho --help` can offer them as choices
without paying for torch; a file is imported when its name is first asked for.
"""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from sslecho.errors import SettingsError

T = TypeVar("T")


def did_you_mean(word: str, known: list[str]) -> str:
    """A clause such as ` (did you mean 'simclr'?)`, or nothing when no known word is close."""
    close = get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


class Registry:
    """The things of one kind: one file each in one package, registered under the file's name.

    Args:
        kind: what the things are, for messages ("objective").
        package: the dotted package whose files are the things ("sslecho.objectives").
        shared: files of that package that are not things of this kind.
    """

    def __init__(self, kind: str, package: str, *, shared: tuple[str, ...] = ()):
        self.kind = kind
        self._package = package
        self._shared = {"__init__", *shared}
        self._entries: dict[str, Any] = {}

    def add(self, name: str) -> Callable[[T], T]:
        """Class decorator: register under `name`, which must be the file's name."""

        def register(thing: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            if name not in self.names():
                raise ValueError(f"{self.kind} {name!r} must live in a file of that name in {self._package}")
            self._entries[name] = thing
            return thing

        return register

    def names(self) -> list[str]:
        """All names, sorted, found without importing a file."""
        folder = Path(__file__).parent.joinpath(*self._package.split(".")[1:])
        return sorted(file.stem for file in folder.glob("*.py") if file.stem not in self._shared)

    def __getitem__(self, name: str) -> Any:
        if name not in self.names():
            close, known = did_you_mean(name, self.names()), ", ".join(self.names())
            raise SettingsError([f"{self.kind} {name!r} does not exist{close}; choose one of: {known}"])
        if name not in self._entries:
            import_module(f"{self._package}.{name}")
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())
