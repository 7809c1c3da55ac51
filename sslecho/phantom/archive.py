"""Write an archive of files as a hospital would hand it over, and the truth about it in a folder beside it.

out/p0003/s1/…            pictures, videos or DICOM
out/labels.csv            path, label, patient, … of every file
out.truth/archive.json    settings, counts, whether it is complete
out.truth/clips/*.json    latents of a clip, one file each (a clip without one is still to be written)
out.truth/sectors/*.png   the sector as a mask; out.truth/labels/*.npz  label maps, if asked for
"""

import csv
import io
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sslecho.errors import InputError, SettingsError, SslechoError
from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.echo import Clip
from sslecho.phantom.factors import Factors
from sslecho.phantom.overlay import Identity, burn_in, draw_identity, overlay_picture
from sslecho.phantom.plan import KINDS, Plan, draw_clip, draw_plans
from sslecho.phantom.video import video_bytes
from sslecho.progress import track
from sslecho.rundir import disk_error, read_json, write_atomic, write_json

FORMATS = ("dicom", "video", "png")
MASKS = ("sector", "labels")
COLUMNS: tuple[str, ...] = ("path", "label", "patient", "study", "site", "device", "clip", "frame", "acquisition")
UID_ROOT = "1.2.826.0.1.3680043.8.498."  # pydicom's, free for generated UIDs


@dataclass(frozen=True)
class ArchiveSettings:
    """What decides an archive's bytes."""

    kind: str
    patients: int
    views_per_patient: int
    clips_per_view: int
    frames_per_clip: int
    format: str
    seed: int
    size: int
    overlays: bool
    jitter: float
    masks: str

    def check(self) -> None:
        """Raise SettingsError with all problems at once."""
        problems = []
        for name, value, known in (
            ("kind", self.kind, KINDS),
            ("format", self.format, FORMATS),
            ("masks", self.masks, MASKS),
        ):
            if value not in known:
                problems.append(f"{name} {value!r} is not known; take one of {', '.join(known)}")
        for name in ("patients", "views_per_patient", "clips_per_view", "frames_per_clip"):
            if getattr(self, name) < 1:
                problems.append(f"{name} {getattr(self, name)} must be at least 1")
        if not 32 <= self.size <= 1024:
            problems.append(f"size {self.size} must lie between 32 and 1024 pixels")
        if not 0 <= self.jitter <= 3:
            problems.append(f"jitter {self.jitter} must lie between 0 and 3; {JITTER} is the usual spread")
        if problems:
            raise SettingsError(problems)


