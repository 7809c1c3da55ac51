"""Build a command from a settings class and a few lines: flags, configuration, error border, JSON.

Every setting becomes a flag, so that an option is written once: in its settings class. All flags are
text here and are checked by `config.resolve`, which names every wrong one at once.
"""

import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer

from sslecho import config
from sslecho.errors import Interrupted, SslechoError

Out = Annotated[Path, typer.Option("--out", "-o", help="The folder to write.", show_default=False)]


@dataclass(frozen=True)
class Call:
    """What a command was called with beside its nouns: hand `**call.options` to the public function."""

    options: dict[str, Any]
    overwrite: bool


@dataclass(frozen=True)
class Said:
    """What a command has to say: JSON for programs, lines for people, and what to do next.

    Attributes:
        result: printed as one JSON object with --json.
        lines: the main figures for a reader, on stdout where no JSON is asked for.
        closing: the last line on stderr: what was written, and the next command to try.
        exit_code: for work that was done and found what the user wants to stop at.
        anew: whether something was done although a result stood there already.
    """

    result: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    closing: str = ""
    exit_code: int = 0
    anew: bool = False


def add_command(
    app: typer.Typer, settings: type | None, *, overwrite: bool = True, group: str = ""
) -> Callable[[Callable[..., Said]], None]:
    """Decorator: register a function `(call, **nouns) -> Said` as the command of its name.

    Args:
        settings: the class whose fields become flags, or None for a command without settings.
        overwrite: whether the command writes a folder that --overwrite may start anew.
        group: the words before the command's own where `app` is no program of its own ("benchmark").
    """

    def register(function: Callable[..., Said]) -> None:
        name = function.__name__.replace("_", "-")
        nouns = [p for p in inspect.signature(function).parameters.values() if p.name != "call"]
        hints = get_type_hints(function, include_extras=True)
        parameters = [p.replace(annotation=hints[p.name]) for p in nouns]
        parameters += _flags(settings) if settings else []
        parameters += _common(settings is not None, overwrite)

        def run(**given: Any) -> None:
            arguments = {p.name: given.pop(p.name) for p in nouns}
            _border(f"{group} {name}".strip(), function, settings, arguments, given)

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        app.command(name)(run)

    return register


def result_of(out: Path) -> dict[str, Any]:
    """What a finished command left for printing."""
    return json.loads((out / "result.json").read_text(encoding="utf-8"))


def _flags(settings: type) -> list[inspect.Parameter]:
    hints = get_type_hints(settings)
    # The command's own first, then those that it shares with others.
    ordered = sorted(fields(settings), key=lambda f: f.name not in settings.__annotations__)
    return [_flag(f.name, hints[f.name], f.default, f.metadata) for f in ordered]


def _flag(name: str, kind: Any, default: Any, metadata: Any) -> inspect.Parameter:
    """One setting as a flag that is None unless it is given."""
    word = "--" + name.rstrip("_").replace("_", "-")  # `from_` is --from: Python keeps the word for itself
    shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
    said = "" if shown in (None, "") else f" (default: {shown})"
    if kind is bool:
        said = f" (default: {'on' if default else 'off'})"
        option = typer.Option(f"{word}/--no-{word[2:]}", help=metadata["help"] + said, show_default=False)
        annotation: Any = Annotated[bool | None, option]
    elif str(kind).startswith("tuple"):  # may be repeated too
        option = typer.Option(word, help=metadata["help"] + said, show_default=False, metavar=_metavar(kind, metadata))
        annotation = Annotated[list[str] | None, option]
    else:
        option = typer.Option(word, help=metadata["help"] + said, show_default=False, metavar=_metavar(kind, metadata))
        annotation = Annotated[str | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _metavar(kind: Any, metadata: Any) -> str:
    if metadata["choices"] is not None:
        return "|".join(metadata["choices"])
    inner = next((arg for arg in get_args(kind) if arg not in (type(None), ...)), kind)
    word = {int: "N", float: "X"}.get(inner, "TEXT")
    return f"{word},…" if str(kind).startswith("tuple") else word


def _common(has_settings: bool, overwrite: bool) -> list[inspect.Parameter]:
    options: list[tuple[str, Any, Any]] = []
    if has_settings:
        options += [
            ("config", Path | None, typer.Option("--config", help="Settings as TOML, a section for each command.")),
            ("set", list[str], typer.Option("--set", help="One setting, as section.key=value; may be repeated.")),
        ]
    if overwrite:
        options.append(
            ("overwrite", bool, typer.Option("--overwrite", help="Remove an earlier result and start anew."))
        )
    options += [
        ("json", bool, typer.Option("--json", help="Print one JSON object on stdout, last.")),
        ("debug", bool, typer.Option("--debug", help="Show the traceback of an error.")),
    ]
    defaults = {"config": None, "set": [], "overwrite": False, "json": False, "debug": False}
    return [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=Annotated[kind, option]
        )
        for name, kind, option in options
    ]


def _border(
    name: str, function: Callable[..., Said], settings: type | None, nouns: dict[str, Any], given: dict[str, Any]
) -> None:
    """Run a command; whatever it raises becomes a message and an exit code."""
    as_json, debug, overwrite = given.pop("json"), given.pop("debug"), given.pop("overwrite", False)
    file, assignments = given.pop("config", None), given.pop("set", [])
    out = nouns.get("out")
    done_before = not overwrite and isinstance(out, Path) and (out / "result.json").exists()
    try:
        options: dict[str, Any] = {}
        if settings is not None:
            given = {key: ",".join(value) or None if isinstance(value, list) else value for key, value in given.items()}
            section = name.split()[-1]
            resolved = config.resolve(settings, section, file=file, assignments=assignments, flags=given)
            options = {f.name: getattr(resolved, f.name) for f in fields(settings)}
        said = function(Call(options, overwrite), **nouns)
    except SslechoError as error:
        _fail(name, str(error), error.exit_code, debug=debug)
    except KeyboardInterrupt:
        _fail(name, str(Interrupted("stopped; the same command goes on from there")), 1, debug=debug)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _fail(name, f"{error.strerror or error}{where}; mend that and run the same command again", 1, debug=debug)
    except Exception as error:
        said_so = f"an error that sslecho did not foresee: {type(error).__name__}: {error}"
        _fail(name, f"{said_so}; --debug shows where, and a report of it is welcome", 1, debug=debug)
    else:
        if done_before and not said.anew:
            said = replace(said, result={**said.result, "already": True}, closing=_done_before(said.closing))
        _speak(said, as_json=as_json)
        if said.exit_code:
            raise typer.Exit(said.exit_code)


def _done_before(closing: str) -> str:
    """The closing line of a command that found its work done."""
    return "it was done before and nothing was changed: " + closing.removeprefix("wrote ")


def _speak(said: Said, *, as_json: bool) -> None:
    if os.environ.get("LOCAL_RANK", "0") != "0" or os.environ.get("NODE_RANK", "0") != "0":
        return  # of several processes only the first one speaks
    if as_json:
        typer.echo(json.dumps(said.result, allow_nan=False))
    else:
        for line in said.lines:
            typer.echo(line)
    if said.closing:
        typer.echo(said.closing, err=True)


def _fail(name: str, message: str, code: int, *, debug: bool) -> None:
    if debug:
        traceback.print_exc(file=sys.stderr)
    typer.echo(f"sslecho {name}: {message}", err=True)
    raise typer.Exit(code)
