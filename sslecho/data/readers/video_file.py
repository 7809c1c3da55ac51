"""Videos through PyAV: luma in full range, upright, with square pixels; times from the stream's own clock."""

from bisect import bisect
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import Shaped, UInt8
from PIL import Image

from sslecho.data.readers.recording import Frame, Origin, Unreadable, refuse_huge
from sslecho.data.readers.sniff import LOOKED_AT, READERS, is_transport_stream

AV_ERRORS = (FFmpegError, ValueError, MemoryError, OverflowError)
# Playlists and scripts, which FFmpeg takes for videos too, can name other files and addresses.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,asf,flv,ogg,mxf,nut,dv,wtv,gif,ivf,obu,"
    "h264,hevc,m4v,mjpeg,vc1,h261,h263,yuv4mpegpipe"
)
# Of what starts like this FFmpeg is so unsure that a wrong extension would win.
UNSURE = {
    b"\0\0\x01\xba": "mpeg",
    b"\0\0\x01\xb3": "mpegvideo",
    b"\0\0\0\x01\x67": "h264",
    b"\0\0\0\x01\x09": "h264",
}
# Streams without a container have no clock: their frames' times would be FFmpeg's guess of 25 a second.
CLOCKLESS = frozenset({"h264", "hevc", "m4v", "mjpeg", "vc1", "h261", "h263", "mpegvideo", "obu"})
GRAY = ("gray", "mono", "ya8", "ya16")
WIDEST_PIXEL = 4.0  # its width over its height, or the reverse; more is a damaged header


@READERS.add("video_file")
class VideoRecording:
    """The first moving video stream of a container."""

    spacing_mm = None
    origin = Origin()
    regions = ()
    modes: frozenset[str] = frozenset()
    hints: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, path: Path):
        self._path = path
        self._format = _format_of(path)
        self._unread: InputContainer | None = None
        container = self._opened()
        try:
            stream = _moving(container)
            refuse_huge(stream.codec_context.height, stream.codec_context.width)
            self.is_color = not str(stream.codec_context.pix_fmt).startswith(GRAY)
            self.time_source = "pts" if _has_clock(container, stream) else None
            self._aspect = _aspect(stream)
            n_listed = self._listed(container, stream)
            # Counted, because what other containers claim is often 0, and now and then wrong.
            self.n_frames = n_listed or _count(container, stream)
            if not self.n_frames:
                raise Unreadable("its video stream has no frames")
            if n_listed:
                # Opening once more takes as long as decoding several frames: FFmpeg decodes some to know the stream.
                self._unread = container
        except AV_ERRORS as error:
            raise Unreadable(f"it breaks off while it is read ({_said(error)})") from error
        finally:
            if self._unread is None:
                container.close()

    def frames(self, indices: Sequence[int], *, in_color: Collection[int] = ()) -> Iterator[Frame]:
        scaler = VideoReformatter()
        colored = frozenset(in_color) if self.is_color else frozenset()
        turn = None
        for index, time_s, frame in self._decoded(indices):
            # Asked once a stream: a frame whose side data was looked at is freed late, and its memory not used again.
            turn = turn or Turn.of(frame)
            try:
                gray = shown(luma(frame, scaler), turn, aspect=self._aspect)
                rgb = shown(color(frame, scaler), turn, aspect=self._aspect) if index in colored else None
            except AV_ERRORS as error:
                raise Unreadable(f"its pixels are of a kind that can't be converted ({_said(error)})") from error
            yield Frame(index, time_s, gray, rgb)

    def _decoded(self, indices: Sequence[int]) -> Iterator[tuple[int, float | None, av.VideoFrame]]:
        """Index, seconds since the first frame and pixels, of the frames asked for."""
        if not indices:
            return
        wanted, last = set(indices), max(indices)
        start = latest = shape = None
        n_decoded = 0
        container, self._unread = self._unread or self._opened(), None
        with container:
            stream = _moving(container)
            # Files are read in parallel; more threads in each would only get in each other's way.
            stream.codec_context.thread_count = 1
            try:
                for frame in container.decode(stream):
                    time_s = frame.time if self.time_source else None
                    if time_s is not None and latest is not None and time_s <= latest:
                        time_s = None  # a clock that stands still or runs backward tells nothing
                    latest = latest if time_s is None else time_s
                    start = time_s if n_decoded == 0 else start
                    if n_decoded in wanted:
                        shape = shape or (frame.height, frame.width)
                        if shape != (frame.height, frame.width):
                            raise Unreadable("its frames differ in size")
                        if frame.is_corrupt:
                            raise Unreadable(f"its frame {n_decoded} of {self.n_frames} is damaged")
                        yield n_decoded, None if time_s is None or start is None else time_s - start, frame
                    n_decoded += 1
                    if n_decoded > last:
                        return
            except AV_ERRORS as error:
                raise Unreadable(
                    f"its decoding stopped at frame {n_decoded} of {self.n_frames} ({_said(error)})"
                ) from error
        if not n_decoded:
            raise Unreadable("its frames can't be decoded, not one of them")

    def _listed(self, container: InputContainer, stream: VideoStream) -> int:
        """How many frames the container's table of contents lists, where it has a whole one; else 0.

        Raises:
            Unreadable: the file ends before the last of them.
        """
        entries = getattr(stream, "index_entries", ())  # older PyAV has none
        # A part of a table, as of the first fragment or of a file cut short, has not as many as are claimed.
        if container.format.name.split(",")[0] not in ("mov", "avi") or len(entries) != stream.frames:
            return 0
        listed = [(entry.pos + entry.size, entry.is_discard) for entry in entries if entry.size]
        n_there = bisect(sorted(end for end, _ in listed), self._path.stat().st_size)
        if n_there < len(listed):
            raise Unreadable(f"it is cut short: {n_there} of its {len(listed)} frames are there")
        # What an edit list leaves out is decoded but not shown.
        return sum(not is_discard for _, is_discard in listed)

    def _opened(self) -> InputContainer:
        try:
            container = av.open(
                str(self._path),
                mode="r",
                format=self._format,
                metadata_errors="ignore",
                container_options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"},
            )
        except AV_ERRORS as error:
            raise Unreadable(f"it is no video that can be opened ({_said(error)})") from error
        try:
            if _moving(container).codec_context is None:
                raise Unreadable("its video codec is unknown to the decoder")
        except Unreadable:
            container.close()
            raise
        return container


