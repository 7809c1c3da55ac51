"""Makes dicom_golden.json: luma of real DICOM files as decoders say that sslecho does not use.

    pip install pydicom numpy pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg pylibjpeg-rle pyjpegls
    python tests/data/dicom_golden.py FOLDER_WITH_US_DICOM > tests/data/dicom_golden.json

In an environment of its own: one of these decoders is under the GPL. Per file: mean and standard deviation of the
first frame's luma, and the means of a grid of 4 x 4 blocks. No picture can be made of these.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pydicom
from pydicom.pixels import apply_color_lut

LUMA = np.array([0.299, 0.587, 0.114])


def luma(data: pydicom.Dataset) -> np.ndarray:
    pixels = data.pixel_array
    if int(data.get("NumberOfFrames", 1) or 1) > 1:
        pixels = pixels[0]
    if data.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data)
        pixels = pixels / 257 if pixels.dtype == np.uint16 else pixels
    elif pixels.ndim == 3:
        pixels = pixels >> (8 * pixels.dtype.itemsize - 8)
    else:
        bits = data.BitsStored
        pixels = (pixels.astype(float) + (2 ** (bits - 1) if data.PixelRepresentation else 0)) * 255 / (2**bits - 1)
    return pixels @ LUMA if pixels.ndim == 3 else pixels.astype(float)


def figures(gray: np.ndarray) -> list[float]:
    blocks = [block.mean() for band in np.array_split(gray, 4) for block in np.array_split(band, 4, axis=1)]
    return [round(float(figure), 3) for figure in (gray.mean(), gray.std(), *blocks)]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    golden = {}
    for path in sorted(Path(sys.argv[1]).rglob("*.dcm")):
        found = pydicom.dcmread(path)
        modality = found.get("Modality") or ""
        # pydicom 3.0 reads big-endian palettes wrongly; and windows would be a matter of taste.
        is_wrong = found.PhotometricInterpretation == "PALETTE COLOR" and found.original_encoding[1] is False
        if modality in ("", "US", "OT") and not is_wrong and "WindowCenter" not in found and found.Rows > 9:
            golden[path.name] = figures(luma(found))
    print(json.dumps(golden, indent=0, sort_keys=True).replace(",\n", ", ").replace("], ", "],\n"))
