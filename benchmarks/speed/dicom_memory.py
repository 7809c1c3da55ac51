"""Does reading a DICOM cine take memory in proportion to the file?

    OMP_NUM_THREADS=1 python benchmarks/speed/dicom_memory.py [--quick]

Cines of about 600 MB, 480 x 640 noise: native, native in big-endian words, deflated, and encapsulated (RLE, JPEG)
with a basic offset table, an extended one, and none. Each is read by a process of its own, frame by frame. Resident
memory after the first frame, and the peak after the last; their ratio should be near 1. Prints a table and, as its
last line, one JSON object.
"""

import argparse
import io
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from measure import finish
from pydicom.dataset import Dataset, FileMetaDataset

HEIGHT, WIDTH = 480, 640
FRAME = HEIGHT * WIDTH
N_TEXTURES = 8
SEED = 0
CHILD = """
import resource, sys
from pathlib import Path
from sslecho.data.readers.sniff import open_recording
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
recording = open_recording(Path(sys.argv[1]))
next(iter(recording.frames([0])))
start = peak()
n_frames = sum(1 for frame in recording.frames(range(recording.n_frames)))
print(n_frames, start, peak())
"""
DICOM = "1.2.840.10008.1.2"


def header(syntax: str, n_frames: int) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    data.Modality, data.PhotometricInterpretation, data.SamplesPerPixel = "US", "MONOCHROME2", 1
    data.Rows, data.Columns, data.NumberOfFrames = HEIGHT, WIDTH, n_frames
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation, data.FrameTime = 7, 0, "33"
    return data


def head_bytes(data: Dataset, *, big: bool = False) -> bytes:
    """The file up to the pixels."""
    content = io.BytesIO()
    pydicom.dcmwrite(content, data, enforce_file_format=True, implicit_vr=False, little_endian=not big)
    return content.getvalue()


def textures() -> list[bytes]:
    rng = np.random.default_rng(SEED)
    return [rng.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8).tobytes() for _ in range(N_TEXTURES)]


def native(path: Path, n_frames: int, *, big: bool = False) -> None:
    size = (n_frames * FRAME).to_bytes(4, "big" if big else "little")
    tag = b"\x7f\xe0\x00\x10" if big else b"\xe0\x7f\x10\x00"
    frames = textures()
    with path.open("wb") as file:
        file.write(head_bytes(header(f"{DICOM}.2" if big else f"{DICOM}.1", n_frames), big=big))
        file.write(tag + (b"OW" if big else b"OB") + b"\0\0" + size)
        for number in range(n_frames):
            file.write(frames[number % N_TEXTURES])


def deflated(path: Path, n_frames: int) -> None:
    plain = header(f"{DICOM}.1", n_frames)
    whole = head_bytes(plain)
    # All that follows the meta information is deflated, whose own syntax says so.
    body = io.BytesIO()
    pydicom.dcmwrite(body, Dataset(plain), implicit_vr=False, little_endian=True, enforce_file_format=False)
    start = whole.find(body.getvalue())
    meta = head_bytes(header(f"{DICOM}.1.99", n_frames))
    packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    frames = textures()
    with path.open("wb") as file:
        (n_meta,) = np.frombuffer(meta[140:144], "<u4")
        file.write(meta[: 144 + int(n_meta)])
        file.write(packer.compress(whole[start:]))
        file.write(packer.compress(b"\xe0\x7f\x10\x00OB\0\0" + (n_frames * FRAME).to_bytes(4, "little")))
        for number in range(n_frames):
            file.write(packer.compress(frames[number % N_TEXTURES]))
        file.write(packer.flush())


def encapsulated(path: Path, n_bytes: int, *, syntax: str, table: str) -> None:
    """So many bytes of frames, with a "basic" or "extended" offset table, or with "no" table."""
    pictures = [np.frombuffer(texture, np.uint8).reshape(HEIGHT, WIDTH) for texture in textures()]
    frames = [_rle(picture) if syntax.endswith(".5") else imagecodecs.jpeg8_encode(picture) for picture in pictures]
    frames = [frame + b"\0" * (len(frame) % 2) for frame in frames]
    n_frames = n_bytes // len(frames[0])
    lengths = [len(frames[number % N_TEXTURES]) for number in range(n_frames)]
    offsets = np.cumsum([0, *(length + 8 for length in lengths[:-1])])
    data = header(syntax, n_frames)
    if table == "extended":
        data.ExtendedOffsetTable = offsets.astype("<u8").tobytes()
        data.ExtendedOffsetTableLengths = np.array(lengths, "<u8").tobytes()
    basic = offsets.astype("<u4").tobytes() if table == "basic" else b""
    with path.open("wb") as file:
        file.write(head_bytes(data) + b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff")
        file.write(b"\xfe\xff\x00\xe0" + len(basic).to_bytes(4, "little") + basic)
        for number in range(n_frames):
            frame = frames[number % N_TEXTURES]
            file.write(b"\xfe\xff\x00\xe0" + len(frame).to_bytes(4, "little") + frame)
        file.write(b"\xfe\xff\xdd\xe0\0\0\0\0")


def _rle(picture: np.ndarray) -> bytes:
    """Literal runs only: noise has no others."""
    flat = picture.tobytes()
    runs = b"".join(b"\x7f" + flat[start : start + 128] for start in range(0, len(flat), 128))
    return np.array([1, 64, *[0] * 14], "<u4").tobytes() + runs


def kinds(n_bytes: int) -> Iterator[tuple[str, Callable[[Path], None]]]:
    n_frames = n_bytes // FRAME
    yield "native", lambda path: native(path, n_frames)
    yield "big endian", lambda path: native(path, n_frames, big=True)
    yield "deflated", lambda path: deflated(path, n_frames)
    for codec, syntax in (("RLE", f"{DICOM}.5"), ("JPEG", f"{DICOM}.4.50")):
        for table in ("basic", "extended", "no"):
            yield (
                f"{codec}, {table} table",
                lambda path, syntax=syntax, table=table: encapsulated(path, n_bytes, syntax=syntax, table=table),
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="files of 60 MB")
    n_bytes = 60_000_000 if parser.parse_args().quick else 600_000_000
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, write in kinds(n_bytes):
            path = Path(folder) / "cine.dcm"
            write(path)
            done = subprocess.run(
                [sys.executable, "-c", CHILD, str(path)], check=True, capture_output=True, text=True
            ).stdout.split()
            start, peak = float(done[1]), float(done[2])
            rows.append({"what": name, "file_mb": round(path.stat().st_size / 1e6), "frames": int(done[0]),
                         "first_frame_mb": round(start), "peak_mb": round(peak)})  # fmt: skip
            path.unlink()
    ratios = {row["what"]: round(row["peak_mb"] / row["first_frame_mb"], 3) for row in rows}
    finish("dicom_memory", ratios=ratios, rows=rows, seeds=(SEED,))


if __name__ == "__main__":
    main()
