"""Pictures: PNG, JPEG, BMP and TIFF (with all its pages) through Pillow."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from sslecho.data.readers.recording import Frame, Origin, Unreadable, quiet, refuse_huge
from sslecho.data.readers.sniff import READERS

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
# What Pillow raises on malformed input, over all of its decoders.
PILLOW_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    MemoryError,
)


@READERS.add("image_file")
class ImageRecording:
    """A picture, or the pages of one."""

    time_source = None
    spacing_mm = None
    origin = Origin()

    def __init__(self, path: Path):
        self._path = path
        with self._opened() as image:
            refuse_huge(image.height, image.width)
            try:
                with quiet():
                    self.n_frames = int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1
            except PILLOW_ERRORS as error:
                raise Unreadable(f"its pages can't be counted ({type(error).__name__})") from error

    def frames(self, indices: Sequence[int]) -> Iterator[Frame]:
        with self._opened() as image:
            for index in indices:
                try:
                    with quiet():
                        image.seek(index)
                        refuse_huge(image.height, image.width)
                        pixels = to_gray(ImageOps.exif_transpose(image))
                except PILLOW_ERRORS as error:
                    raise Unreadable(f"its image data can't be decoded ({type(error).__name__})") from error
                yield Frame(index, None, pixels)

    def _opened(self) -> Image.Image:
        with quiet():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            try:
                return Image.open(self._path, formats=FORMATS)
            except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
                raise Unreadable("it claims more pixels than a picture may have (a decompression bomb?)") from error
            except PILLOW_ERRORS as error:
                raise Unreadable("it is no picture that can be opened, or its header is damaged") from error


def to_gray(image: Image.Image) -> UInt8[np.ndarray, "h w"]:
    """Luma of a picture of any mode.

    16-bit gray keeps its upper 8 bits; what is transparent is black. Color becomes ITU-R BT.601 luma.

    Raises:
        Unreadable: pixels of 32 bits, whose range nothing tells.
    """
    if image.mode.startswith("I;16"):
        return (np.asarray(image) >> 8).astype(np.uint8)
    if image.mode in ("I", "F"):
        raise Unreadable("its pixels are 32-bit numbers, whose range is unknown; save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image.convert("RGBA"))
    if image.mode not in ("L", "1", "RGB"):
        image = image.convert("RGB")  # Pillow has no direct way from CMYK, Lab and the like to gray
    return np.asarray(image.convert("L"))
