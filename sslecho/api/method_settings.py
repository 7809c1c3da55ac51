"""The settings of one method, from `--method-set KEY=VALUE,…`."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sslecho.config import build
from sslecho.errors import SettingsError

S = TypeVar("S")


def settings_of_method(
    settings_class: type[S], *, method: str, assignments: Sequence[str], values: Mapping[str, Any] | None = None
) -> S:
    """The method's own settings.

    Args:
        settings_class: the method's frozen dataclass.
        method: its name, for messages.
        assignments: texts that read KEY=VALUE.
        values: what other options say of the method.

    Raises:
        SettingsError: all that are unknown or break a rule, and which there are.
    """
    said = dict(values or {})
    problems = []
    for text in assignments:
        key, equals, written = text.partition("=")
        if not equals or not key or key in said:
            problems.append(f"--method-set {text!r} must read KEY=VALUE, each KEY once")
        said[key] = written
    if problems:
        raise SettingsError(problems)
    try:
        return build(settings_class, said)
    except SettingsError as error:
        raise SettingsError([f"--method {method}: {problem}" for problem in error.problems]) from None
