"""Files -> Store. Every file ends as accepted or quarantined with a reason; one bad file never stops a run.

    find files -> plan clips -> decode in workers, each clip into a part -> append the parts in order -> commit

The order is that of the sorted paths and parts are appended in it, so that the store is the same, byte for
byte, whatever the number of workers and however often the run was interrupted.
"""

import errno
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sslecho.data.clip_task import ClipOptions, ClipTask, ingest_clip, read_part, remove_part
from sslecho.data.identity import Identity, key_folder, write_sources
from sslecho.data.labels import KNOWN, read_labels
from sslecho.data.patients import PatientFrom
from sslecho.data.plan import Plan, PlannedClip, find_files, plan_clips
from sslecho.data.scheduler import Cluster
from sslecho.data.schema import CLIPS
from sslecho.data.store import Store
from sslecho.data.summary import foresee, source_rows, summarize
from sslecho.data.workers import Pool
from sslecho.data.writer import StoreWriter
from sslecho.errors import InputError, Interrupted
from sslecho.progress import track
from sslecho.rundir import disk_error, sha256_of

GIVEN = ("site", "device", "kind")  # columns that every store has and that labels may fill


def ingest(
    sources: Sequence[Path],
    out: Path,
    *,
    labels: Path | None = None,
    labels_from: str | None = None,
    label_column: str = "label",
    patient_from: str | None = None,
    unit: str = "patient",
    sector: str = "mask",
    keep: Sequence[str] = (),
    size: int = 256,
    every: int = 1,
    max_frames: int | None = None,
    workers: int = 0,
    scheduler: str | None = None,
    dry_run: bool = False,
    overwrite: bool = False,
) -> tuple[Store | None, dict[str, Any]]:
    """Turn files into a store.

    Args:
        sources: folders and files: PNG, JPEG, BMP, TIFF, videos, GIF, DICOM.
        out: the store's folder. Its key and the table that leads back to the files go to `<out>.key` beside it.
        labels: a labels file (see `sslecho.data.labels`).
        labels_from: "folder": the first folder below a source is the label, where `labels` give none.
        label_column: the column of `labels` that holds the labels.
        patient_from: "column:NAME", "folder", "regex:…", "dicom", "clip" or "unknown"; by default the labels'
            `patient` column, or PatientID where all files are DICOM.
        unit: what is independent: "patient", "sweep" (the labels' `unit` column) or "clip".
        sector: "mask" blanks what lies outside the scanned sector and crops to it, "off" keeps the picture.
        keep: further columns of `labels` to keep.
        size: side of the stored frames, in pixels.
        every: keep every n-th frame of a clip.
        max_frames: keep at most so many frames of a clip, evenly spread; None keeps all.
        workers: processes; 0 takes one a core.
        scheduler: address of a Dask scheduler to work on instead.
        dry_run: open every file and count; write nothing.
        overwrite: replace a store that stands in `out`.

    Returns:
        The store (None for a dry run) and a summary: files, accepted, quarantined, frames, clips, patients,
        quarantine [{path, reason}], warnings, store, unit, already (an earlier run had done it all), and for a
        dry run kinds and gigabytes.

    Raises:
        InputError: sources, labels or settings are wrong, nothing was accepted, or `out` holds a store that was
            made with other settings.
        SslechoError: the disk is full or the cluster was lost; the same call goes on from there.
        Interrupted: Ctrl-C; the same call goes on from there.
    """
    files = find_files(sources, leave_out=[out, key_folder(out), *([labels] if labels else [])])
    said = PatientFrom.parse(patient_from) if patient_from else None
    table = None
    if labels is not None:
        column = said.argument if said and said.kind == "column" else "patient"
        table = read_labels(labels, keep=keep, label_column=label_column, patient_column=column)
    _refuse_kept(keep, labels)
    chosen = PatientFrom.choose(patient_from, unit=unit, labels=table, files=[file.path for file in files])
    identity = Identity.of_store(out) if key_folder(out).exists() or not dry_run else None
    plan = plan_clips(files, labels=table, labels_from=labels_from, patient_from=chosen, unit=unit, identity=identity)
    identity = identity or Identity.passing()
    store_unit = chosen.kind if unit == "patient" and chosen.kind in ("clip", "unknown") else unit
    settings = {
        "files": len(files),
        "sources": identity.id("sources", "\n".join(f"{file.size_bytes} {file.name}" for file in files)),
        "labels": identity.id("file", sha256_of(labels)) if labels else None,
        "labels_from": labels_from,
        "label_column": label_column,
        # A pattern may spell a hospital's name.
        "patient_from": f"regex:{identity.id('regex', chosen.argument)}" if chosen.kind == "regex" else str(chosen),
        "unit": unit,
        "sector": sector,
        "keep": list(keep),
        "size": size,
        "every": every,
        "max_frames": max_frames,
    }
    options = ClipOptions(
        dicom_patient=chosen.kind == "dicom",
        patient_unit=store_unit == "patient",
        every=every,
        max_frames=max_frames,
        sector=sector,
        size=size,
        dry_run=dry_run,
    )
    # Parts of a run with other settings must not be taken over.
    parts = out / ".writing" / "parts" / identity.id("settings", repr(settings))
    tasks = [
        _task(clip, identity, parts, options, own_patient=chosen.kind == "clip", unit=store_unit) for clip in plan.clips
    ]
    if dry_run:
        with _workers(workers, scheduler) as pool:
            return None, foresee(plan, pool.in_order(ingest_clip, tasks, on_death=_died), n_pixels=size * size)
    store = _standing(out, settings, overwrite=overwrite)
    already = store is not None
    if store is None:
        with StoreWriter(
            out, (size, size), settings=settings, unit=store_unit, kept=keep, overwrite=overwrite
        ) as writer:
            store = _run(writer, plan, tasks, workers=workers, scheduler=scheduler)
    return store, summarize(store, plan, tasks, already=already)


