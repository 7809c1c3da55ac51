"""Files for tests: pictures, videos and DICOM with known pixels."""

import json
from pathlib import Path

import av
import numpy as np
import pydicom
from PIL import Image
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid


def pattern(height: int = 24, width: int = 32, seed: int = 0) -> np.ndarray:
    """A gray picture without symmetry, smooth enough for lossy codecs, from black to white."""
    y, x = np.mgrid[0:height, 0:width]
    ramp = x / (width - 1) * 180 + y / (height - 1) * 75
    return np.roll(ramp, seed, axis=1).round().astype(np.uint8)


def write_png(path: Path, pixels: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pattern() if pixels is None else pixels).save(path)
    return path


def write_video(path: Path, frames: list[np.ndarray], *, full_range: bool = False, rate: int = 20) -> Path:
    """Lossless luma in H.264."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"qp": "0"})
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuvj420p" if full_range else "yuv420p"
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="gray")
            frame = frame.reformat(format=stream.pix_fmt, dst_color_range="JPEG" if full_range else "MPEG")
            frame.pts = number
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def dicom(frames: np.ndarray, *, patient: str | None = "P-1", **elements) -> Dataset:
    """A DICOM ultrasound: [H, W], [n, H, W], [H, W, 3] or [n, H, W, 3]."""
    color = frames.shape[-1] == 3
    stack = frames.reshape(-1, *frames.shape[-3 if color else -2 :])
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.Modality = "US"
    if patient is not None:
        data.PatientID = patient
    data.Rows, data.Columns = stack.shape[1:3]
    data.SamplesPerPixel = 3 if color else 1
    data.PhotometricInterpretation = "RGB" if color else "MONOCHROME2"
    if color:
        data.PlanarConfiguration = 0
    bits = frames.dtype.itemsize * 8
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit = bits - 1
    data.PixelRepresentation = 0
    if len(stack) > 1:
        data.NumberOfFrames = len(stack)
    data.PixelData = stack.tobytes() + b"\0" * (stack.nbytes % 2)
    data["PixelData"].VR = "OB" if bits == 8 else "OW"
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def save_dicom(path: Path, data: Dataset) -> Path:
    # pydicom refuses to write transfer syntaxes that are newer than itself.
    uid = str(data.file_meta.TransferSyntaxUID)
    UID_dictionary.setdefault(uid, (uid, "Transfer Syntax", "", "", ""))
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


def contents(path: Path) -> dict[str, bytes]:
    """Every file below a folder; a manifest without its provenance, which tells of the checkout, too."""
    found = {file.relative_to(path).as_posix(): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
    if "manifest.json" in found:
        manifest = json.loads(found["manifest.json"])
        del manifest["provenance"]
        found["manifest.json"] = json.dumps(manifest).encode()
    return found


def fragmented(
    data: Dataset, syntax: str, frames: list[bytes], *, table: str = "basic", fragments: int = 1, shift: int = 0
) -> Dataset:
    """A DICOM whose pixels are these compressed frames.

    Args:
        table: "basic" or "extended" offset table, or "none".
        fragments: so many for each frame.
        shift: added to all offsets but the first: a table that is wrong.
    """
    items, offsets, lengths, position = [], [], [], 0
    for frame in frames:
        frame += b"\0" * (len(frame) % 2)
        step = -(-len(frame) // fragments // 2) * 2
        offsets.append(position + (shift if offsets else 0))
        lengths.append(len(frame))
        for start in range(0, len(frame), step):
            part = frame[start : start + step]
            items.append(b"\xfe\xff\x00\xe0" + len(part).to_bytes(4, "little") + part)
            position += len(items[-1])
    basic = np.array(offsets if table == "basic" else [], dtype="<u4").tobytes()
    if table == "extended":
        data.ExtendedOffsetTable = np.array(offsets, dtype="<u8").tobytes()
        data.ExtendedOffsetTableLengths = np.array(lengths, dtype="<u8").tobytes()
    head = b"\xfe\xff\x00\xe0" + len(basic).to_bytes(4, "little") + basic
    data.PixelData = head + b"".join(items) + b"\xfe\xff\xdd\xe0\0\0\0\0"
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = syntax
    return data


def packbits(frame: np.ndarray) -> bytes:
    """DICOM's RLE of one frame, [H, W] or [H, W, 3], of 8 or 16 bits; literal runs and repeats."""
    planes = frame[..., None] if frame.ndim == 2 else frame
    words = planes.astype(planes.dtype.newbyteorder(">"))
    segments = []
    for sample in range(planes.shape[2]):
        samples = np.ascontiguousarray(words[..., sample]).view(np.uint8).reshape(-1, words.itemsize)
        for byte in range(words.itemsize):
            packed = bytearray()
            for row in samples[:, byte].reshape(planes.shape[:2]):
                packed += _packed_row(row.tolist())
            segments.append(bytes(packed) + b"\0" * (len(packed) % 2))
    offsets = 64 + np.cumsum([0, *(len(segment) for segment in segments[:-1])])
    head = np.zeros(16, dtype="<u4")
    head[0], head[1 : 1 + len(segments)] = len(segments), offsets
    return head.tobytes() + b"".join(segments)


def _packed_row(row: list[int]) -> bytes:
    packed, literal, position = bytearray(), bytearray(), 0
    while position < len(row):
        run = 1
        while position + run < len(row) and run < 128 and row[position + run] == row[position]:
            run += 1
        if literal and (run > 2 or len(literal) == 128):
            packed += bytes([len(literal) - 1]) + literal
            literal.clear()
        if run > 2:
            packed += bytes([257 - run, row[position]])
            position += run
        else:
            literal.append(row[position])
            position += 1
    return bytes(packed + (bytes([len(literal) - 1]) + literal if literal else b""))
