"""Clips and screens as DICOM, uncompressed, with an invented identity in every place where real files have one."""

import io
from typing import Any

import numpy as np

from sslecho.phantom.devices import Settings
from sslecho.phantom.echo import Clip
from sslecho.phantom.overlay import Identity
from sslecho.phantom.plan import Plan
from sslecho.phantom.screens.draw import Burnt
from sslecho.phantom.screens.screen import Part, box_of

UID_ROOT = "1.2.826.0.1.3680043.8.498."  # pydicom's, free for generated UIDs
# Shares of files of "archive" that have it.
WITH_CODES, STALE_CODES = 0.6, 0.03  # the fourth value of ImageType; the b-mode code, whatever is shown
WITH_REGIONS = 0.8
WITH_WORDS, WRONG_WORDS = 0.15, 0.05  # weak labels, and those of them that name another view
WITH_AGENT = 0.4  # of contrast clips
WORDS = {
    "plax": "Parasternal long axis", "rv_inflow": "RV inflow",
    "psax_av": "PSAX aortic valve", "psax_mid": "PSAX mid", "psax_mv": "PSAX mitral",
    "psax_pap": "PSAX papillary", "psax_apex": "PSAX apex", "pa_long": "PA long axis",
    "a4c": "Apical 4 chamber", "a5c": "Apical 5 chamber", "a2c": "Apical 2 chamber", "a3c": "Apical long axis",
    "sc4c": "Subcostal 4 chamber", "sc_ivc": "Subcostal IVC",
    "sc_aorta": "Abdominal aorta", "suprasternal": "Suprasternal",
}  # fmt: skip


def clip_dicom(frames: np.ndarray, clip: Clip, identity: Identity, plan: Plan) -> bytes:
    """A gray (multi-frame) image of one fan, with no view name in it."""
    spacing = clip.mm_per_pixel / 10
    ds, content = _dataset(frames, clip.settings, clip.frame_time_ms, identity, plan)
    if clip.sector.any():
        part = Part(box_of(clip.sector), 1, 1, (3, 3), (spacing, spacing))
        ds.SequenceOfUltrasoundRegions = [_region(part)]
    ds.save_as(content, enforce_file_format=True)
    return content.getvalue()


def screen_dicom(burnt: Burnt, plan: Plan, rng: np.random.Generator) -> bytes:
    """A screen of "archive": what its tags say of mode, regions and view is there in part and wrong in part.

    Args:
        rng: decides which tags there are.
    """
    screen, identity = burnt.screen, burnt.identity
    ds, content = _dataset(screen.frames, screen.settings, screen.frame_time_ms, identity, plan)
    drawn = rng.uniform(size=6)
    if drawn[0] < WITH_CODES:
        codes = 1 if drawn[1] < STALE_CODES else screen.codes
        ds.ImageType = ["ORIGINAL", "PRIMARY", "TTE", f"{codes:04X}"]
    if drawn[2] < WITH_REGIONS and screen.parts:
        ds.SequenceOfUltrasoundRegions = [_region(part) for part in screen.parts]
    if drawn[3] < WITH_WORDS and screen.view:
        view = str(rng.choice(list(WORDS))) if drawn[4] < WRONG_WORDS else screen.view
        _name_view(ds, WORDS[view], view, rng)
    if screen.kind == "contrast" and drawn[5] < WITH_AGENT:
        ds.ContrastBolusAgent = "PHANTOM MICROBUBBLES"
    _identify(ds, identity, rng)
    if screen.frames.ndim == 4 and rng.uniform() < 0.2:
        ds.PlanarConfiguration = 1
        ds.PixelData = _padded(np.ascontiguousarray(np.moveaxis(screen.frames, 3, 1)))
    ds.save_as(content, enforce_file_format=True)
    return content.getvalue()


