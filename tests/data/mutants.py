"""Mutated files through a whole ingest, with good neighbors among them, and what became of each.

Number i of a seed is always the same file, so that a finding can be made again: `Mutants(...).file(i)`.
"""

import inspect
import io
import re
import shutil
import struct
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from data.archives import dicom, pattern, save_dicom, write_video
from data.mutator import mutate
from PIL import Image, PngImagePlugin
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, RLELossless

from sslecho.data.identity import read_sources
from sslecho.data.ingest import ingest
from sslecho.data.store import Store

SIDE = 32  # of the good neighbors and of the stored frames: they are stored as they are
EVERY = 10  # one good neighbor after so many mutants
CANARIES = ("DOEXJANE", "MRN47114711", "WARDXYZX", "19570304", "1.2.826.0.1.4711", "NOTEXNOTE")
MAX_SEED_BYTES = 40_000


class Kind(NamedTuple):
    """A file to start from."""

    suffix: str
    content: bytes


def own_kinds(folder: Path) -> list[Kind]:
    """Small files of every format, with canaries wherever a name may stand.

    Args:
        folder: an empty one, for files on the way.
    """
    gray = Image.fromarray(pattern(SIDE, SIDE))
    color = Image.merge("RGB", [gray, gray.rotate(90), gray.rotate(180)])
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "DOEXJANE^A")
    text.add_itxt("Comment", "NOTEXNOTE WARDXYZX", zip=True)
    deep = Image.fromarray(pattern(SIDE, SIDE).astype(np.uint16) * 257)
    tags = {270: "DOEXJANE MRN47114711", 315: "WARDXYZX", 306: "1957:03:04 19570304"}
    pages = [gray.rotate(90 * turn) for turn in range(3)]
    pictures: list[tuple[str, Image.Image, dict[str, Any]]] = [
        (".png", gray, {"pnginfo": text}),
        (".png", color.quantize(16), {"pnginfo": text}),
        (".png", deep, {}),
        (".png", color.convert("RGBA"), {}),
        (".jpg", color, {"comment": b"DOEXJANE WARDXYZX", "exif": _exif()}),
        (".jpg", gray, {"progressive": True, "comment": b"NOTEXNOTE"}),
        (".bmp", gray, {}),
        (".bmp", color, {}),
        (".tif", gray, {"tiffinfo": tags, "save_all": True, "append_images": pages}),
        (".tif", color, {"tiffinfo": tags, "compression": "tiff_lzw"}),
        (".tif", deep, {"compression": "tiff_deflate"}),
        (".tif", gray.convert("1"), {"compression": "group4"}),
        (".gif", gray, {"save_all": True, "append_images": pages, "comment": b"DOEXJANE"}),
    ]
    kinds = []
    for suffix, picture, options in pictures:
        file = io.BytesIO()
        picture.save(file, format=Image.registered_extensions()[suffix], **options)
        kinds.append(Kind(suffix, file.getvalue()))
    frames = [pattern(64, 64, seed=seed) for seed in range(4)]
    kinds.append(Kind(".mp4", write_video(folder / "a.mp4", frames).read_bytes()))
    kinds += [Kind(suffix, _video(folder / f"b{suffix}", codec, frames)) for suffix, codec in VIDEOS]
    kinds += [Kind(".dcm", content) for content in _dicoms(folder)]
    kinds.append(Kind(".nii", _nifti()))
    kinds.append(Kind(".mha", _metaimage()))
    return kinds


def real_kinds(data: Path) -> list[Kind]:
    """Small real and broken files, where they are here."""
    folders = [data / "us_dicom", data / "broken"]
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.is_file() and file.suffix != ".csv")
    small = [file for file in files if 0 < file.stat().st_size <= MAX_SEED_BYTES]
    return [Kind(file.suffix, as_ultrasound(file.read_bytes())) for file in small]


def as_ultrasound(content: bytes) -> bytes:
    """A DICOM file that claims to be ultrasound: others are left out before a pixel is decoded."""
    return re.sub(
        rb"(\x08\x00\x60\x00CS)(.)\x00(MR|CT|NM|CR|OT|XA|RTDOSE|SEG )",
        lambda found: found[1] + found[2] + b"\x00" + b"US".ljust(len(found[3])),
        content,
        count=1,
    )


@dataclass
class Found:
    """What became of the mutants.

    Attributes:
        outcomes: how many were accepted, and how many were left out for each family of reasons.
        examples: the first mutant of each such family.
        lost: numbers of good neighbors that were left out or changed.
        named: what a table says with a canary in it.
        broken: batches whose run ended with an error: their first number, and the error.
    """

    n: int = 0
    n_good: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, int] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)