def write_archive(
    out: Path | str,
    *,
    kind: str = "echo",
    patients: int = 24,
    views_per_patient: int = 4,
    clips_per_view: int = 2,
    frames_per_clip: int = 24,
    format: str = "png",
    seed: int = 0,
    size: int = 256,
    workers: int = 1,
    overlays: bool = True,
    jitter: float = JITTER,
    masks: str = "sector",
) -> dict[str, Any]:
    """Simulate an archive; the bytes depend on the settings, not on the number of workers.

    Writing again into the same folder goes on where an earlier call stopped.

    Args:
        out: folder of the archive; the truth goes to `<out>.truth`.
        kind: "echo" (clips of twelve views) or "fetal" (stills of six classes).
        clips_per_view: most repeats of a view in a study (1 .. this many are drawn).
        frames_per_clip: of "echo"; a fetal still has one.
        format: "png" (a file per frame), "video" (mp4, H.264) or "dicom".
        masks: "sector", or "labels" for a label map of every frame too.

    Returns:
        counts: "files", "clips", "frames", "patients", "classes" (class -> clips), "already" (nothing was to be done).

    Raises:
        SettingsError: a setting breaks its rule.
        InputError: `out` is not empty and holds something else.
    """
    out = Path(out)
    settings = ArchiveSettings(
        kind=kind,
        patients=patients,
        views_per_patient=views_per_patient,
        clips_per_view=clips_per_view,
        frames_per_clip=frames_per_clip if kind == "echo" else 1,
        format=format,
        seed=seed,
        size=size,
        overlays=overlays,
        jitter=jitter,
        masks=masks,
    )
    settings.check()
    truth = truth_folder(out)
    earlier = _earlier(out, truth, settings)
    if earlier and earlier["complete"] and (out / "labels.csv").is_file():
        return {**earlier["counts"], "already": True}
    for folder in (out, truth / "clips", truth / "sectors", truth / "labels"):
        if folder.name != "labels" or masks == "labels":
            folder.mkdir(parents=True, exist_ok=True)
    write_json(truth / "archive.json", {"settings": asdict(settings), "complete": False})

    plans = draw_plans(
        Factors.from_seed(seed),
        kind=kind,
        patients=patients,
        views_per_patient=views_per_patient,
        clips_per_view=clips_per_view,
    )
    missing = [plan for plan in plans if not (truth / "clips" / f"{plan.clip}.json").is_file()]
    with track("phantom", total=len(plans), unit="clips", done=len(plans) - len(missing)) as progress:
        for _ in _write_all(missing, out, truth, settings, workers):
            progress.advance()
    rows = [row for plan in plans for row in read_json(truth / "clips" / f"{plan.clip}.json")["rows"]]
    _write_labels(out / "labels.csv", rows)
    classes: dict[str, int] = {}
    for plan in plans:
        classes[plan.view] = classes.get(plan.view, 0) + 1
    counts = {
        "files": len(rows),
        "clips": len(plans),
        "frames": len(plans) * settings.frames_per_clip,
        "patients": patients,
        "classes": dict(sorted(classes.items())),
    }
    write_json(truth / "archive.json", {"settings": asdict(settings), "complete": True, "counts": counts})
    return {**counts, "already": False}


def truth_folder(out: Path) -> Path:
    """Beside the archive, so that no ingest of the archive can see it."""
    return out.with_name(out.name + ".truth")


def _earlier(out: Path, truth: Path, settings: ArchiveSettings) -> dict[str, Any] | None:
    record = truth / "archive.json"
    if record.is_file():
        found = read_json(record)
        if found["settings"] != asdict(settings):
            differing = ", ".join(
                f"{name} {found['settings'].get(name)!r} instead of {value!r}"
                for name, value in asdict(settings).items()
                if found["settings"].get(name) != value
            )
            raise InputError(f"{out} holds another phantom archive ({differing}); name a new folder")
        return found
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not empty and holds no phantom archive, so it is left alone; name a new folder")
    return None


