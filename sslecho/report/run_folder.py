"""A run's folder as pages and cards read it, whatever the command; and the runs that a folder holds.

What is not there is noted, not fatal: a page of a run is drawn long after its store was moved away.
"""

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sslecho.data.store import Store
from sslecho.errors import NounError, SslechoError
from sslecho.rundir import read_json
from sslecho.train.log import read_log

DEPTH = 3  # folders below the given one in which runs are looked for
MOST_FOLDERS = 2000  # that are looked into: a folder of an archive may hold very many
# The order of a page: what was learned, what came of it, what it is worth.
ORDER = ("pretrain", "cluster", "propagate", "select", "probe", "finetune", "view", "grade",
         "benchmark label-efficiency", "audit", "explain", "embed")  # fmt: skip
HOLDS_RUNS = ("demo",)  # commands whose folder holds those of others


@dataclass(frozen=True)
class Run:
    """What one command wrote; make it with `read`.

    Attributes:
        path: the run's folder.
        name: what the folder is called, to tell runs of one page apart.
        command: as it is typed: "finetune", "benchmark label-efficiency".
        state: "done" or "running".
        identity: what decides the result: settings and hashes of inputs.
        provenance: versions and commit.
        settings: settings.toml, its section.
        result: the JSON that the command printed; empty where it is not finished.
        problems: what could not be read, in words.
    """

    path: Path
    name: str
    command: str
    state: str
    identity: Mapping[str, Any]
    provenance: Mapping[str, Any]
    settings: Mapping[str, Any]
    result: Mapping[str, Any]
    problems: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path | str) -> "Run":
        """Read what is there.

        Raises:
            NounError: no run in that folder.
        """
        path = Path(folder)
        about = _run_json(path)
        if about is None:
            raise NounError(f"{path} holds no sslecho run (no readable run.json); name a folder that a command wrote")
        problems, result = [], {}
        if about.get("state") == "done":
            try:
                result = read_json(path / "result.json")
            except (OSError, ValueError):
                problems.append("Its result.json is gone or damaged, so its figures are not shown.")
        return cls(
            path=path,
            name=path.resolve().name,
            command=str(about["command"]),
            state=str(about.get("state")),
            identity=_mapping(about.get("identity")),
            provenance=_mapping(about.get("provenance")),
            settings=_settings(path),
            result=_mapping(result),
            problems=problems,
        )

    @property
    def done(self) -> bool:
        """Whether it finished and its result can be read."""
        return self.state == "done" and bool(self.result)

    @cached_property
    def log(self) -> list[dict[str, Any]]:
        """The lines of the training log that have an epoch; none where there is no log, or it is damaged."""
        try:
            lines = read_log(self.path)
        except ValueError:
            return []
        return [line for line in lines if isinstance(line.get("epoch"), (int, float))]

    @cached_property
    def encoder(self) -> Mapping[str, Any]:
        """config.json of the encoder that the run made, else of the one that it used; empty where that is gone."""
        own = _json(self.path / "encoder" / "config.json")
        if own or self.encoder_run is None:
            return own
        used = _json(self.encoder_run / "encoder" / "config.json")
        hashes = _mapping(used.get("sslecho")).get("hash"), self.meta.get("encoder_hash")
        return used if hashes[0] == hashes[1] else {}

    @cached_property
    def encoder_run(self) -> Path | None:
        """The folder of the run whose encoder was used, as it was recorded; None for a run that made its own."""
        if recorded := self.meta.get("encoder"):
            return self.path / recorded
        if recorded := self.meta.get("embeddings"):
            embeddings = self.path / recorded
            path = _json(embeddings / "meta.json").get("encoder_path")
            return embeddings.parent / path if path else None
        path = self.meta.get("encoder_path")
        return self.path / path if path else None

    @cached_property
    def model(self) -> Mapping[str, Any]:
        """model/config.json; empty where nothing was fitted."""
        return _json(self.path / "model" / "config.json")

    @cached_property
    def meta(self) -> Mapping[str, Any]:
        """predictions/meta.json, or that of embeddings."""
        return _json(self.path / "predictions" / "meta.json") or _json(self.path / "embeddings" / "meta.json")

    @cached_property
    def items(self) -> pa.Table | None:
        """A row a clip or frame with what the task says of it; None where there are no predictions."""
        try:
            return pq.read_table(self.path / "predictions" / "predictions.parquet")
        except (OSError, pa.ArrowInvalid):
            return None

    @cached_property
    def frames_hash(self) -> str | None:
        """Which frames the run is of."""
        return self.meta.get("frames_hash") or self.identity.get("frames_hash") or self.identity.get("frames")

    @cached_property
    def store(self) -> Store | None:
        """The frames: where the run recorded them, else among the folders beside it; None where they are gone."""
        recorded = self.meta.get("store") or self.meta.get("store_path")
        places = [self.path / recorded] if recorded else []
        with suppress(OSError):
            places += sorted(file.parent for file in self.path.resolve().parent.glob("*/manifest.json"))
        for place in places:
            try:
                found = Store.open(place)
            except SslechoError:
                continue
            if self.frames_hash in (None, found.frames_hash):
                return found
        return None

    @property
    def level(self) -> str:
        """What an item is: "clip" or "frame"."""
        return str(self.result.get("level") or self.meta.get("level") or "clip")

    @property
    def unit(self) -> str:
        """What intervals resample: "patient", "sweep", or "clip" where no patient is known."""
        return str(self.result.get("unit") or "patient")

    @property
    def counts(self) -> str:
        """What the figures are of: "12 clips of 5 patients"."""
        n, units = int(self.result.get("n") or 0), int(self.result.get("n_patients") or 0)
        words = ((n, self.level), (units, self.unit))
        return " of ".join(f"{number:,} {noun}{'' if number == 1 else 's'}" for number, noun in words)

    @property
    def stamp(self) -> str | None:
        """The warning that every figure carries where no patient is known."""
        if self.unit == "patient":
            return None
        return f"groups = {self.unit}s, not patients: figures and intervals may look better than they are"

    def column(self, name: str) -> np.ndarray:
        """A column of the items as objects; Nones where there is no such column."""
        assert self.items is not None
        if name not in self.items.column_names:
            return np.full(self.items.num_rows, None, dtype=object)
        return np.array(self.items[name].to_pylist(), dtype=object)