class Mutants:
    """Numbered mutants of some files.

    Args:
        kinds: the files to start from.
        seed: decides all of them.
        n_plain: so many of the first are drawn for every second mutant; by default all.
    """

    def __init__(self, kinds: list[Kind], *, seed: int, n_plain: int | None = None):
        self._kinds = kinds
        self._n_plain = n_plain or len(kinds)
        self._contents = [kind.content for kind in kinds]
        self._seed = seed

    def file(self, number: int) -> tuple[str, bytes, str]:
        """Suffix, content, and what was done, of one mutant."""
        rng = np.random.default_rng([self._seed, number])
        # Every second mutant is of a format's plain example: many of the real files are broken already.
        n = self._n_plain if rng.random() < 0.5 else len(self._kinds)
        kind = self._kinds[int(rng.integers(n))]
        return kind.suffix, *mutate(kind.content, self._contents, rng)

    def ingest(self, folder: Path, numbers: range, found: Found, **settings: Any) -> None:
        """Ingest mutants and their good neighbors and add what became of them to `found`.

        Args:
            folder: to work in; nothing is left in it.
            numbers: which mutants.
            settings: of `ingest`.
        """
        source, out = folder / "WARDXYZX", folder / "store"
        source.mkdir(parents=True)
        good: dict[str, int] = {}
        for number in numbers:
            suffix, content, _ = self.file(number)
            (source / f"{number:07d}-DOEXJANE{suffix}").write_bytes(content)
            if number % EVERY == 0:
                name = f"{number:07d}-good.png"
                Image.fromarray(neighbor(number)).save(source / name)
                good[name] = number
        try:
            store, summary = ingest([source], out, patient_from="unknown", size=SIDE, sector="off", **settings)
            assert store is not None
            self._judge(store, summary, good, found)
        except Exception as error:
            found.broken.append((numbers[0], f"{type(error).__name__}: {error}"))
        found.n += len(numbers)
        found.n_good += len(good)
        shutil.rmtree(folder)

    def _judge(self, store: Store, summary: dict[str, Any], good: dict[str, int], found: Found) -> None:
        for item in summary["quarantine"]:
            name, reason = Path(item["path"]).name, family(item["reason"])
            if name not in good:
                found.outcomes[reason] += 1
                found.examples.setdefault(reason, int(name[:7]))
        for table in (store.clips, store.frames, store.quarantine()):
            for column in table.column_names:
                said = [str(value) for value in table[column].to_pylist() if value is not None]
                found.named += [value for value in said if any(name in value for name in CANARIES)]
        rows = {Path(row["path"]).name: row["clip_id"] for row in read_sources(store.path).to_pylist()}
        clips = {row["clip_id"]: row for row in store.clips.to_pylist()}
        for name, number in good.items():
            clip = clips.get(rows[name])
            same = clip is not None and np.array_equal(
                store.read(np.arange(clip["first_frame"], clip["first_frame"] + clip["n_frames"])),
                neighbor(number)[None],
            )
            if not same:
                found.lost.append(number)
        found.outcomes["accepted"] += len(clips) - sum(rows[name] is not None for name in good)


def neighbor(number: int) -> np.ndarray:
    """The pixels of the good file that stands beside a mutant."""
    return np.random.default_rng([number, 1]).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)


def family(reason: str) -> str:
    """A reason without its figures."""
    return re.sub(r"\d[\d.,]*", "N", reason)[:90]


def settings_of_a_fuzz(**wanted: Any) -> dict[str, Any]:
    """Those of the wanted settings that `ingest` knows."""
    return {name: value for name, value in wanted.items() if name in inspect.signature(ingest).parameters}


VIDEOS = ((".avi", "mpeg4"), (".avi", "mjpeg"), (".mkv", "ffv1"), (".webm", "libvpx"), (".mpg", "mpeg2video"))


def _video(path: Path, codec: str, frames: list[np.ndarray]) -> bytes:
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "DOEXJANE"
        container.metadata["comment"] = "NOTEXNOTE WARDXYZX"
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for pixels in frames:
            picture = av.VideoFrame.from_ndarray(pixels, format="gray").reformat(format=stream.pix_fmt)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path.read_bytes()


def _dicoms(folder: Path) -> list[bytes]:
    frames = np.stack([pattern(SIDE, SIDE, seed=seed) for seed in range(3)])
    named: dict[str, Any] = {
        "patient": "MRN47114711",
        "PatientName": "DOEXJANE^A",
        "InstitutionName": "WARDXYZX",
        "StudyDate": "19570304",
        "StudyInstanceUID": "1.2.826.0.1.4711.1",
        "ImageComments": "NOTEXNOTE",
        "FrameTime": "33.3",
    }
    plain = dicom(frames, **named)
    color = dicom(np.stack([frames] * 3, axis=-1), **named)
    run_length = dicom(frames, **named)
    run_length.compress(RLELossless)
    lossy = dicom(frames, **named)
    lossy.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    encoded = []
    for picture in frames:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format="JPEG")
        encoded.append(file.getvalue())
    lossy.PixelData = encapsulate(encoded)
    lossy["PixelData"].VR = "OB"
    lossy["PixelData"].is_undefined_length = True
    return [
        save_dicom(folder / f"{number}.dcm", data).read_bytes()
        for number, data in enumerate((plain, color, run_length, lossy))
    ]


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x0112] = "DOEXJANE", "WARDXYZX", 6
    return exif


def _nifti() -> bytes:
    """NIfTI-1, 32 x 32 x 1 x 3 bytes."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 4, SIDE, SIDE, 1, 3, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 2, 8)
    struct.pack_into("<8f", header, 76, 1, 0.5, 0.5, 1, 0.03, 1, 1, 1)
    struct.pack_into("<3f", header, 108, 352, 1, 0)
    header[148:157] = b"DOEXJANE\0"
    header[344:348] = b"n+1\0"
    return bytes(header) + b"".join(pattern(SIDE, SIDE, seed=seed).tobytes() for seed in range(3))


def _metaimage() -> bytes:
    head = f"ObjectType = Image\nNDims = 2\nComment = DOEXJANE\nDimSize = {SIDE} {SIDE}\nElementType = MET_UCHAR\n"
    return (head + "ElementDataFile = LOCAL\n").encode() + pattern(SIDE, SIDE).tobytes()
