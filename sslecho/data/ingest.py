"""Files -> Store. Every file ends as accepted or quarantined with a reason; one bad file never stops a run.

    prepare: find files, plan clips -> decode in workers, each clip into a part -> append the parts in order
    -> once more for clips whose sector was in doubt, with the sectors of others of their device -> commit

The order is that of the sorted paths and parts are appended in it, so that the store is the same, byte for
byte, whatever the number of workers and however often the run was interrupted.
"""

import errno
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from sslecho.data.calendar import Calendar
from sslecho.data.clip_task import ClipTask, ingest_clip
from sslecho.data.identity import write_sources
from sslecho.data.limits import Limits
from sslecho.data.outlines import OutlinesByDevice
from sslecho.data.parts import read_part, remove_part
from sslecho.data.prepare import Prepared, prepare, refuse_divided_units
from sslecho.data.reasons import without_figures
from sslecho.data.scheduler import Cluster
from sslecho.data.scratch import remove_leftovers, remove_scratch, scratch_folder
from sslecho.data.signoff import write_sheets
from sslecho.data.store import Store
from sslecho.data.summary import foresee, source_rows, summarize
from sslecho.data.tidy import finish_tidying
from sslecho.data.workers import Pool
from sslecho.data.writer import StoreWriter
from sslecho.errors import InputError, Interrupted, SslechoError
from sslecho.progress import track
from sslecho.rundir import disk_error


def ingest(
    sources: Sequence[Path],
    out: Path,
    *,
    workers: int = 0,
    scheduler: str | None = None,
    max_seconds: int = 600,
    max_memory_mb: int = 4096,
    dry_run: bool = False,
    overwrite: bool = False,
    **what: Any,
) -> tuple[Store | None, dict[str, Any]]:
    """Turn files into a store.

    Args:
        sources: folders and files: pictures, videos, DICOM, NIfTI, MetaImage, and zip and tar files of these.
        out: the store's folder. Its key and the table that leads back to the files go to `<out>.key` beside it.
        workers: processes; 0 takes one a core.
        scheduler: address of a Dask scheduler to work on instead.
        max_seconds, max_memory_mb: what one file may take before it is quarantined.
        dry_run: look at every file and count; write nothing.
        overwrite: replace a store that stands in `out`.
        what: what is taken and how, see `prepare`.

    Returns:
        The store (None for a dry run) and a summary: files, accepted, quarantined, frames, clips, patients, kinds,
        left_out, quarantine [{path, reason}], warnings, layout, store, unit, already (an earlier run had done it
        all), and for a dry run gigabytes and hours.

    Raises:
        InputError: sources, labels or settings are wrong, nothing was accepted, or `out` holds a store that was
            made with other settings.
        SslechoError: the disk is full or the cluster was lost; the same call goes on from there.
        Interrupted: Ctrl-C; the same call goes on from there.
    """
    limits = Limits(seconds=float(max_seconds), memory_mb=max_memory_mb)
    scratch = scratch_folder(out, dry_run=dry_run)
    try:
        prepared = prepare(sources, out, scratch=scratch, dry_run=dry_run, **what)
        with _workers(workers, scheduler, limits) as pool:
            if dry_run:
                results = pool.in_order(ingest_clip, prepared.tasks, on_death=_died)
                return None, foresee(prepared, _tracked(results, len(prepared.tasks)), n_workers=pool.n_workers)
            store = _standing(out, prepared.settings, overwrite=overwrite)
            already = store is not None
            if store is None:
                with StoreWriter(
                    out,
                    (prepared.size, prepared.size),
                    settings=prepared.settings,
                    unit=prepared.unit,
                    kept=prepared.kept,
                    overwrite=overwrite,
                ) as writer:
                    remove_leftovers(scratch)
                    store = _run(writer, prepared, pool)
    finally:
        remove_scratch(scratch)
    return store, summarize(store, prepared, already=already)


def _run(writer: StoreWriter, prepared: Prepared, pool: Pool | Cluster) -> Store:
    tasks = prepared.tasks
    try:
        n_done = min(len(writer.done), len(tasks))
        _do(writer, prepared, tasks[n_done:], pool, "ingest", done=n_done, total=len(tasks))
        again = _second_turns(writer, prepared)
        if again:
            _do(writer, prepared, again, pool, "second look at sectors", done=0, total=len(again))
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped after {min(len(writer.done), len(tasks))} of {len(tasks)} clips, which are kept in "
            f"{writer.path}; the same command goes on from there"
        ) from None
    reasons, deferred = _left_out(writer)
    write_sheets(
        writer.path,
        [
            (source_id, clip.files[0].name, reasons[source_id])
            for clip, source_id in zip(prepared.plan.clips, prepared.source_ids, strict=True)
            if source_id in deferred and source_id in reasons
        ],
        answers=prepared.signed_off,
    )
    if not writer.n_clips:
        writer.discard()
        counts = Counter(map(without_figures, reasons.values()))
        listed = "; ".join(f"{reason} ({n})" for reason, n in counts.most_common(5))
        raise InputError(f"none of the {len(tasks)} clips was accepted, so no store was made: {listed}")
    try:
        refuse_divided_units(entry["clip"] for entry in writer.entries() if "clip" in entry)
    except InputError:  # where only the files say who the patients are
        writer.discard()
        raise
    write_sources(writer.path, source_rows(prepared, reasons))
    calendar = Calendar(
        (entry["clip"] for entry in writer.entries() if "clip" in entry), true_dates=prepared.layout.true_dates
    )
    return writer.commit(finish=calendar.placed)


