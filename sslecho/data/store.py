"""The Store: gray frames of one size in memory-mappable shards, and what is known of each clip and frame.

    STORE/
      manifest.json     what the store holds, with checksums; written last, so that it names only what is whole
      shards/*.npy      uint8 [n, H, W]; a clip's frames are neighbors and may go on in the next shard
      tables/*.parquet  clips, frames (row i = frame i of the shards in order), quarantine

Nothing in it says who the patients are; the folder `STORE.key` beside it leads back to the files.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int, Int64, UInt8

from sslecho.data.schema import SCHEMA, VERSION
from sslecho.data.tidy import locked
from sslecho.errors import InputError, NounError, SslechoError
from sslecho.rundir import disk_error, sha256_of, write_json

MAX_OPEN_SHARDS = 256  # a process may hold about 1,000 files open
ANEW = "run `sslecho ingest` again with --overwrite"


class Store:
    """A store that was opened for reading; make it with `open`.

    Attributes:
        path: the store's folder.
        manifest: the manifest as it was when the store was opened.
        clips: one row a clip, in the order of the frames.
        frames: one row a frame; row i is frame i of the shards in order.
    """

    def __init__(self, path: Path, manifest: dict[str, Any], clips: pa.Table, frames: pa.Table):
        self.path = path
        self.manifest = manifest
        self.clips = clips
        self.frames = frames
        self._starts = np.cumsum([0] + [shard["n"] for shard in manifest["shards"]])
        self._handles: dict[int, int] = {}

    @classmethod
    def open(cls, path: Path | str) -> "Store":
        """Open a store and check that all of it is there (sizes; `verify` reads the checksums too).

        Raises:
            NounError: no store, a store of another version, a shard or table that is missing or cut short.
        """
        path = Path(path)
        manifest = _read_manifest(path)
        for shard in manifest["shards"]:
            _check_size(path, shard)
        tables = {name: _read_table(path, entry) for name, entry in manifest["tables"].items()}
        if tables["clips"].num_rows != manifest["n_clips"] or tables["frames"].num_rows != manifest["n_frames"]:
            raise NounError(f"{path}: the tables don't have as many rows as manifest.json says; {ANEW}")
        return cls(path, manifest, tables["clips"], tables["frames"])

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Height and width of every frame, in pixels."""
        height, width = self.manifest["frame_shape"]
        return height, width

    @property
    def frames_hash(self) -> str:
        """Says which frames these are, in which order; labels and splits don't enter."""
        return self.manifest["frames_hash"]

    @property
    def unit(self) -> str:
        """What intervals resample: "patient", "sweep", "clip", or "unknown" where no patient is known."""
        return self.manifest["unit"]

    def __len__(self) -> int:
        return self.manifest["n_frames"]

    @property
    def clip_of_frame(self) -> Int64[np.ndarray, " n_frames"]:
        """For each frame the row of its clip."""
        n_frames = self.clips["n_frames"].to_numpy()
        return np.repeat(np.arange(len(n_frames), dtype=np.int64), n_frames)

    def column(self, name: str, level: str = "clip") -> np.ndarray:
        """One column as an object array, None where nothing is known.

        Args:
            name: a column of the clips' or frames' table.
            level: "clip" for one value a clip; "frame" for one a frame, where a clip's value holds for
                each of its frames that has none of its own.

        Raises:
            NounError: there is no such column at that level.
        """
        of_clips = self.clips[name].to_pylist() if name in self.clips.column_names else None
        if level == "clip":
            if of_clips is None:
                raise self._no_column(name, self.clips.column_names)
            return _objects(of_clips)
        if level != "frame":
            raise ValueError(f"level {level!r} must be 'clip' or 'frame'")
        own = _objects(self.frames[name].to_pylist()) if name in self.frames.column_names else None
        if of_clips is None and own is None:
            raise self._no_column(name, [*self.clips.column_names, *self.frames.column_names])
        if of_clips is None:
            return own  # pyright: ignore[reportReturnType]
        values = _objects(of_clips)[self.clip_of_frame]
        if own is not None:
            has_own = np.array([value is not None for value in own], dtype=bool)
            values[has_own] = own[has_own]
        return values

    def read(self, rows: Int[np.ndarray, " n"]) -> UInt8[np.ndarray, "n h w"]:
        """Frames by row, in any order, repeats allowed.

        Read by position rather than through a memory map: as fast, and a disk error or a file that is cut
        while it is read is an exception, not the end of the process; nor does the memory in use grow.

        Raises:
            IndexError: a row outside [0, n_frames).
            SslechoError: the disk fails, or a shard was cut after the store was opened.
        """
        rows = rows.astype(np.int64)
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self)):
            raise IndexError(f"rows must lie in [0, {len(self)}), these lie in [{rows.min()}, {rows.max()}]")
        height, width = self.frame_shape
        n_bytes = height * width
        frames = np.empty((len(rows), height, width), dtype=np.uint8)
        shards = np.searchsorted(self._starts, rows, side="right") - 1
        # Neighbors are read as one slice: a clip's frames, or those of a window.
        starts = np.flatnonzero(np.r_[True, (np.diff(rows) != 1) | (np.diff(shards) != 0)][: len(rows)])
        slices = [
            (shard, offset, frames[start:end])
            for shard, offset, start, end in zip(
                shards[starts].tolist(),
                self._offsets(rows, shards)[starts].tolist(),
                starts.tolist(),
                [*starts.tolist(), len(rows)][1:],
                strict=True,
            )
        ]
        # All of the batch is announced first, so that a cold disk serves the requests together.
        for shard, offset, part in slices:
            os.posix_fadvise(self._handle(shard), offset, len(part) * n_bytes, os.POSIX_FADV_WILLNEED)
        for shard, offset, part in slices:
            try:
                n_read = os.preadv(self._handle(shard), [part.data], offset)
            except OSError as error:
                raise SslechoError(f"{self._shard_path(shard)} can't be read ({error.strerror})") from error
            if n_read != len(part) * n_bytes:
                raise SslechoError(f"{self._shard_path(shard)} was cut short while it was in use; {ANEW}")
        return frames

    def with_tables(
        self, *, clips: pa.Table | None = None, frames: pa.Table | None = None, notes: Mapping[str, Any] | None = None
    ) -> "Store":
        """Write a new version of the tables and return the store that has them; the shards stay as they are.

        Args:
            clips, frames: the new tables.
            notes: entries of the manifest to add or replace, JSON-ready.

        Raises:
            ValueError: a table has another number of rows.
            InputError: another process writes the store, or has replaced it since it was opened.
            SslechoError: the disk is full; the old version still stands.
        """
        manifest = json.loads(json.dumps(self.manifest))
        given = {name: table for name, table in (("clips", clips), ("frames", frames)) if table is not None}
        for name, table in given.items():
            if table.num_rows != getattr(self, name).num_rows:
                raise ValueError(f"the new {name} table has {table.num_rows} rows, not {getattr(self, name).num_rows}")
        with locked(self.path):
            if _read_manifest(self.path).get("generation") != manifest.get("generation"):
                raise InputError(f"{self.path} was replaced since it was opened; run the same command again")
            for name, table in given.items():
                manifest["tables"][name] = write_table(self.path, name, table.schema, [table])
            manifest |= notes or {}
            write_json(self.path / "manifest.json", manifest)
            self._remove_older_tables(manifest)
        return Store.open(self.path)

    def verify(self) -> list[str]:
        """Read every shard and name those whose bytes are not those that were written."""
        return [
            shard["file"]
            for shard in self.manifest["shards"]
            if sha256_of(self.path / shard["file"]) != shard["sha256"]
        ]

    def quarantine(self) -> pa.Table:
        """The sources that were left out: keyed source_id, reason."""
        return _read_table(self.path, self.manifest["tables"]["quarantine"])

    def _remove_older_tables(self, manifest: Mapping[str, Any]) -> None:
        # The version before this one stays: a reader may have its manifest open.
        keep = {entry["file"] for tables in (manifest["tables"], self.manifest["tables"]) for entry in tables.values()}
        for file in (self.path / "tables").glob("*.parquet"):
            if f"tables/{file.name}" not in keep:
                file.unlink(missing_ok=True)

    def _shard_path(self, shard: int) -> Path:
        return self.path / self.manifest["shards"][shard]["file"]

    def _offsets(self, rows: Int64[np.ndarray, " n"], shards: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """Where each row's pixels start in its shard, in bytes; a shard is its header, then nothing but pixels."""
        n_bytes = self.frame_shape[0] * self.frame_shape[1]
        headers = np.array([shard["bytes"] - shard["n"] * n_bytes for shard in self.manifest["shards"]], dtype=np.int64)
        return headers[shards] + (rows - self._starts[shards]) * n_bytes

    def _handle(self, shard: int) -> int:
        if shard not in self._handles:
            if len(self._handles) >= MAX_OPEN_SHARDS:
                os.close(self._handles.pop(next(iter(self._handles))))
            try:
                self._handles[shard] = os.open(self._shard_path(shard), os.O_RDONLY)
            except OSError as error:
                raise SslechoError(f"{self._shard_path(shard)} can't be opened ({error.strerror})") from error
        return self._handles[shard]

    def _no_column(self, name: str, known: list[str]) -> NounError:
        return NounError(f"{self.path} has no column {name!r}; it has: {', '.join(dict.fromkeys(known))}")

    def __getstate__(self) -> dict[str, Any]:
        # File descriptors mean nothing in another process.
        return {**self.__dict__, "_handles": {}}

    def __del__(self) -> None:
        for handle in getattr(self, "_handles", {}).values():
            with suppress(OSError):
                os.close(handle)


def write_table(store: Path, name: str, schema: pa.Schema, parts: Iterable[pa.Table]) -> dict[str, str]:
    """Write a table, part by part, under the next free number and return the manifest's entry for it.

    Raises:
        SslechoError: the disk is full.
    """
    folder = store / "tables"
    numbers = [int(file.stem.rsplit("-", 1)[1]) for file in folder.glob(f"{name}-*.parquet")]
    path = folder / f"{name}-{max(numbers, default=0) + 1:04d}.parquet"
    try:
        folder.mkdir(exist_ok=True)
        # The schema alone: what pandas and the like leave in a table's metadata never enters.
        with pq.ParquetWriter(path, schema.remove_metadata(), compression="zstd") as writer:
            for part in parts:
                writer.write_table(part.replace_schema_metadata(None))
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise disk_error(path, error) from error
    return {"file": f"tables/{path.name}", "sha256": sha256_of(path)}


def hash_of_frames(shards: list[dict[str, Any]], frame_shape: tuple[int, int]) -> str:
    """SHA-256 over the shards' checksums and the frames' shape."""
    said = json.dumps({"shape": list(frame_shape), "shards": [shard["sha256"] for shard in shards]}, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _read_manifest(path: Path) -> dict[str, Any]:
    file = path / "manifest.json"
    if (path / ".writing").is_dir() and not file.exists():
        raise NounError(f"{path} is a store that was not finished; run the same `sslecho ingest` again, it goes on")
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise NounError(f"{path} is no store (no readable manifest.json); `sslecho ingest` makes one") from None
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise NounError(f"{path} is no store (its manifest.json is of another kind); `sslecho ingest` makes one")
    if manifest.get("version") != VERSION:
        raise NounError(
            f"{path} is a store of version {manifest.get('version')!r}, "
            f"and this sslecho reads version {VERSION}; {ANEW}"
        )
    missing = [
        name for name in ("shards", "tables", "n_frames", "n_clips", "frame_shape", "unit") if name not in manifest
    ]
    if missing:
        raise NounError(f"{path}/manifest.json is damaged (it lacks {', '.join(missing)}); {ANEW}")
    return manifest


def _check_size(path: Path, shard: dict[str, Any]) -> None:
    file = path / shard["file"]
    try:
        size = file.stat().st_size
    except OSError:
        raise NounError(f"{file} is missing; copy it back or {ANEW}") from None
    if size != shard["bytes"]:
        raise NounError(f"{file} has {size} bytes and should have {shard['bytes']}; copy it back or {ANEW}")


def _read_table(path: Path, entry: dict[str, str]) -> pa.Table:
    file = path / entry["file"]
    try:
        with pq.ParquetFile(file) as table:
            return table.read()
    except (OSError, pa.ArrowException) as error:
        what = "is missing" if isinstance(error, FileNotFoundError) else "can't be read as a table"
        raise NounError(f"{file} {what}; copy it back or {ANEW}") from error
