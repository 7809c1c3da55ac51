"""A deflated data set as a file that can be read in pieces: neither memory nor disk ever holds all of it.

Source: DICOM PS3.5 A.5, deflated explicit VR little endian: all that follows the file meta information is one raw
deflate stream (RFC 1951).
"""

import io
import zlib
from io import BufferedReader
from typing import Any

CHUNK = 2**16


class Inflating(io.RawIOBase):
    """What a raw deflate stream holds. Seeking forward inflates and forgets, seeking back starts anew.

    Raises:
        zlib.error: while reading: the stream is damaged.
    """

    def __init__(self, file: BufferedReader, start: int):
        self._file, self._start = file, start
        self._restart()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            raise io.UnsupportedOperation("the end of a deflated data set is known only once it was read")
        if offset < self._position:
            self._restart()
        while self._position < offset and self._inflate(min(CHUNK, offset - self._position)):
            pass
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        found = self._inflate(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def _restart(self) -> None:
        self._file.seek(self._start)
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._position = 0

    def _inflate(self, n_bytes: int) -> bytes:
        """At most so many bytes; none at the end of the stream."""
        while not self._inflater.eof:
            raw = self._inflater.unconsumed_tail or self._file.read(CHUNK)
            found = self._inflater.decompress(raw, n_bytes)
            if found:
                self._position += len(found)
                return found
            if not raw:
                break  # cut short
        return b""
