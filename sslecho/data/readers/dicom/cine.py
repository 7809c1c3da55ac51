"""One DICOM file: its header now, its frames one at a time."""

import logging
import struct
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from pydicom import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from sslecho.data.readers.dicom.codecs import SYNTAXES, codec_of
from sslecho.data.readers.dicom.header import number, text
from sslecho.data.readers.dicom.hints import hints
from sslecho.data.readers.dicom.layout import layout_of
from sslecho.data.readers.dicom.modes import modes
from sslecho.data.readers.dicom.opening import Opened, open_header
from sslecho.data.readers.dicom.pixels import Pixels
from sslecho.data.readers.dicom.regions import regions, spacing_mm
from sslecho.data.readers.dicom.shades import Shades
from sslecho.data.readers.dicom.timing import frame_clock
from sslecho.data.readers.recording import Frame, Origin, Unreadable, quiet

# pydicom warns about values that break the standard, and quotes them: they may name a patient.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

# What pydicom and the decoders raise on malformed input; imagecodecs' own errors are RuntimeErrors.
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
# Those that a reason may name; anything else could be a person's name. Source: DICOM PS3.3 C.7.3.1.1.1.
OTHER_MODALITIES = frozenset(
    "BDUS CR CT DX ECG EPS ES GM HD IO KO LEN MG MR NM OCT OP PR PT PX REG RF RTDOSE RTIMAGE RTPLAN RTRECORD RTSTRUCT "
    "SEG SM SR XA".split()
)
DIRECTORY = "1.2.840.10008.1.3.10"  # Media Storage Directory


class Cine:
    """A single- or multi-frame DICOM image.

    Raises:
        Unreadable: it is no DICOM file, has no pixels, is no ultrasound, or its codec is not installed.
    """

    def __init__(self, path: Path):
        # All of it: values are parsed when they are asked for, and warnings quote them.
        with quiet():
            self._read_header(path)

    def _read_header(self, path: Path) -> None:
        opened = _opened(path)
        header = opened.header
        _refuse_other_kinds(opened)
        try:
            layout = layout_of(opened)
            self.n_frames = max(1, int(number(header, "NumberOfFrames") or 1))
            self._pixels = Pixels(opened, layout, self.n_frames)
            self._shades = Shades(header, layout)
        except DICOM_ERRORS as error:
            raise Unreadable(f"its pixel description is damaged ({type(error).__name__})") from error
        size = {"height": layout.rows, "width": layout.columns}
        self._clock, self.time_source = frame_clock(header, self.n_frames)
        self.regions = regions(header, **size)
        self.modes = modes(header, self.regions, **size)
        self.hints: Mapping[str, str] = hints(header)
        self.origin = _origin(header)
        self.spacing_mm = spacing_mm(header)
        self.is_color = self._shades.is_color

    def frames(self, indices: Sequence[int], *, in_color: Collection[int] = ()) -> Iterator[Frame]:
        wanted = in_color if self.is_color else ()
        pictures = self._pixels.pictures(indices, in_color=wanted)
        for index in indices:
            try:
                with quiet():
                    picture = next(pictures)
                    gray = self._shades.gray(picture)
                    rgb = self._shades.rgb(picture) if index in wanted else None
            except EOFError:
                raise Unreadable(f"it ends before frame {index}, though it claims {self.n_frames} frames") from None
            except DICOM_ERRORS as error:
                said = f"its pixels can't be decoded at frame {index} ({type(error).__name__})"
                raise Unreadable(said) from error
            yield Frame(index, self._clock(index) if self._clock else None, gray, rgb)


def _opened(path: Path) -> Opened:
    try:
        opened = open_header(path)
    except DICOM_ERRORS as error:
        raise Unreadable(f"it is no DICOM file, or its header is damaged ({type(error).__name__})") from error
    if text(opened.meta, "MediaStorageSOPClassUID") == DIRECTORY or "FileSetConsistencyFlag" in opened.header:
        raise Unreadable("it is a DICOM directory; the files that it lists are read by themselves")
    if "Rows" not in opened.header and "SOPClassUID" not in opened.header:
        raise Unreadable("it is no picture, video or DICOM file that sslecho reads")
    return opened


def _refuse_other_kinds(opened: Opened) -> None:
    header = opened.header
    if "Rows" not in header or "Columns" not in header:
        raise Unreadable("it is a DICOM object without a picture (a report, a measurement)")
    modality = text(header, "Modality") or ""
    if modality.upper() not in MODALITIES:
        known = modality if modality in OTHER_MODALITIES else "of another kind"
        raise Unreadable(f"its modality is {known}, not ultrasound")
    if opened.syntax not in SYNTAXES:
        raise Unreadable("its transfer syntax is unknown")
    codec = codec_of(opened.syntax)
    if not codec.decodes:
        cure = f"; {codec.cure}" if codec.cure else ", which sslecho does not decode"
        raise Unreadable(f"its codec is {codec.name}{cure}")


def _origin(header: Dataset) -> Origin:
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
        date=_date(header),
    )


def _date(header: Dataset) -> str | None:
    """YYYYMMDD; None for any other form."""
    for name in ("StudyDate", "AcquisitionDate"):
        said = text(header, name) or ""
        if len(said) == 8 and said.isascii() and said.isdigit():
            return said
    return None
