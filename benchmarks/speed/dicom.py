"""How fast are DICOM frames decoded to luma, against pydicom with the decoders that are installed?

    OMP_NUM_THREADS=1 python benchmarks/speed/dicom.py [--quick]

Cines of 600 x 800 speckle in the encodings that ultrasound comes in. sslecho's reader: file to uint8 luma. The peer:
pydicom's frame iterator, Pillow's conversion to gray. Frames per second of processor time, one after the other in
each repeat. Prints a table and, as its last line, one JSON object.
"""

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from measure import finish, in_turn, ratio
from PIL import Image, ImageFilter
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels

from sslecho.data.readers.sniff import open_recording

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from data.archives import dicom, fragmented, packbits

SEED = 0
N_FRAMES = 20
DICOM = "1.2.840.10008.1.2"


def pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gray, RGB and YCbCr of one speckled fan with a color box."""
    rng = np.random.default_rng(SEED)
    noise = Image.fromarray(rng.integers(0, 256, (600, 800), dtype=np.uint8)).filter(ImageFilter.GaussianBlur(1.5))
    y, x = np.mgrid[0:600, 0:800]
    fan = (np.abs(x - 400) < 0.7 * y) & (np.hypot(x - 400, y) < 580)
    gray = np.where(fan, np.asarray(noise), 0).astype(np.uint8)
    rgb = np.repeat(gray[..., None], 3, axis=-1)
    rgb[250:350, 350:450, 0] = 255 - rgb[250:350, 350:450, 0]
    return gray, rgb, np.asarray(Image.fromarray(rgb).convert("YCbCr"))


def cines() -> dict[str, Dataset]:
    gray, rgb, ybr = pictures()

    def cine(picture: np.ndarray, syntax: str | None = None, encoded: bytes = b"", said: str | None = None) -> Dataset:
        data = dicom(np.stack([picture] * N_FRAMES), **({"PhotometricInterpretation": said} if said else {}))
        return data if syntax is None else fragmented(data, f"{DICOM}.{syntax}", [encoded] * N_FRAMES)

    lossless = imagecodecs.jpeg2k_encode(gray, level=0, reversible=True, codecformat="J2K")
    return {
        "native gray": cine(gray),
        "native RGB": cine(rgb),
        "native YBR_FULL": cine(ybr, said="YBR_FULL"),
        "JPEG gray": cine(gray, "4.50", imagecodecs.jpeg8_encode(gray, level=90)),
        "JPEG YBR_FULL_422": cine(rgb, "4.50", imagecodecs.jpeg8_encode(rgb, level=90), "YBR_FULL_422"),
        "RLE gray": cine(gray, "5", packbits(gray)),
        "RLE RGB": cine(rgb, "5", packbits(rgb)),
        "RLE YBR_FULL": cine(ybr, "5", packbits(ybr), "YBR_FULL"),
        "JPEG 2000 lossless gray": cine(gray, "4.90", lossless),
        "JPEG lossless gray": cine(gray, "4.70", imagecodecs.jpeg8_encode(gray, lossless=True, predictor=1)),
        "JPEG-LS gray": cine(gray, "4.80", imagecodecs.jpegls_encode(gray)),
    }


def ours(path: Path) -> float:
    recording = open_recording(path)
    start = time.process_time()
    for frame in recording.frames(range(N_FRAMES)):
        assert frame.pixels.shape == (600, 800)
    return N_FRAMES / (time.process_time() - start)


def peer(path: Path) -> float:
    start = time.process_time()
    for pixels in iter_pixels(path):
        assert np.asarray(Image.fromarray(pixels).convert("L")).shape == (600, 800)
    return N_FRAMES / (time.process_time() - start)


def decodes(run: Callable[[Path], float], path: Path) -> bool:
    try:
        run(path)
    except (RuntimeError, NotImplementedError, AttributeError):
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one repeat")
    repeats = 1 if parser.parse_args().quick else 5
    warnings.simplefilter("ignore")
    rows, ratios = [], {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cine.dcm"
        for name, data in cines().items():
            pydicom.dcmwrite(path, data, enforce_file_format=True)
            variants = {"sslecho": lambda: ours(path), "pydicom": lambda: peer(path)}
            ours(path)
            if not decodes(peer, path):
                del variants["pydicom"]
            rates = in_turn(variants, repeats=repeats)
            rows.append({"encoding": name, **{f"{who}_per_s": round(float(np.median(r))) for who, r in rates.items()}})
            if "pydicom" in rates:
                ratios[name] = ratio(rates["sslecho"], rates["pydicom"])
    finish("dicom", ratios=ratios, rows=rows, seeds=(SEED,))


if __name__ == "__main__":
    main()
