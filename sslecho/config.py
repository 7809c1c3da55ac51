"""Typed settings: frozen dataclasses <-> TOML, `--set section.key=value`, every error at once.

A settings class is a frozen dataclass whose fields are made with `option`. One TOML file may hold a
section for each command; a flag wins over `--set`, which wins over the file, which wins over the default.
"""

import dataclasses
import keyword
import types
import typing
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from sslecho.errors import SettingsError
from sslecho.registry import Registry, did_you_mean

S = TypeVar("S")


def option(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] | Registry | None = None,
    minimum: int | float | None = None,
    maximum: int | float | None = None,
    decides: bool = True,
    is_path: bool = False,
) -> Any:
    """A field of a settings class.

    Args:
        default: the value where nothing is said.
        help: one line for `--help` and the reference.
        choices: the allowed words; a registry is asked late, when a value is checked or help is shown.
        minimum, maximum: bounds of a number, both allowed themselves.
        decides: whether the result depends on it. Only such settings form a run's identity: a run may
            be resumed with other `workers`, not with another `seed`.
        is_path: whether it names a file or folder. A path can name a person or a site, so it is never written into
            a result; what it led to is known by its hash.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "decides": decides,
        "is_path": is_path,
    }
    return dataclasses.field(default=default, metadata=metadata)


def build(cls: type[S], values: Mapping[str, Any]) -> S:
    """Make settings from values and check every rule.

    A class may have `implied(values)`, a static method: values that others stand for, such as those of a preset. What
    is said itself wins over them.

    Raises:
        SettingsError: listing all unknown names, wrong types and broken rules at once.
    """
    implied = getattr(cls, "implied", None)
    return cls(**check(cls, values if implied is None else {**implied(values), **values}))


def check(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the types that the class names, if they keep all of its rules.

    Raises:
        SettingsError: as `build`.
    """
    problems, checked = [], {}
    for name, value in values.items():
        try:
            field_name = f"{name}_" if keyword.iskeyword(name) else name  # a field can't be called `from`
            checked[field_name] = _check(cls, field_name, value)
        except ValueError as problem:
            problems.append(str(problem))
    if problems:
        raise SettingsError(problems)
    return checked


def resolve(
    cls: type[S], section: str, *, file: Path | None, assignments: Sequence[str], flags: Mapping[str, Any]
) -> S:
    """Settings of one command from a TOML file, `section.key=value` assignments and flags, in rising order.

    Raises:
        SettingsError: an unreadable file, a malformed assignment, or any problem of any value, all listed.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    if file is not None:
        values |= _section(_read_toml(file), section, str(file))
    for text in assignments:
        key, equals, written = text.partition("=")
        if not equals or not key.startswith(f"{section}."):
            problems.append(f"--set {text!r} must read {section}.KEY=VALUE, for example {section}.seed=1")
            continue
        values[key.removeprefix(f"{section}.")] = _parse(written)
    values |= {name: value for name, value in flags.items() if value is not None}
    try:
        settings = build(cls, values)
    except SettingsError as error:
        raise SettingsError(problems + error.problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


def identity(settings: Any) -> dict[str, Any]:
    """The settings that decide the result, JSON-ready; callers add the hashes of what paths led to."""
    fields = dataclasses.fields(settings)
    decisive = [f for f in fields if f.metadata.get("decides", True) and not f.metadata.get("is_path")]
    return {f.name: as_plain(getattr(settings, f.name)) for f in decisive}


def to_toml(settings: Any, section: str) -> str:
    """The resolved settings as a TOML section that `resolve` reads back; None and paths are left out."""
    lines = [f"[{section}]"]
    for field in dataclasses.fields(settings):
        value = as_plain(getattr(settings, field.name))
        if field.metadata.get("is_path") and value:
            lines.append(f"# {field.name} was given; a path is not recorded")
        elif value is not None:
            lines.append(f"{field.name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def as_plain(value: Any) -> Any:
    """Paths become text and tuples lists: what JSON and TOML can hold."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [as_plain(item) for item in value]
    return value


def _check(cls: type, name: str, value: Any) -> Any:
    fields = {field.name: field for field in dataclasses.fields(cls)}
    if name not in fields:
        raise ValueError(f"{name!r} is no setting{did_you_mean(name, list(fields))}; known: {', '.join(fields)}")
    field, hint = fields[name], typing.get_type_hints(cls)[name]
    name = name.rstrip("_")
    value = _convert(name, value, hint)
    choices = field.metadata.get("choices")
    if choices is not None and value is not None:
        known = list(choices)
        for word in value if isinstance(value, tuple) else (value,):
            if word not in known:
                raise ValueError(
                    f"{name} is {word!r}{did_you_mean(str(word), known)}; choose one of: {', '.join(known)}"
                )
    for bound, broken, word in (
        ("minimum", lambda v, b: not v >= b, "at least"),  # `not >=`, so that NaN breaks the rule too
        ("maximum", lambda v, b: not v <= b, "at most"),
    ):
        limit = field.metadata.get(bound)
        numbers = value if isinstance(value, tuple) else (value,)
        if limit is not None and any(number is not None and broken(number, limit) for number in numbers):
            raise ValueError(f"{name} is {_said(value)}; it must be {word} {limit}")
    return value


def _convert(name: str, value: Any, wanted: Any) -> Any:
    """The value in the type that the class names; text from a flag or `--set` is read as that type."""
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        if value is None:
            return None
        wanted = next(arg for arg in typing.get_args(wanted) if arg is not type(None))
    if typing.get_origin(wanted) is tuple:
        inner = typing.get_args(wanted)[0]
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        items = value if isinstance(value, (list, tuple)) else [value]
        converted = tuple(_convert(name, item, inner) for item in items)
        if len(set(converted)) < len(converted):
            raise ValueError(f"{name} is {_said(converted)}; each may stand there once")
        return converted
    if wanted is bool:
        words = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if isinstance(value, bool):
            return value
        if str(value).lower() in words:
            return words[str(value).lower()]
        raise ValueError(f"{name} is {value!r}; it must be true or false")
    try:
        if wanted in (int, float) and isinstance(value, bool):
            raise TypeError
        if wanted is int and float(value) != int(float(value)):
            raise TypeError
        return int(float(value)) if wanted is int else wanted(value)
    except (TypeError, ValueError, OverflowError):
        noun = {int: "a whole number", float: "a number"}.get(wanted, f"a {getattr(wanted, '__name__', wanted)}")
        raise ValueError(f"{name} is {value!r}; it must be {noun}") from None


def _read_toml(file: Path) -> dict[str, Any]:
    import tomllib  # late, like in `_parse`: `sslecho --help` has no use for it

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            [f"--config {file} can't be read ({error.strerror}); name a TOML file that exists"]
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"--config {file} is no valid TOML ({error}); mend that line"]) from None


def _section(document: dict[str, Any], section: str, file: str) -> dict[str, Any]:
    loose = [key for key, value in document.items() if not isinstance(value, dict)]
    if loose:
        raise SettingsError([f"--config {file}: {loose[0]!r} stands outside a section; put it under [{section}]"])
    close = get_close_matches(section, document, n=1, cutoff=0.8)
    if section not in document and close:
        raise SettingsError([f"--config {file}: [{close[0]}] is no command; did you mean [{section}]?"])
    return document.get(section, {})


def _parse(written: str) -> Any:
    """The right side of `--set`: TOML where it is TOML, else the text as it stands."""
    import tomllib

    try:
        return tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        return written


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return repr(value)


def _said(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
