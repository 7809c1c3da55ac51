"""One DICOM file: its header now, its frames one at a time."""

import logging
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import (
    UID,
    AllTransferSyntaxes,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    PrivateTransferSyntaxes,
)

from sslecho.data.readers.dicom.codecs import codec_of
from sslecho.data.readers.dicom.gray import GrayScale
from sslecho.data.readers.dicom.header import number, spacing_mm, text
from sslecho.data.readers.dicom.timing import frame_times
from sslecho.data.readers.recording import Frame, Origin, Unreadable, quiet, refuse_huge

# pydicom warns about values that break the standard, and quotes them: they may name a patient.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

# What pydicom and its decoders raise on malformed input.
DICOM_ERRORS = (
    InvalidDicomError,
    BytesLengthException,
    AttributeError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    OverflowError,
    MemoryError,
    AssertionError,
    struct.error,
    zlib.error,
)
# Ultrasound, and what converted or captured ultrasound goes by. Everything else is another kind of picture.
MODALITIES = frozenset({"", "US", "IVUS", "OT", "SC", "XC", "DOC"})


class Cine:
    """A single- or multi-frame DICOM image.

    Raises:
        Unreadable: it is no DICOM file, has no pixels, is no ultrasound, or its codec is not installed.
    """

    def __init__(self, path: Path):
        self._path = path
        self._header = _read(path, pixels=False)
        _refuse_other_kinds(self._header)
        rows, columns = number(self._header, "Rows"), number(self._header, "Columns")
        refuse_huge(int(rows or 0), int(columns or 0))
        self.n_frames = max(1, int(number(self._header, "NumberOfFrames") or 1))
        self._times, self.time_source = frame_times(self._header, self.n_frames)
        self.spacing_mm = spacing_mm(self._header)
        self.origin = _origin(self._header)
        try:
            self._gray = GrayScale(self._header)
        except DICOM_ERRORS as error:
            raise Unreadable(f"its pixel description is damaged ({type(error).__name__})") from error

    def frames(self, indices: Sequence[int]) -> Iterator[Frame]:
        decoded = self._decoded(indices)
        for index in indices:
            try:
                with quiet():
                    pixels = self._gray(next(decoded))
            except StopIteration:
                raise Unreadable(f"it ends before frame {index}, though it claims {self.n_frames} frames") from None
            except DICOM_ERRORS as error:
                raise Unreadable(f"its pixels can't be decoded at frame {index} ({type(error).__name__})") from error
            yield Frame(index, self._times[index] if self._times else None, pixels)

    def _decoded(self, indices: Sequence[int]) -> Iterator[Any]:
        # By path, so that pydicom reads frame by frame. It can't do that in a deflated file, nor where the
        # transfer syntax is not named.
        source: Any = self._path
        syntax = self._header.file_meta.get("TransferSyntaxUID")
        if syntax is None or UID(syntax).is_deflated:
            source = _read(self._path, pixels=True)
            if syntax is None:
                source.file_meta.TransferSyntaxUID = _guess(source)
        return iter_pixels(source, indices=list(indices))


def _read(path: Path, *, pixels: bool) -> pydicom.Dataset:
    with quiet():
        try:
            header = pydicom.dcmread(path, stop_before_pixels=not pixels, force=True)
            if not hasattr(header, "file_meta"):
                header.file_meta = FileMetaDataset()
            if "Rows" not in header and "SOPClassUID" not in header:
                raise Unreadable("it is no picture, video or DICOM file that sslecho reads")
        except DICOM_ERRORS as error:
            raise Unreadable(f"it is no DICOM file, or its header is damaged ({type(error).__name__})") from error
    return header


def _guess(header: pydicom.Dataset) -> UID:
    implicit, little = header.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _refuse_other_kinds(header: pydicom.Dataset) -> None:
    if "Rows" not in header or "Columns" not in header:
        raise Unreadable("it is a DICOM object without a picture (a report, a directory, a measurement)")
    modality = text(header, "Modality") or ""
    if modality.upper() not in MODALITIES:
        known = modality if modality.isalpha() and modality.isupper() and len(modality) <= 8 else "of another kind"
        raise Unreadable(f"its modality is {known}, not ultrasound")
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        return
    if syntax not in AllTransferSyntaxes and syntax not in PrivateTransferSyntaxes:
        raise Unreadable("its transfer syntax is unknown")
    codec = codec_of(UID(syntax))
    if not codec.decodes:
        raise Unreadable(f"its codec, {codec.name}, needs a decoder that is not installed")


def _origin(header: pydicom.Dataset) -> Origin:
    patient = text(header, "PatientID")
    if patient:
        # Two hospitals may both have a patient 1234.
        patient = "\x1f".join([patient, text(header, "IssuerOfPatientID") or ""])
    device = "\x1f".join(filter(None, (text(header, "Manufacturer"), text(header, "ManufacturerModelName"))))
    return Origin(
        patient=patient,
        study=text(header, "StudyInstanceUID"),
        site=text(header, "InstitutionName"),
        device=device or None,
    )
