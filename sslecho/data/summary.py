"""What an ingest did, in numbers; paths are for the terminal and never enter the store."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sslecho.data.clip_task import ClipTask
from sslecho.data.plan import Plan, PlannedClip
from sslecho.data.store import Store


def summarize(store: Store, plan: Plan, tasks: Sequence[ClipTask], *, already: bool) -> dict[str, Any]:
    """The JSON of `sslecho ingest`.

    Args:
        store: what was made.
        plan: its clips in order.
        tasks: one for each clip of the plan.
        already: an earlier run had made it.
    """
    reasons = {row["source_id"]: row["reason"] for row in store.quarantine().to_pylist()}
    left_out = [
        (clip, reasons[task.clip["source_id"]])
        for clip, task in zip(plan.clips, tasks, strict=True)
        if task.clip["source_id"] in reasons
    ]
    summary = _counts(plan, left_out)
    summary |= {
        "frames": len(store),
        "clips": store.clips.num_rows,
        "patients": _n_patients(store.clips["patient_id"].to_pylist()),
        "sectors": dict(Counter(store.clips["sector"].to_pylist())),
        "store": str(store.path),
        "unit": store.unit,
        "already": already,
    }
    return summary


def foresee(plan: Plan, results: Iterable[tuple[ClipTask, dict[str, Any]]], *, n_pixels: int) -> dict[str, Any]:
    """The same for a dry run: what the files' headers promise. Pixels may turn out to be damaged later.

    Args:
        plan: the clips in order.
        results: of each clip's task, in the same order.
        n_pixels: of a stored frame.
    """
    left_out, patients, kinds = [], [], Counter()
    n_frames = 0
    for clip, (_, result) in zip(plan.clips, results, strict=True):
        if "reason" in result:
            left_out.append((clip, result["reason"]))
            continue
        n_frames += result["n_frames"]
        patients.append(result["clip"]["patient_id"])
        kinds[result["kind"]] += 1
    summary = _counts(plan, left_out)
    summary |= {
        "frames": n_frames,
        "clips": len(patients),
        "patients": _n_patients(patients),
        "kinds": dict(kinds),
        "gigabytes": n_frames * n_pixels / 1e9,
        "store": None,
        "already": False,
    }
    return summary


def source_rows(plan: Plan, tasks: Sequence[ClipTask], left_out: Collection[str]) -> Iterator[dict[str, Any]]:
    """The table that leads from ids back to files.

    Args:
        plan: the clips in order.
        tasks: one for each clip of the plan.
        left_out: source ids in quarantine.
    """
    for clip, task in zip(plan.clips, tasks, strict=True):
        source_id = task.clip["source_id"]
        frames = clip.frame_numbers or [None] * len(clip.files)
        for file, frame in zip(clip.files, frames, strict=True):
            yield {
                "clip_id": None if source_id in left_out else task.clip["clip_id"],
                "source_id": source_id,
                "path": file.name,
                "frame": frame,
            }


def _counts(plan: Plan, left_out: Sequence[tuple[PlannedClip, str]]) -> dict[str, Any]:
    files = sum(len(clip.files) for clip in plan.clips)
    quarantine = [{"path": str(file.path), "reason": reason} for clip, reason in left_out for file in clip.files]
    return {
        "files": files,
        "accepted": files - len(quarantine),
        "quarantined": len(quarantine),
        "quarantine": quarantine,
        "warnings": plan.warnings,
    }


def _n_patients(patients: Sequence[str | None]) -> int | None:
    """How many patients; None where nobody knows."""
    known = {patient for patient in patients if patient is not None}
    return len(known) if known else None