def luma(frame: av.VideoFrame, scaler: VideoReformatter) -> UInt8[np.ndarray, "h w"]:
    """Luma in full range, as stored.

    A luma plane alone is not enough: limited-range video keeps black at 16 and white at 235.
    """
    pixel = frame.format
    if pixel.is_rgb or pixel.has_palette or _has_alpha(frame):
        return np.asarray(Image.fromarray(color(frame, scaler)).convert("L"))
    if pixel.components[0].bits == 8 and (pixel.is_planar or len(pixel.components) == 1):
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        pixels = rows[: frame.height, : frame.width]
        return pixels.copy() if _is_full(frame) else full_range(pixels)
    return scaler.reformat(frame, format="gray", dst_color_range="JPEG").to_ndarray()


def full_range(limited: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Luma of 16..235 brought to 0..255, within one gray level of 255/219 (y - 16).

    36/219 is taken as 1/6: bytes divided by bytes are six times as fast as a table, and as the decoder's scaler.
    """
    full = np.clip(limited, np.uint8(16), np.uint8(235))
    full -= np.uint8(14)
    sixth = full // np.uint8(6)
    full -= np.uint8(2)
    full += sixth
    return full


def color(frame: av.VideoFrame, scaler: VideoReformatter) -> UInt8[np.ndarray, "h w 3"]:
    """RGB in full range, as stored; what is transparent is black."""
    name = "rgba" if _has_alpha(frame) else "rgb24"
    pixels = scaler.reformat(frame, format=name, dst_color_range="JPEG").to_ndarray()
    if name == "rgb24":
        return pixels
    black = Image.new("RGBA", (frame.width, frame.height), (0, 0, 0, 255))
    return np.asarray(Image.alpha_composite(black, Image.fromarray(pixels)).convert("RGB"))


class Turn(NamedTuple):
    """How a picture is set upright: rows and columns change places, then columns or rows run backward."""

    transposes: bool
    mirrors: bool
    flips: bool

    @staticmethod
    def of(frame: av.VideoFrame) -> "Turn":
        """What the display matrix says, to the nearest quarter turn.

        Source: libavutil/display.h. x' = a x + c y, y' = b x + d y, in 16.16 fixed point.
        """
        matrix = frame.side_data.get("DISPLAYMATRIX")
        if matrix is None:
            return Turn(False, False, False)
        a, b, _, c, d = np.frombuffer(memoryview(matrix), np.int32)[:5].tolist()
        if abs(a) + abs(d) < abs(b) + abs(c):
            return Turn(True, c < 0, b < 0)
        return Turn(False, a < 0, d < 0)


def shown(
    pixels: Shaped[np.ndarray, "h w *channels"], turn: Turn, *, aspect: float
) -> Shaped[np.ndarray, "shown_h shown_w *channels"]:
    """Pixels as they are meant to be seen: square (`aspect` is a stored one's width over its height), then upright."""
    height, width = pixels.shape[:2]
    if round(width * aspect) != width:
        width = round(width * aspect)
        refuse_huge(height, width)
        pixels = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
    if not any(turn):
        return pixels
    pixels = pixels.swapaxes(0, 1) if turn.transposes else pixels
    return np.ascontiguousarray(pixels[:: -1 if turn.flips else 1, :: -1 if turn.mirrors else 1])


def _format_of(path: Path) -> str | None:
    """FFmpeg's name of the container where it would not know for sure."""
    with path.open("rb") as file:
        start = file.read(LOOKED_AT)
    if is_transport_stream(start):
        return "mpegts"
    return next((name for said, name in UNSURE.items() if start.startswith(said)), None)


def _moving(container: InputContainer) -> VideoStream:
    """The first stream that is no cover picture."""
    streams = container.streams.video
    moving = [stream for stream in streams if not stream.disposition & Disposition.attached_pic]
    if not moving:
        raise Unreadable("it has a cover picture but no video stream" if streams else "it has no video stream")
    return moving[0]


def _count(container: InputContainer, stream: VideoStream) -> int:
    n_frames = 0
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise Unreadable(f"it is cut short or damaged: after {n_frames} frames one is not whole")
        n_frames += bool(packet.size and not packet.is_discard)
    return n_frames


def _has_clock(container: InputContainer, stream: VideoStream) -> bool:
    """AVI says when a frame is decoded, not when it is shown: with B-frames these differ."""
    if container.format.name == "avi" and stream.codec_context.has_b_frames:
        return False
    return container.format.name not in CLOCKLESS and stream.time_base is not None


def _aspect(stream: VideoStream) -> float:
    """A stored pixel's width over its height; 1 where the file says nothing."""
    aspect = float(stream.sample_aspect_ratio or 1)
    if not 1 / WIDEST_PIXEL <= aspect <= WIDEST_PIXEL:
        raise Unreadable(f"its pixels claim to be more than {WIDEST_PIXEL:g} times as wide as high, or the reverse")
    return aspect


def _is_full(frame: av.VideoFrame) -> bool:
    """Whether black is 0: said by the frame, or by its format's name; gray is taken as full unless it says not."""
    said = int(frame.color_range)
    return said == 2 or frame.format.name.startswith("yuvj") or (said != 1 and frame.format.name.startswith("gray"))


def _has_alpha(frame: av.VideoFrame) -> bool:
    return frame.format.has_palette or any(component.is_alpha for component in frame.format.components)


def _said(error: BaseException) -> str:
    """What went wrong, in words that are ours: FFmpeg's may quote the file."""
    words = {
        "InvalidDataError": "it holds invalid data",
        "EOFError": "it ends too early",
        "DecoderNotFoundError": "no decoder knows its codec",
        "PatchWelcomeError": "it uses what its decoder can't do",
        "MemoryError": "it needs more memory than there is",
        "PermissionError": "it may not be read",
    }
    return next((words[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in words), "its decoder failed")
