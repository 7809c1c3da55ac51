"""Pictures through Pillow: PNG, JPEG, JPEG 2000, BMP, TIFF with all its pages, animated GIF, PNG and WebP."""

import struct
import warnings
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from sslecho.data.readers.blocks import delays_s, significant_bits
from sslecho.data.readers.depth import Range, extremes, range_of, to_gray
from sslecho.data.readers.recording import Frame, Origin, Unreadable, quiet, refuse_huge
from sslecho.data.readers.sniff import READERS

FORMATS = ("PNG", "JPEG", "JPEG2000", "BMP", "DIB", "TIFF", "GIF", "WEBP")
ANIMATED = ("GIF", "PNG", "WEBP")  # frames of one picture; Pillow lays them over each other as the file says
GRAY_MODES = ("1", "L", "LA", "La")
DARKEST = 16  # 16-bit color is read by its upper bytes; below this they hold less than 12 of the bits
TIFF_BITS, TIFF_LARGEST = 258, 281  # tags BitsPerSample and MaxSampleValue
# What Pillow raises on malformed input, over all of its decoders.
PILLOW_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


@READERS.add("image_file")
class ImageRecording:
    """A picture, the pages of one, or the frames of an animated one."""

    spacing_mm = None
    origin = Origin()
    regions = ()
    modes: frozenset[str] = frozenset()
    hints: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, path: Path):
        self._path = path
        self._range: Range | None = None
        with self._opened() as image, _own_words("its pages can't be counted"):
            refuse_huge(image.height, image.width)
            self._has_pages = image.format in ("TIFF", *ANIMATED)
            # A PNG may hold a picture for programs that don't know animations; it is none of the frames.
            self._first = int(bool(getattr(image, "default_image", False)))
            self.n_frames = int(getattr(image, "n_frames", 1)) - self._first if self._has_pages else 1
            self._is_deep_color = _is_deep_color(image)
            self.is_color = _is_color(image) or (self.n_frames > 1 and image.mode == "P")
            delays = delays_s(path) if image.format in ANIMATED and self.n_frames > 1 else None
        if delays is not None and len(delays) != self.n_frames:
            delays = None
        self._times = None if delays is None else list(accumulate(delays[:-1], initial=0.0))
        self.time_source = None if delays is None else "frame delays"

    def frames(self, indices: Sequence[int], *, in_color: Collection[int] = ()) -> Iterator[Frame]:
        shape = None
        for index, image in self._pages(indices):
            gray = self._gray(image)
            shape = shape or gray.shape
            if gray.shape != shape:
                raise Unreadable("its pages differ in size, so they are no frames of one clip")
            rgb = _rgb(image, gray) if self.is_color and index in in_color else None
            yield Frame(index, None if self._times is None else self._times[index], gray, rgb)

    def _pages(self, indices: Sequence[int]) -> Iterator[tuple[int, Image.Image]]:
        """Upright and without transparency."""
        with self._opened() as image:
            for index in indices:
                with _own_words("its image data can't be decoded"):
                    if self._has_pages:
                        image.seek(index + self._first)
                    refuse_huge(image.height, image.width)
                    image.load()
                    page = _on_black(ImageOps.exif_transpose(image))
                yield index, page

    def _gray(self, image: Image.Image) -> UInt8[np.ndarray, "h w"]:
        """Luma of a picture of any mode. Color becomes ITU-R BT.601 luma."""
        with _own_words("its image data can't be decoded"):
            if image.mode.startswith("I;16"):
                return to_gray(_numbers(image), self._depth())
            if image.mode in ("I", "F"):
                raise Unreadable("its pixels are 32-bit numbers, whose range is unknown; save it with 8 or 16 bits")
            if image.mode not in ("L", "1", "RGB"):
                image = image.convert("RGB")  # Pillow has no direct way from CMYK, Lab and the like to gray
            gray = np.asarray(image.convert("L"))
            if self._is_deep_color and gray.max() < DARKEST:
                raise Unreadable("its 16-bit colors use only the darkest sixteenth of their range; save it with 8 bits")
            return gray

    def _depth(self) -> Range:
        """What is white among 16-bit numbers, the same for all pages; see `depth`."""
        if self._range is None:
            found = extremes(_numbers(page) for _, page in self._pages(range(self.n_frames)))
            with self._opened() as image:
                self._range = range_of(found, is_float=False, bits=_said_bits(image, self._path))
        return self._range

    @contextmanager
    def _opened(self) -> Iterator[Image.Image]:
        # By an opened file, not by its name: with that Pillow maps uncompressed TIFF into memory, and scrambles
        # pages that lie on their side (tag Orientation 5 to 8).
        with self._path.open("rb") as file:
            with quiet():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                try:
                    image = Image.open(file, formats=FORMATS)
                except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
                    raise Unreadable("it claims more pixels than a picture may have (a decompression bomb?)") from error
                except PILLOW_ERRORS as error:
                    raise Unreadable("it is no picture that can be opened, or its header is damaged") from error
            with image:
                yield image


@contextmanager
def _own_words(said: str) -> Iterator[None]:
    with quiet():
        try:
            yield
        except PILLOW_ERRORS as error:
            raise Unreadable(f"{said}: it is damaged or cut short") from error


def _on_black(image: Image.Image) -> Image.Image:
    """What is transparent is black."""
    if not image.has_transparency_data or image.mode.startswith(("I", "F")):
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image.convert("RGBA")).convert("RGB")


def _rgb(image: Image.Image, gray: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    if image.mode.startswith("I"):
        return np.repeat(gray[..., None], 3, axis=2)
    return np.asarray(image.convert("RGB"))


def _numbers(image: Image.Image) -> np.ndarray:
    if not image.mode.startswith("I;16"):
        raise Unreadable("its pages differ in depth")
    return np.asarray(image).astype(np.uint16)


def _is_color(image: Image.Image) -> bool:
    if image.mode == "P" and image.palette is not None:
        colors = np.asarray(image.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
        return bool((colors != colors[:, :1]).any())
    return image.mode not in GRAY_MODES and not image.mode.startswith(("I", "F"))


def _is_deep_color(image: Image.Image) -> bool:
    """16 bits a channel: with color only a tile's raw mode, such as "RGB;16B", tells."""
    raw_modes = [
        word
        for tile in getattr(image, "tile", ())
        for word in (tile.args if isinstance(tile.args, tuple) else (tile.args,))
        if isinstance(word, str)
    ]
    return image.mode in ("RGB", "RGBA") and any("16" in word for word in raw_modes)


def _said_bits(image: Image.Image, path: Path) -> int | None:
    """How many bits of a 16-bit sample the file says mean something."""
    if image.format == "PNG":
        return significant_bits(path)
    tags = getattr(image, "tag_v2", {})
    largest = tags.get(TIFF_LARGEST)
    stored = tags.get(TIFF_BITS, (16,))[0]
    if isinstance(largest, tuple):
        largest = largest[0]
    said = int(largest).bit_length() if largest else stored
    return said if said < 16 else None
