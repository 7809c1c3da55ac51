"""Writing the shards: fixed-shape .npy files that grow frame by frame and can be wound back."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from sslecho.data.tidy import sync_folder
from sslecho.errors import InputError
from sslecho.rundir import disk_error, sha256_of


class ShardWriter:
    """Appends frames to numbered .npy files; a full file is followed by the next.

    Args:
        store: the store's folder.
        frame_shape: height and width of every frame, in pixels.
        capacity: frames a shard.
        generation: 1 for a folder's first store; a store that replaces another has its own file names, so
            that both can stand side by side until the manifest is exchanged.
        n_frames: frames that are there already; what lies beyond them is cut off.

    Raises:
        InputError: fewer frames are there than `n_frames`.
        OSError: the disk is full or fails.
    """

    def __init__(self, store: Path, frame_shape: tuple[int, int], *, capacity: int, generation: int, n_frames: int):
        self.n_frames = n_frames
        self._store = store
        self._frame_shape = frame_shape
        self._n_bytes = frame_shape[0] * frame_shape[1]
        self._capacity = capacity
        self._suffix = "" if generation == 1 else f"-{generation}"
        self._checksums: dict[int, str] = {}
        self._header = npy_header((capacity, *frame_shape))
        self._refuse_lost(n_frames)
        self._open_at(n_frames)

    def append(self, frame: UInt8[np.ndarray, "h w"]) -> None:
        """Write one frame.

        Raises:
            ValueError: a frame of another shape.
            SslechoError: the disk is full.
        """
        if frame.shape != self._frame_shape:
            raise ValueError(f"frames must have shape {self._frame_shape}, not {frame.shape}")
        try:
            self._write(np.ascontiguousarray(frame).data.cast("B"))
            self.n_frames += 1
            if self.n_frames % self._capacity == 0:
                self.sync()
                self._file.close()
                self._open_at(self.n_frames)
        except OSError as error:
            raise disk_error(self._store, error) from error

    def rewind(self, n_frames: int) -> None:
        """Forget all frames but the first `n_frames`."""
        self._checksums = {index: said for index, said in self._checksums.items() if index < n_frames // self._capacity}
        self.n_frames = n_frames
        self._file.close()
        self._open_at(n_frames)

    def sync(self) -> None:
        """Return when all that was appended is on the disk."""
        os.fsync(self._file.fileno())

    def checksum_full(self) -> None:
        """Hash the shards that are full and not hashed yet: now, while they are still in the machine's memory."""
        for index in range(self.n_frames // self._capacity):
            if index not in self._checksums:
                self._checksums[index] = sha256_of(self._path(index))

    def finish(self) -> list[dict[str, Any]]:
        """Close the last shard and return the manifest's entries.

        Raises:
            OSError: the disk is full.
        """
        n_shards, rest = divmod(self.n_frames, self._capacity)
        if rest:
            self._file.seek(0)
            self._write(npy_header((rest, *self._frame_shape)))
            self.sync()
            n_shards += 1
        self._file.close()
        if not rest:
            self._path(n_shards).unlink()
        self.checksum_full()
        sync_folder(self._store / "shards")
        return [
            {
                "file": f"shards/{self._path(index).name}",
                "n": min(self._capacity, self.n_frames - index * self._capacity),
                "bytes": self._path(index).stat().st_size,
                "sha256": self._checksums.get(index) or sha256_of(self._path(index)),
            }
            for index in range(n_shards)
        ]

    def remove(self) -> None:
        """Remove all of this writer's files."""
        self.rewind(0)
        self._file.close()
        self._path(0).unlink()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        self._file.close()

    def _refuse_lost(self, n_frames: int) -> None:
        """The journal speaks of frames that are on the disk: what is missing was taken away since."""
        for index in range(-(-n_frames // self._capacity)):
            n_in_shard = min(self._capacity, n_frames - index * self._capacity)
            path = self._path(index)
            if not path.exists() or path.stat().st_size < len(self._header) + n_in_shard * self._n_bytes:
                raise InputError(
                    f"{path} is missing or cut short, so the unfinished run in {self._store} can't go on; "
                    f"copy it back, or remove {self._store / '.writing'} to start anew"
                )

    def _open_at(self, n_frames: int) -> None:
        """Open the shard that takes frame `n_frames`, cut what lies beyond, and remove later shards."""
        index, rest = divmod(n_frames, self._capacity)
        beyond = index + 1
        while self._path(beyond).exists():
            self._path(beyond).unlink()
            beyond += 1
        path = self._path(index)
        path.touch()
        # Without a buffer: what could not be written must not come again when the file is closed.
        self._file = path.open("rb+", buffering=0)
        try:
            self._write(self._header)
            self._file.truncate(len(self._header) + rest * self._n_bytes)
            self._file.seek(0, os.SEEK_END)
        except BaseException:
            self._file.close()
            raise

    def _write(self, content: bytes | memoryview) -> None:
        left = memoryview(content)
        while left:
            left = left[self._file.write(left) :]

    def _path(self, index: int) -> Path:
        return self._store / "shards" / f"{index:05d}{self._suffix}.npy"


def npy_header(shape: tuple[int, ...]) -> bytes:
    """The header of a .npy file of bytes, format 1.0, always 128 bytes long so that a shard can grow behind it.

    Source: numpy.lib.format, "Format Version 1.0".
    """
    said = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + said.ljust(117).encode() + b"\n"