def _run(writer: StoreWriter, plan: Plan, tasks: Sequence[ClipTask], *, workers: int, scheduler: str | None) -> Store:
    left = tasks[len(writer.done) :]
    try:
        with (
            track("ingest", total=len(tasks), unit="clips", done=len(writer.done)) as progress,
            _workers(workers, scheduler) as pool,
        ):
            for task, result in pool.in_order(ingest_clip, left, on_death=_died):
                _append(writer, task, result)
                progress.advance(1, frames=str(writer.n_frames))
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped after {len(writer.done)} of {len(tasks)} clips, which are kept in {writer.path}; "
            "the same command goes on from there"
        ) from None
    reasons = Counter(entry["quarantine"]["reason"] for entry in writer.entries() if "quarantine" in entry)
    if not writer.n_clips:
        writer.discard()
        listed = "; ".join(f"{reason} ({n})" for reason, n in reasons.most_common(5))
        raise InputError(f"none of the {len(tasks)} clips was accepted, so no store was made: {listed}")
    _refuse_divided_units(writer)
    left_out = {entry["quarantine"]["source_id"] for entry in writer.entries() if "quarantine" in entry}
    write_sources(writer.path, source_rows(plan, tasks, left_out))
    return writer.commit()


def _refuse_divided_units(writer: StoreWriter) -> None:
    """Splits that came with the labels must not put one patient on two sides."""
    splits: dict[str, set[str]] = {}
    for entry in writer.entries():
        clip = entry.get("clip", {})
        if clip.get("split") is not None and clip.get("unit_id") is not None:
            splits.setdefault(clip["unit_id"], set()).add(clip["split"])
    divided = [sorted(found) for found in splits.values() if len(found) > 1]
    if divided:
        writer.discard()
        raise InputError(
            f"the labels' split column puts {len(divided)} of {len(splits)} patients in more than one split (the first "
            f"in {' and '.join(divided[0])}), so no store was made; give each patient one split, or leave the column "
            "out and run `sslecho split`"
        )


def _append(writer: StoreWriter, task: ClipTask, result: dict[str, Any]) -> None:
    if "no_space" in result:
        raise disk_error(writer.path, OSError(errno.ENOSPC, "No space left on device"))
    if "reason" in result:
        writer.add_quarantine(task.clip["source_id"], result["reason"])
    else:
        writer.add_clip(read_part(task, result["n_frames"]), result["clip"], result["frames"])
    remove_part(task)


def _workers(workers: int, scheduler: str | None) -> Pool | Cluster:
    return Pool(workers) if scheduler is None else Cluster(scheduler)


def _died(task: ClipTask) -> dict[str, Any]:
    return {"reason": "the decoder crashed on it, or it needs more memory than there is"}


def _task(
    clip: PlannedClip, identity: Identity, parts: Path, options: ClipOptions, *, own_patient: bool, unit: str
) -> ClipTask:
    clip_id = identity.id("clip", clip.name)
    source_id = identity.id("source", clip.name)
    patient_id = clip_id if own_patient else identity.maybe("patient", clip.patient)
    columns = {
        "clip_id": clip_id,
        "source_id": source_id,
        "patient_id": patient_id,
        "unit_id": {"patient": patient_id, "sweep": identity.maybe("unit", clip.unit)}.get(unit, clip_id),
        "label": clip.label,
        "grade": clip.grade,
        "split": clip.split,
        **clip.kept,
    }
    return ClipTask(
        files=tuple(str(file.path.absolute()) for file in clip.files),
        frame_numbers=clip.frame_numbers,
        part=str((parts / source_id).absolute()),
        clip=columns,
        own=dict(clip.own),
        problem=clip.problem,
        key=identity.key,
        options=options,
    )


def _refuse_kept(keep: Sequence[str], labels: Path | None) -> None:
    if keep and labels is None:
        raise InputError(f"--keep {','.join(keep)} names columns of the labels, so it needs --labels")
    for name in keep:
        if name in KNOWN or (name in CLIPS.names and name not in GIVEN):
            raise InputError(f"--keep {name}: that column has a meaning of its own in a store; rename it in the labels")


def _standing(out: Path, settings: Mapping[str, Any], *, overwrite: bool) -> Store | None:
    """The store that these settings have made already."""
    if overwrite or not (out / "manifest.json").exists():
        return None
    store = Store.open(out)
    old = store.manifest["settings"]
    changed = [name for name in {**old, **settings} if old.get(name) != settings.get(name)]
    if changed:
        both = "; ".join(f"{name} was {old.get(name)!r} and is now {settings.get(name)!r}" for name in changed)
        raise InputError(
            f"--out {out} holds a store with other settings: {both}; "
            "repeat the earlier settings, name another --out, or say --overwrite to start anew"
        )
    return store
