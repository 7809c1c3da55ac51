"""DICOM files; all that knows DICOM is in the folder `dicom`, imported when the first such file is opened."""

from pathlib import Path

from sslecho.data.readers.dicom.cine import Cine
from sslecho.data.readers.recording import Recording
from sslecho.data.readers.sniff import READERS


@READERS.add("dicom_file")
def open_dicom(path: Path) -> Recording:
    """Open a single- or multi-frame DICOM file.

    Raises:
        Unreadable: it is no DICOM file, has no pixels, or is no ultrasound.
    """
    return Cine(path)