def _dataset(
    frames: np.ndarray, scanner: Settings, frame_time_ms: float, identity: Identity, plan: Plan
) -> tuple[Any, io.BytesIO]:
    """A file with everything but regions, and the buffer that it goes to."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import (
        UID,
        ExplicitVRLittleEndian,
        UltrasoundImageStorage,
        UltrasoundMultiFrameImageStorage,
        generate_uid,
    )

    multi = len(frames) > 1
    study = f"{identity.mrn}/{plan.study}"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage if multi else UltrasoundImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(UID_ROOT, entropy_srcs=[study, plan.clip])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(UID_ROOT + "1")
    content = io.BytesIO()
    ds = FileDataset(content, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID = generate_uid(UID_ROOT, entropy_srcs=[study])
    ds.SeriesInstanceUID = generate_uid(UID_ROOT, entropy_srcs=[study, "series"])
    ds.PatientName, ds.PatientID = identity.name, identity.mrn
    ds.PatientBirthDate, ds.PatientSex = identity.birth_date, "O"
    ds.StudyDate = ds.ContentDate = identity.study_date
    ds.StudyTime = ds.ContentTime = "120000"
    ds.AccessionNumber, ds.StudyID = f"A{identity.mrn}{plan.study}", str(plan.study + 1)
    ds.ReferringPhysicianName, ds.InstitutionName = "PHANTOM^DOCTOR", identity.site
    ds.Modality, ds.Manufacturer = "US", "SSLECHO PHANTOM"
    ds.ManufacturerModelName = scanner.device.maker
    ds.SeriesNumber, ds.InstanceNumber = 1, int(plan.clip.split("-")[1]) + 1
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    if frames.ndim == 4:
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    else:
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = frames.shape[1:3]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    if multi:
        ds.NumberOfFrames = len(frames)
        ds.FrameTime = f"{frame_time_ms:.2f}"
        ds.FrameIncrementPointer = 0x00181063
    ds.BurnedInAnnotation = "YES"
    ds.PixelData = _padded(frames)
    return ds, content


def _padded(frames: np.ndarray) -> bytes:
    pixels = frames.tobytes()
    return pixels + b"\0" * (len(pixels) % 2)


def _region(part: Part) -> Any:
    from pydicom.dataset import Dataset

    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = part.format, part.data, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = part.box[0], part.box[1]
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = part.box[2] - 1, part.box[3] - 1
    region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection = part.units
    region.PhysicalDeltaX, region.PhysicalDeltaY = part.deltas
    return region


def _name_view(ds: Any, words: str, view: str, rng: np.random.Generator) -> None:
    """Say the view in one of the places where machines and sonographers say it."""
    from pydicom.dataset import Dataset

    place = int(rng.integers(4))
    if place == 0:
        ds.SeriesDescription = words
    elif place == 1:
        ds.ViewName = words[:16].strip()
    elif place == 2:
        ds.StageName, ds.StageNumber = words[:16].strip().upper(), 1
    else:
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = view.upper()[:16], "99PHANTOM", words
        ds.ViewCodeSequence = [code]


def _identify(ds: Any, identity: Identity, rng: np.random.Generator) -> None:
    """Names and numbers in the places that a hurried de-identification forgets."""
    family, _, given = identity.name.partition("^")
    ds.OperatorsName = f"SONO^{'ABCDEFGH'[int(rng.integers(8))]}"
    ds.PerformingPhysicianName = "PHANTOM^READER"
    ds.PatientComments = f"{given} {family}, born {identity.birth_date}"
    ds.OtherPatientNames = f"{family}^{given[0]}"
    ds.PatientAddress = f"1 {family} Street"
    ds.PatientTelephoneNumbers = f"555-{identity.mrn[:4]}"
    ds.ImageComments = f"MRN {identity.mrn}"
    ds.StationName, ds.DeviceSerialNumber = "ECHO-ROOM-1", f"SN{identity.mrn[::-1]}"
    block = ds.private_block(0x2001, "SSLECHO PHANTOM PRIVATE", create=True)
    block.add_new(0x01, "LO", f"{family}^{given}")
    block.add_new(0x02, "LO", identity.mrn)