def _do(
    writer: StoreWriter,
    prepared: Prepared,
    tasks: Sequence[ClipTask],
    pool: Pool | Cluster,
    description: str,
    *,
    done: int,
    total: int,
) -> None:
    with track(description, total=total, unit="clips", done=done) as progress:
        for task, result in pool.in_order(ingest_clip, tasks, on_death=_died):
            if result.get("errno") is not None:
                _refuse_unreached(prepared.sources, task, result["errno"])
            _append(writer, task, result)
            progress.advance(1, frames=str(writer.n_frames))


def _second_turns(writer: StoreWriter, prepared: Prepared) -> list[ClipTask]:
    """The clips in doubt that are still to be done, in their order, with the sectors of others of their device."""
    deferred = [entry["deferred"] for entry in writer.entries() if "deferred" in entry]
    left = deferred[max(0, len(writer.done) - len(prepared.tasks)) :]
    if not left:
        return []
    # Of first turns alone: a run that goes on amid the second ones must not learn from those that are done.
    outlines = OutlinesByDevice(islice(writer.entries(), len(prepared.tasks)))
    task_of = dict(zip(prepared.source_ids, prepared.tasks, strict=True))
    turns = []
    for entry in left:
        task = task_of[entry["source_id"]]
        rules = task.rules
        if prepared.doubtful == "keep" and rules.signed_off is None:
            rules = replace(rules, signed_off="yes")
        turns.append(replace(task, outlines=outlines.of(entry["group"]), rules=rules))
    return turns


def _left_out(writer: StoreWriter) -> tuple[dict[str, str], set[str]]:
    """source_id -> reason of all that is in quarantine; and the source_ids that had a second turn."""
    reasons, deferred = {}, set()
    for entry in writer.entries():
        if "quarantine" in entry:
            reasons[entry["quarantine"]["source_id"]] = entry["quarantine"]["reason"]
        elif "deferred" in entry:
            deferred.add(entry["deferred"]["source_id"])
    return reasons, deferred


def _refuse_unreached(sources: Iterable[Path], task: ClipTask, code: int) -> None:
    """Not all of an archive's files are bad because a share was taken away, or a machine does not see it.

    Args:
        sources: of the run.
        task: a file of it could not be read.
        code: the system's number for why.

    Raises:
        SslechoError: the file is not at fault.
    """
    for source in sources:
        try:
            there = source.is_file() or any(source.iterdir())
        except OSError:
            there = False
        if not there:
            raise SslechoError(
                f"{source} can't be reached any more (a disk or a share that was taken away?); "
                "the same command goes on once it is back"
            )
    paths = [Path(path) if member is None else member.archive for path, member in task.files]
    if code == errno.ENOENT and all(path.exists() for path in paths):
        raise SslechoError(
            f"{paths[0]} is here, and the worker that was to read it did not find it: all workers of --scheduler must "
            "see sources, store and key under the same paths; the same command goes on once they do"
        )


def _append(writer: StoreWriter, task: ClipTask, result: dict[str, Any]) -> None:
    source_id = task.clip["source_id"]
    if "no_space" in result:
        raise disk_error(writer.path, OSError(*result["no_space"]))
    if "doubtful" in result:
        writer.defer(source_id, group=result["doubtful"]["group"])
        return
    if "reason" in result:
        writer.add_quarantine(source_id, result["reason"], kind=result.get("kind"))
    else:
        note = {"outline": result["outline"]} if result["outline"] else None
        pixels = read_part(Path(task.part), result["n_frames"], size=task.options.size)
        writer.add_clip(pixels, result["clip"], result["frames"], note=note)
    remove_part(Path(task.part))


def _tracked(results: Iterable[Any], total: int) -> Iterator[Any]:
    with track("dry run", total=total, unit="clips") as progress:
        for result in results:
            yield result
            progress.advance(1)


def _workers(workers: int, scheduler: str | None, limits: Limits) -> Pool | Cluster:
    return Pool(workers, limits=limits) if scheduler is None else Cluster(scheduler, limits=limits)


def _died(task: ClipTask, reason: str) -> dict[str, Any]:
    return {"reason": reason}


def _standing(out: Path, settings: Mapping[str, Any], *, overwrite: bool) -> Store | None:
    """The store that these settings have made already."""
    if overwrite or not (out / "manifest.json").exists():
        return None
    finish_tidying(out)
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