def _write_all(plans: list[Plan], out: Path, truth: Path, settings: ArchiveSettings, workers: int):
    """Write every plan, yielding as each is done."""
    if workers <= 1 or len(plans) <= 1:
        for plan in plans:
            write_clip(plan, out, truth, settings)
            yield
        return
    # Not forked: the caller may have threads (torch, a progress bar) that a fork would copy half-way.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_leave_ctrl_c) as pool:
        jobs = [pool.submit(write_clip, plan, out, truth, settings) for plan in plans]
        try:
            for job in as_completed(jobs):
                job.result()
                yield
        except BrokenProcessPool as error:
            raise SslechoError(
                f"a worker that wrote {out} was killed, probably for memory; run it again with fewer workers: "
                "it goes on from the clips that are done"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _leave_ctrl_c() -> None:
    """Ctrl-C is the caller's: a worker finishes its clip, so that none is left half-written."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def write_clip(plan: Plan, out: Path, truth: Path, settings: ArchiveSettings) -> None:
    """Render one clip, write its files and, last, its truth."""
    factors = Factors.from_seed(settings.seed)
    clip = draw_clip(
        plan,
        factors,
        frames=settings.frames_per_clip,
        size=settings.size,
        jitter=settings.jitter,
        with_labels=settings.masks == "labels",
    )
    identity = draw_identity(factors, plan.patient, plan.study, clip.settings.site)
    frames = clip.frames
    if settings.overlays:
        overlay = overlay_picture(
            clip.sector,
            identity,
            clip.settings,
            depth_mm=float(clip.latents["depth_mm"]),
            mm_per_pixel=clip.mm_per_pixel,
        )
        frames = burn_in(frames, overlay)
    folder = out / plan.folder
    folder.mkdir(parents=True, exist_ok=True)
    number = plan.clip.split("-")[1]
    if settings.format == "png":
        paths = _write_png(folder, number, frames)
    elif settings.format == "video":
        paths = [folder / f"c{number}.mp4"]
        write_atomic(paths[0], video_bytes(frames, clip.frame_time_ms))
    else:
        paths = [folder / f"IM{number}.dcm"]
        write_atomic(paths[0], dicom_bytes(frames, clip, identity, plan))

    write_atomic(truth / "sectors" / f"{plan.clip}.png", _png(clip.sector.astype(np.uint8) * 255))
    if clip.labels is not None:
        content = io.BytesIO()
        np.savez_compressed(content, labels=clip.labels)
        write_atomic(truth / "labels" / f"{plan.clip}.npz", content.getvalue())
    shared = {
        "label": clip.label,
        "patient": f"p{plan.patient:04d}",
        "study": f"p{plan.patient:04d}-s{plan.study + 1}",
        "site": f"site{clip.settings.site}",
        "device": clip.settings.device.name,
        "clip": plan.clip,
        "acquisition": plan.acquisition,
    }
    per_file = settings.format == "png"
    rows = [
        {"path": path.relative_to(out).as_posix(), **shared, "frame": frame if per_file else ""}
        for frame, path in enumerate(paths)
    ]
    write_json(truth / "clips" / f"{plan.clip}.json", {"rows": rows, "plan": asdict(plan), "latents": clip.latents})


def _write_png(folder: Path, number: str, frames: np.ndarray) -> list[Path]:
    if len(frames) == 1:
        paths = [folder / f"i{number}.png"]
    else:
        (folder / f"c{number}").mkdir(exist_ok=True)
        paths = [folder / f"c{number}" / f"f{frame:03d}.png" for frame in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        try:
            path.write_bytes(_png(frame))
        except OSError as error:
            raise disk_error(path, error) from error
    return paths


def _png(picture: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="PNG", compress_level=3)
    return content.getvalue()


def _write_labels(path: Path, rows: list[dict[str, Any]]) -> None:
    content = io.StringIO()
    writer = csv.DictWriter(content, fieldnames=list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, content.getvalue().encode())


def dicom_bytes(frames: np.ndarray, clip: Clip, identity: Identity, plan: Plan) -> bytes:
    """An ultrasound (multi-frame) image as DICOM, uncompressed, with invented identity and no view name in it."""
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
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
    ds.ManufacturerModelName = clip.settings.device.maker
    ds.SeriesNumber, ds.InstanceNumber = 1, int(plan.clip.split("-")[1]) + 1
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = frames.shape[1:]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    if multi:
        ds.NumberOfFrames = len(frames)
        ds.FrameTime = f"{clip.frame_time_ms:.2f}"
        ds.FrameIncrementPointer = 0x00181063
    ds.BurnedInAnnotation = "YES"
    region = Dataset()
    rows, columns = np.flatnonzero(clip.sector.any(axis=1)), np.flatnonzero(clip.sector.any(axis=0))
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = int(columns[0]), int(rows[0])
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = int(columns[-1]), int(rows[-1])
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = clip.mm_per_pixel / 10
    ds.SequenceOfUltrasoundRegions = [region]
    pixels = frames.tobytes()
    ds.PixelData = pixels + b"\0" * (len(pixels) % 2)
    ds.save_as(content, enforce_file_format=True)
    return content.getvalue()
