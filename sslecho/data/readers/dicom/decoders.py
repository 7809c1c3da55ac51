"""Compressed bytes of one frame -> its samples: one function for each family of codecs.

Each checks the size that the stream itself claims before a decoder gets to allocate it.
"""

import zlib
from collections.abc import Callable
from struct import unpack
from typing import NamedTuple

import numpy as np

from sslecho.data.readers.dicom.codestream import Codestream, jpeg_2000_head, jpeg_head
from sslecho.data.readers.dicom.fragments import END_OF_IMAGE, N_PADDING
from sslecho.data.readers.dicom.layout import Layout


class Picture(NamedTuple):
    """A decoded frame: samples [h w] or [h w 3], and what they are: "gray" (stored values), "luma", "rgb", "ybr".

    `luma` [h w] stands beside "rgb" where the stream has it: what is computed from RGB would be a little off.
    """

    samples: np.ndarray
    space: str
    luma: np.ndarray | None = None


Decoder = Callable[..., Picture]


def native(data: bytes, layout: Layout, *, wants_luma: bool) -> Picture:
    """Uncompressed samples. Source: DICOM PS3.5 8.1 and 8.2.

    Raises:
        ValueError: fewer bytes than the frame has.
    """
    if len(data) < layout.n_bytes:
        raise ValueError("a frame has fewer bytes than its size needs")
    dtype = np.dtype(f"{'<' if layout.little else '>'}u{layout.bits_allocated // 8}")
    samples = _stored(np.frombuffer(data, dtype=dtype, count=layout.n_bytes // dtype.itemsize), layout)
    if layout.is_422:
        # Source: DICOM PS3.3 C.7.6.3.1.2: Y1 Y2 Cb Cr for each two pixels of a row.
        pairs = samples.reshape(layout.rows, layout.columns // 2, 4)
        luma = pairs[..., :2].reshape(layout.rows, layout.columns)
        if wants_luma and layout.bits_allocated == 8:
            return Picture(luma, "luma")
        return Picture(np.dstack([luma, *(np.repeat(pairs[..., part], 2, axis=1) for part in (2, 3))]), "ybr")
    return _shaped(samples, layout)


def deflated(data: bytes, layout: Layout, *, wants_luma: bool) -> Picture:
    """Raw deflate of one native frame."""
    return native(zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, layout.n_bytes), layout, wants_luma=wants_luma)


def rle(data: bytes, layout: Layout, *, wants_luma: bool) -> Picture:
    """PackBits, a segment for each byte of each sample, the most significant first. Source: DICOM PS3.5 annex G.

    Not imagecodecs' dicomrle_decode: it follows a damaged header out of the data, and the process dies.

    Raises:
        ValueError: the segments are not those that the header describes.
    """
    n_bytes = layout.bits_allocated // 8
    segments = _segments(data, layout.samples * n_bytes)
    if wants_luma and layout.space == "ybr" and n_bytes == 1:
        return Picture(_unpacked(segments[0], layout), "luma")  # the others need not be unpacked
    planes = []
    for first in range(0, len(segments), n_bytes):
        parts = [_unpacked(segment, layout) for segment in segments[first : first + n_bytes]]
        plane = parts[0] if n_bytes == 1 else np.stack(parts, axis=-1).view(f">u{n_bytes}")[..., 0]
        planes.append(_stored(plane, layout))
    if len(planes) == 1:
        return Picture(planes[0], "gray")
    return Picture(np.stack(planes).transpose(1, 2, 0), layout.space)


def _segments(data: bytes, n_segments: int) -> list[bytes]:
    """The packed segments behind the header of 16 numbers: how many there are, and where each begins."""
    if len(data) < 64:
        raise ValueError("RLE data without a header")
    claimed, *starts = unpack("<16L", data[:64])
    if claimed != n_segments:
        raise ValueError("RLE data of another number of segments than the header describes")
    bounds = [*starts[:n_segments], len(data)]
    if any(not 64 <= start < end <= len(data) for start, end in zip(bounds, bounds[1:], strict=False)):
        raise ValueError("RLE data whose segments do not follow each other")
    return [data[start:end] for start, end in zip(bounds, bounds[1:], strict=False)]


def _unpacked(segment: bytes, layout: Layout) -> np.ndarray:
    from imagecodecs import packbits_decode

    return _sized(np.frombuffer(packbits_decode(segment), dtype=np.uint8), layout.rows, layout.columns)


def jpeg(data: bytes, layout: Layout, *, wants_luma: bool) -> Picture:
    """JPEG baseline and extended of 8 and 12 bits. Source: DICOM PS3.5 8.2.1."""
    from imagecodecs import jpeg8_decode

    head = _checked(jpeg_head(data), layout)
    if head.n_components == 1:
        return Picture(jpeg8_decode(data), "gray")
    # What the stream says of its color space is truer than the header, which converters forget to change.
    space = head.space or layout.space
    stored = "YCBCR" if space == "ybr" else "RGB"
    if space == "rgb" or head.precision > 8:
        return Picture(jpeg8_decode(data, colorspace=stored, outcolorspace="RGB"), "rgb")
    if wants_luma:
        return Picture(jpeg8_decode(data, colorspace=stored, outcolorspace="GRAYSCALE"), "luma")
    # Not converted here, so that the luma is the same with and without the color.
    return Picture(jpeg8_decode(data, colorspace=stored, outcolorspace="YCBCR"), "ybr")


def jpeg_lossless(data: bytes, layout: Layout, *, wants_luma: bool) -> Picture:
    """JPEG lossless, processes 14 and 14 SV1. Source: DICOM PS3.5 8.2.1."""
    from imagecodecs import jpeg8_decode

    head = _checked(jpeg_head(data), layout)
    if head.n_components == 1:
        return Picture(jpeg8_decode(data), "gray")
    # Never converted by the codec, whatever markers a converter has left in the stream.
    return Picture(jpeg8_decode(data, colorspace="RGB", outcolorspace="RGB"), layout.space)


def jpeg_ls(data: bytes, layout: Layout, *, wants_luma: bool) -> Picture:
    """JPEG-LS, lossless and near-lossless. Source: DICOM PS3.5 8.2.3."""
    from imagecodecs import jpegls_decode

    _checked(jpeg_head(data), layout)
    if END_OF_IMAGE not in data[-N_PADDING:]:
        data += END_OF_IMAGE  # where a stream is cut CharLS goes on reading zeros, billions of them
    return Picture(jpegls_decode(data), layout.space)


def jpeg_2000(data: bytes, layout: Layout, *, wants_luma: bool) -> Picture:
    """JPEG 2000, high-throughput or not; the decoder undoes YBR_RCT and YBR_ICT itself. Source: DICOM PS3.5 8.2.4.

    Not imagecodecs' htj2k_decode: OpenJPH does not clip, so overshoots of lossy streams wrap from white to black.
    """
    from imagecodecs import jpeg2k_decode

    _checked(jpeg_2000_head(data), layout)
    return Picture(jpeg2k_decode(data, numthreads=1), layout.space)


def jpeg_xl(data: bytes, layout: Layout, *, wants_luma: bool) -> Picture:
    """JPEG XL; the decoder hands color over as RGB whatever is stored."""
    from imagecodecs import jpegxl_decode

    shape = (layout.rows, layout.columns) if layout.samples == 1 else (layout.rows, layout.columns, layout.samples)
    # Given a place of this size, the decoder refuses an image of another before it decodes it.
    place = np.empty(shape, dtype=np.uint8 if layout.bits_stored <= 8 else np.uint16)
    return Picture(jpegxl_decode(data, numthreads=1, out=place), "gray" if layout.samples == 1 else "rgb")


DECODERS: dict[str, Decoder] = {
    "native": native,
    "deflated": deflated,
    "rle": rle,
    "jpeg": jpeg,
    "jpeg lossless": jpeg_lossless,
    "jpeg-ls": jpeg_ls,
    "jpeg 2000": jpeg_2000,
    "jpeg xl": jpeg_xl,
}


def _stored(samples: np.ndarray, layout: Layout) -> np.ndarray:
    """Samples without the bits above and below those that are stored. Source: DICOM PS3.5 8.1.1."""
    if layout.bits_stored == layout.bits_allocated:
        return samples
    return samples >> (layout.high_bit + 1 - layout.bits_stored) & (2**layout.bits_stored - 1)


def _shaped(samples: np.ndarray, layout: Layout) -> Picture:
    """Flat samples of a frame that is not subsampled."""
    if layout.samples == 1:
        return Picture(_sized(samples, layout.rows, layout.columns), "gray")
    if layout.planar:
        return Picture(_sized(samples, layout.samples, layout.rows, layout.columns).transpose(1, 2, 0), layout.space)
    return Picture(_sized(samples, layout.rows, layout.columns, layout.samples), layout.space)


def _sized(samples: np.ndarray, *shape: int) -> np.ndarray:
    n_samples = int(np.prod(shape))
    if samples.size < n_samples:
        raise ValueError("a frame has fewer samples than its size needs")
    return samples.ravel()[:n_samples].reshape(shape)


def _checked(head: Codestream, layout: Layout) -> Codestream:
    if (head.height, head.width, head.n_components) != (layout.rows, layout.columns, layout.samples):
        raise ValueError("the compressed image is of another size than the header says")
    return head
