"""StoreWriter: frames in, clip by clip; a store out, whole or not at all.

Pixels go straight to their shard, what is known of each clip to a journal. So a run that is killed goes on from
the journal, and its store is the same, byte for byte, as that of a run that was not. Only `commit` writes the
manifest, and without a manifest there is no store. Memory does not grow with the number of frames.
"""

import errno
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from sslecho import __version__
from sslecho.data.journal import Journal
from sslecho.data.rows import as_tables, clip_rows, frame_columns, frame_rows_of, left_out
from sslecho.data.schema import FRAMES, QUARANTINE, SCHEMA, VERSION, clips_schema
from sslecho.data.shards import ShardWriter
from sslecho.data.store import Store, hash_of_frames, write_table
from sslecho.data.tidy import refuse_foreign, remove_unnamed, remove_writing, sync_folder, tidy_up
from sslecho.errors import InputError
from sslecho.rundir import disk_error, provenance, write_json

BYTES_PER_SHARD = 2**27
SECONDS_BETWEEN_CHECKPOINTS = 2.0
UNITS = ("patient", "sweep", "clip", "unknown")


class StoreWriter:
    """Writes one store; opening it again after an interruption goes on where it stopped.

    Args:
        path: the store's folder, made where it is missing.
        frame_shape: height and width of every frame, in pixels.
        settings: what decides the result, JSON-ready; a run goes on only under the same settings.
        unit: what intervals will resample: "patient", "sweep", "clip" or "unknown".
        kept: names of further text columns of the clips' table.
        overwrite: replace the store that stands there; it stays readable until `commit`.
        shard_frames: frames a shard; by default as many as fill 128 MiB.

    Attributes:
        done: source ids that are finished, accepted, quarantined or deferred, in order; after an interruption
            those of the earlier run.

    Raises:
        InputError: a store stands there already, or something that is none; another process writes it; or the
            unfinished run that stands there had other settings (both values are named).
    """

    def __init__(
        self,
        path: Path | str,
        frame_shape: tuple[int, int],
        *,
        settings: Mapping[str, Any] | None = None,
        unit: str = "patient",
        kept: Sequence[str] = (),
        overwrite: bool = False,
        shard_frames: int | None = None,
    ):
        if unit not in UNITS:
            raise ValueError(f"unit {unit!r} must be one of {UNITS}")
        self.path = Path(path)
        self.done: list[str] = []
        self.n_clips = 0
        self._frame_shape = frame_shape
        self._unit = unit
        self._columns = clips_schema(kept)
        self._settings = dict(settings or {})
        self._clip_ids: set[str] = set()
        self._closed = False
        self._sound = True
        capacity = shard_frames or max(1, BYTES_PER_SHARD // (frame_shape[0] * frame_shape[1]))
        header = {
            "version": VERSION,
            # Another version may see another sector or kind: one store must not be half of this and half of that.
            "sslecho": __version__,
            "frame_shape": frame_shape,
            "unit": unit,
            "kept": list(kept),
            "shard_frames": capacity,
            "settings": self._settings,
        }
        refuse_foreign(self.path)
        standing = _manifest(self.path)
        self._journal = Journal(self.path, header, standing=standing.get("generation", 0), overwrite=overwrite)
        try:
            # What a run left that was killed while it wrote its tables: numbered anew, they would be other files.
            remove_unnamed(self.path, standing, tables_only=True)
            (self.path / "shards").mkdir(exist_ok=True)
            n_frames = sum(self._take_over(entry) for entry in self._journal.entries())
            self._shards = ShardWriter(
                self.path, frame_shape, capacity=capacity, generation=self._journal.generation, n_frames=n_frames
            )
        except OSError as error:
            self._journal.close()
            raise disk_error(self.path, error) from error
        except BaseException:
            self._journal.close()
            raise
        self._last_checkpoint = time.monotonic()

    @property
    def n_frames(self) -> int:
        return self._shards.n_frames

    def add_clip(
        self,
        frames: Iterable[UInt8[np.ndarray, "h w"]],
        clip: Mapping[str, Any],
        frame_rows: Mapping[str, Any] | None = None,
        *,
        note: Mapping[str, Any] | None = None,
    ) -> None:
        """Append one clip.

        Args:
            frames: the frames in order: an array [n, H, W], or anything that yields [H, W].
            clip: columns of the clips' table; `clip_id` is required. `n_frames` and `first_frame` are filled
                in here, and so is `unit_id` where it is absent.
            frame_rows: columns of the frames' table: a list with one value a frame, or one value for all.
                `frame_index` counts from 0 where it is absent.
            note: further keys of its entry in the journal, for `entries`; they don't enter the store.

        Raises:
            ValueError: a frame of another shape, no frame, an unknown column, a clip_id that was used before,
                a list of another length than there are frames. Nothing of the clip is kept.
            SslechoError: the disk is full.
        """
        self._refuse(clip, frame_rows or {})
        first_frame = self.n_frames
        try:
            for frame in frames:
                self._shards.append(frame)
            n_frames = self.n_frames - first_frame
            columns = frame_columns(frame_rows or {}, n_frames)
        except BaseException:
            self._rewind(first_frame)
            raise
        row = {**clip, "n_frames": n_frames, "first_frame": first_frame}
        if row.get("unit_id") is None:
            row["unit_id"] = row.get("patient_id") if self._unit == "patient" else row["clip_id"]
        entry = {"clip": row, "frames": columns, **(note or {})}
        self._take_over(entry)
        self._note(entry)

    def add_quarantine(self, source_id: str, reason: str, *, kind: str | None = None) -> None:
        """Note a source that was left out, and why; the reason must not name the file."""
        entry = {"quarantine": {"source_id": source_id, "reason": reason, "kind": kind}}
        self._take_over(entry)
        self._note(entry)

    def defer(self, source_id: str, **known: Any) -> None:
        """Note a source whose turn comes again when all others are done, and what is known of it by then."""
        entry = {"deferred": {"source_id": source_id, **known}}
        self._take_over(entry)
        self._note(entry)

    def entries(self) -> Iterator[dict[str, Any]]:
        """All that is noted so far, in order: {"clip", "frames"}, {"quarantine"} or {"deferred"}."""
        self.checkpoint()
        yield from self._journal.entries()

    def checkpoint(self) -> None:
        """Make all that was added so far outlive a power cut.

        Raises:
            SslechoError: the disk is full.
        """
        self._last_checkpoint = time.monotonic()
        # A disk that failed once may say "done" the next time although the pixels are gone (the kernel reports a
        # failed write a single time). So nothing that was noted since the last checkpoint counts.
        sound, self._sound = self._sound, False
        if not sound:
            raise disk_error(self.path, OSError(errno.EIO, "an earlier write failed"))
        try:
            self._shards.sync()
            self._journal.sync()
            self._shards.checksum_full()
        except OSError as error:
            raise disk_error(self.path, error) from error
        self._sound = True

    def commit(self, *, finish: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> Store:
        """Write the tables and the manifest and return the store; what it replaces is removed.

        Args:
            finish: the last word on each row of the clips' table, for what only the whole archive tells.

        Raises:
            InputError: no clip was added.
            SslechoError: the disk is full; the same run goes on from here.
        """
        self.checkpoint()
        if not self.n_frames:
            raise InputError(f"no clip was accepted, so {self.path} would be empty")
        try:
            shards = self._shards.finish()
        except OSError as error:
            raise disk_error(self.path, error) from error
        tables = (
            ("clips", self._columns, lambda entry: [finish(row) for row in clip_rows(entry)]),
            ("frames", FRAMES, frame_rows_of),
            ("quarantine", QUARANTINE, left_out),
        )
        manifest = {
            "schema": SCHEMA,
            "version": VERSION,
            "generation": self._journal.generation,
            "frame_shape": list(self._frame_shape),
            "n_frames": self.n_frames,
            "n_clips": self.n_clips,
            "unit": self._unit,
            "shards": shards,
            "tables": {
                name: write_table(self.path, name, schema, as_tables(self._journal.entries(), schema, rows_of))
                for name, schema, rows_of in tables
            },
            "frames_hash": hash_of_frames(shards, self._frame_shape),
            "settings": self._settings,
            "provenance": provenance(),
        }
        try:
            sync_folder(self.path / "tables")
            write_json(self.path / "manifest.json", manifest)
            sync_folder(self.path)
        except OSError as error:
            raise disk_error(self.path, error) from error
        self._closed = True
        tidy_up(self.path, manifest)
        self._journal.close()
        return Store.open(self.path)

    def close(self) -> None:
        """Let go of the folder; what was added since the last checkpoint is kept too, as far as the disk allows."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._sound and not self._shards.closed:
                self.checkpoint()
        finally:
            self._shards.close()
            self._journal.close()

    def discard(self) -> None:
        """Remove all that was added and leave the folder as it was found."""
        self._closed = True
        with suppress(OSError):
            self._shards.remove()
        remove_writing(self.path)
        self._journal.close()
        for folder in (self.path / "shards", self.path):
            with suppress(OSError):
                folder.rmdir()  # refuses where something else is in it

    def __enter__(self) -> "StoreWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rewind(self, n_frames: int) -> None:
        try:
            self._shards.rewind(n_frames)
        except OSError:
            self._sound = False  # what was refused is the error to tell; this run notes nothing any more

    def _note(self, entry: Mapping[str, Any]) -> None:
        self._journal.note(entry)
        if time.monotonic() - self._last_checkpoint > SECONDS_BETWEEN_CHECKPOINTS:
            self.checkpoint()

    def _take_over(self, entry: Mapping[str, Any]) -> int:
        """Count an entry as done; returns its number of frames."""
        row = next(entry[kind] for kind in ("clip", "quarantine", "deferred") if kind in entry)
        if row.get("source_id") is not None:
            self.done.append(row["source_id"])
        if "clip" not in entry:
            return 0
        self._clip_ids.add(row["clip_id"])
        self.n_clips += 1
        return row["n_frames"]

    def _refuse(self, clip: Mapping[str, Any], frame_rows: Mapping[str, Any]) -> None:
        unknown = [name for name in clip if name not in self._columns.names]
        unknown += [name for name in frame_rows if name not in FRAMES.names]
        if unknown:
            raise ValueError(f"a store has no columns {unknown}")
        if clip["clip_id"] in self._clip_ids:
            raise ValueError(f"clip_id {clip['clip_id']!r} was used before")


def _manifest(path: Path) -> dict[str, Any]:
    """That of the store which stands in the folder; empty where there is none.

    Raises:
        SslechoError: it is there and can't be read.
    """
    try:
        found = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    except OSError as error:
        raise disk_error(path, error) from error
    return found if isinstance(found, dict) and isinstance(found.get("generation"), int) else {}