def find_runs(folder: Path | str) -> list[Run]:
    """The run in that folder; or all runs below it, in the order of a page.

    A demo's folder is one that holds runs. Inside a run no further run is looked for.

    Raises:
        NounError: there is no run at all.
    """
    folder = Path(folder)
    found, waiting, looked = [], [(folder, 0)], 0
    while waiting:
        here, depth = waiting.pop(0)
        looked += 1
        about = _run_json(here)
        if about is not None and about["command"] not in HOLDS_RUNS:
            found.append(Run.read(here))
        elif depth < DEPTH and looked < MOST_FOLDERS:
            waiting += [(inner, depth + 1) for inner in _folders(here)]
    if not found:
        raise NounError(
            f"{folder} holds no sslecho run, nor do the folders in it; name a folder that a command wrote with --out, "
            "or one that holds such folders"
        )
    return sorted(found, key=lambda run: (_place(run.command), str(run.path)))


def _place(command: str) -> int:
    return ORDER.index(command) if command in ORDER else len(ORDER)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(inner for inner in folder.iterdir() if inner.is_dir() and not inner.name.startswith("."))
    except OSError:
        return []


def _run_json(folder: Path) -> dict[str, Any] | None:
    about = _json(folder / "run.json")
    return dict(about) if isinstance(about.get("command"), str) else None


def _json(path: Path) -> Mapping[str, Any]:
    try:
        return _mapping(read_json(path))
    except (OSError, ValueError):
        return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _settings(folder: Path) -> Mapping[str, Any]:
    """The one section of settings.toml."""
    try:
        sections = tomllib.loads((folder / "settings.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return next((section for section in sections.values() if isinstance(section, dict)), {})
