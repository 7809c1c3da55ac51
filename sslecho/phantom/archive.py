"""Write an archive of files as a hospital would hand it over, and the truth about it in a folder beside it.

out/p0003/s1/…            pictures, videos or DICOM
out/labels.csv            path, label, patient, … of every file
out.truth/archive.json    settings, counts, whether it is complete
out.truth/clips/*.json    latents of a clip, one file each (a clip without one is still to be written)
out.truth/sectors/*.png   the sector as a mask; out.truth/labels/*.npz  label maps, if asked for
out.truth/glyphs/*.png    of "archive": <clip>-outside and <clip>-inside the sector, 85 x the kind of glyph (`layouts`)
"""

import csv
import io
import signal
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sslecho.errors import InputError, SslechoError
from sslecho.phantom import PHANTOM_VERSION
from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.archive_files import write_clip
from sslecho.phantom.archive_settings import ArchiveSettings
from sslecho.phantom.factors import Factors
from sslecho.phantom.kinds import KINDS, plans_of
from sslecho.phantom.plan import Plan
from sslecho.phantom.sizes import SIZES, plans_of_sizes
from sslecho.progress import track
from sslecho.rundir import read_json, write_atomic, write_json

COLUMNS: tuple[str, ...] = ("path", "label", "patient", "study", "site", "device", "clip", "frame", "acquisition")
FOLDERS = ("clips", "sectors", "labels", "glyphs")  # of the truth


def write_archive(
    out: Path | str,
    *,
    kind: str | None = None,
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
    classes: Sequence[str] = (),
    fan: str = "device",
    sizes: str = "",
) -> dict[str, Any]:
    """Simulate an archive; the bytes depend on the settings, not on the number of workers.

    Writing again into the same folder goes on where an earlier call stopped.

    Args:
        out: folder of the archive; the truth goes to `<out>.truth`.
        kind: a name of `kinds.KINDS`; None: that of `sizes`, or else "echo".
        clips_per_view: most repeats of a view in a study (1 .. this many are drawn).
        frames_per_clip: of clips; a still has one.
        format: "png" (a file per frame), "video" (mp4, H.264; stills are PNG) or "dicom".
        masks: "sector", or "labels" for a label map of every frame too.
        classes: those of the kind that are drawn; all if empty.
        fan: "device" for each device's own outline of the sector, "same" for one outline whatever the device.
        sizes: a name of `sizes.SIZES`: how many patients and clips each class has, and their splits; then
            `views_per_patient` and `clips_per_view` don't count.

    Returns:
        "files", "clips", "frames", "patients" (or sweeps, where they are the "unit"), "unit",
        "classes" (view, or else mode -> clips), "already" (nothing to do).

    Raises:
        SettingsError: a setting breaks its rule.
        InputError: `out` is not empty and holds something else.
    """
    out = Path(out)
    if kind is None:
        kind = SIZES[sizes].kind if sizes in SIZES else "echo"
    if sizes:
        views_per_patient = clips_per_view = 1
    settings = ArchiveSettings(
        kind=kind,
        patients=patients,
        views_per_patient=views_per_patient,
        clips_per_view=clips_per_view,
        frames_per_clip=1 if kind in KINDS and KINDS[kind].still else frames_per_clip,
        format=format,
        seed=seed,
        size=size,
        overlays=overlays,
        jitter=jitter,
        masks=masks,
        classes=tuple(classes),
        fan=fan,
        sizes=sizes,
    )
    settings.check()
    truth = truth_folder(out)
    earlier = _earlier(out, truth, settings)
    if earlier and earlier["complete"] and (out / "labels.csv").is_file():
        return {**earlier["counts"], "already": True}
    out.mkdir(parents=True, exist_ok=True)
    for folder in FOLDERS:
        if (
            folder in ("clips", "sectors")
            or (folder, masks) == ("labels", "labels")
            or (folder, kind) == ("glyphs", "archive")
        ):
            (truth / folder).mkdir(parents=True, exist_ok=True)
    record = {"version": PHANTOM_VERSION, "settings": settings.plain()}
    write_json(truth / "archive.json", {**record, "complete": False})

    plans = _plans(settings)
    missing = [plan for plan in plans if not (truth / "clips" / f"{plan.clip}.json").is_file()]
    with track("phantom", total=len(plans), unit="clips", done=len(plans) - len(missing)) as progress:
        for _ in _write_all(missing, out, truth, settings, workers):
            progress.advance()
    records = [read_json(truth / "clips" / f"{plan.clip}.json") for plan in plans]
    rows = [row for record in records for row in record["rows"]]
    further = [name for name in ("unit", "split") if name in rows[0]]
    _write_labels(out / "labels.csv", rows, [*COLUMNS, *further, *KINDS[kind].columns])
    counted = Counter(plan.view if plan.mode in ("", "b-mode") else plan.mode for plan in plans)
    counts = {
        "files": len({row["path"] for row in rows}),
        "clips": len(plans),
        "frames": sum(record["frames"] for record in records),
        "patients": len({plan.patient for plan in plans}),
        "unit": KINDS[kind].unit,
        "classes": dict(sorted(counted.items())),
    }
    write_json(truth / "archive.json", {**record, "complete": True, "counts": counts})
    return {**counts, "already": False}


def _plans(settings: ArchiveSettings) -> list[Plan]:
    factors = Factors.from_seed(settings.seed)
    if settings.sizes:
        return plans_of_sizes(settings.sizes, factors, patients=settings.patients)
    return plans_of(
        settings.kind,
        factors,
        patients=settings.patients,
        views_per_patient=settings.views_per_patient,
        clips_per_view=settings.clips_per_view,
        classes=settings.classes,
    )


def truth_folder(out: Path) -> Path:
    """Beside the archive, so that no ingest of the archive can see it."""
    return out.with_name(out.name + ".truth")


def _earlier(out: Path, truth: Path, settings: ArchiveSettings) -> dict[str, Any] | None:
    record = truth / "archive.json"
    if record.is_file():
        found = read_json(record)
        wanted = {"version": PHANTOM_VERSION, **settings.plain()}
        there = {"version": found.get("version"), **found["settings"]}
        if there != wanted:
            differing = ", ".join(
                f"{name} {there.get(name)!r} instead of {value!r}"
                for name, value in wanted.items()
                if there.get(name) != value
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


def _write_labels(path: Path, rows: list[dict[str, Any]], columns: list[str]) -> None:
    content = io.StringIO()
    writer = csv.DictWriter(content, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, content.getvalue().encode())
