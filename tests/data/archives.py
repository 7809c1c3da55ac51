"""Files for tests: pictures, videos and DICOM with known pixels."""

import json
from pathlib import Path

import av
import numpy as np
import pydicom
from PIL import Image
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
