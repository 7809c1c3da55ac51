"""What an ingest did, in numbers; paths are for the terminal and never enter the store."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sslecho.data.clip_task import ClipTask
from sslecho.data.plan import PlannedClip
from sslecho.data.prepare import Prepared
from sslecho.data.store import Store

SECONDS_AN_HOUR = 3600.0


def summarize(store: Store, prepared: Prepared, *, already: bool) -> dict[str, Any]:
    """The JSON of `sslecho ingest`.

    Args:
        store: what was made.
        prepared: from what.
        already: an earlier run had made it.
    """
    found = {row["source_id"]: row for row in store.quarantine().to_pylist()}
    pairs = zip(prepared.plan.clips, prepared.source_ids, strict=True)
    left_out = [(clip, found[source_id]) for clip, source_id in pairs if source_id in found]
    summary = _counts(prepared, left_out)
    text_inside = Counter(store.clips["text_inside"].to_pylist())[True]
    summary |= {
        "frames": len(store),
        "clips": store.clips.num_rows,
        "patients": _n_patients(store.clips["patient_id"].to_pylist()),
        "kinds": _sorted(Counter(store.clips["kind"].to_pylist())),
        "sectors": _sorted(Counter(store.clips["sector"].to_pylist())),
        "text_inside": text_inside,
        "store": str(store.path),
        "unit": store.unit,
        "already": already,
    }
    lost = _n_lost_labels(store, prepared)
    if lost:
        summary["warnings"] = [
            *summary["warnings"],
            f"{lost} labels are of single frames that are not in the store: they are beyond the end of their clip, or "
            "--every or --max-frames leaves them out",
        ]
    if text_inside:
        summary["warnings"] = [
            *summary["warnings"],
            f"{text_inside} {'clip has' if text_inside == 1 else 'clips have'} what looks like text inside the sector, "
            "which is not blanked: look at them with `sslecho check`, or leave them out with --text-inside quarantine",
        ]
    return summary


def foresee(
    prepared: Prepared, results: Iterable[tuple[ClipTask, dict[str, Any]]], *, n_workers: int
) -> dict[str, Any]:
    """The same for a dry run: what headers and first frames promise. Later frames may turn out to be damaged.

    Args:
        prepared: what would be done.
        results: of each clip's task, in the same order.
        n_workers: that would do it.
    """
    left_out, patients, kinds = [], [], Counter()
    n_frames, n_doubtful, seconds = 0, 0, 0.0
    for clip, (_, result) in zip(prepared.plan.clips, results, strict=True):
        if "reason" in result:
            left_out.append((clip, result))
            continue
        n_frames += result["n_frames"]
        n_doubtful += result["doubtful"]
        seconds += result["seconds"]
        patients.append(result["clip"]["patient_id"])
        kinds[result["kind"]] += 1
    summary = _counts(prepared, left_out)
    summary |= {
        "frames": n_frames,
        "clips": len(patients),
        "patients": _n_patients(patients),
        "kinds": _sorted(kinds),
        "doubtful": n_doubtful,
        "gigabytes": n_frames * prepared.size**2 / 1e9,
        "hours": seconds / SECONDS_AN_HOUR / n_workers,
        "store": None,
        "unit": prepared.unit,
        "already": False,
    }
    return summary


def source_rows(prepared: Prepared, left_out: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The table that leads from ids back to files.

    Args:
        prepared: what was done.
        left_out: has the source ids in quarantine.
    """
    for clip, task in zip(prepared.plan.clips, prepared.tasks, strict=True):
        source_id = task.clip["source_id"]
        frames = clip.frame_numbers or [None] * len(clip.files)
        for file, frame in zip(clip.files, frames, strict=True):
            yield {
                "clip_id": None if source_id in left_out else task.clip["clip_id"],
                "source_id": source_id,
                "path": file.name,
                "frame": frame,
            }


def _counts(prepared: Prepared, left_out: Sequence[tuple[PlannedClip, Mapping[str, Any]]]) -> dict[str, Any]:
    """Files, and those that were left out: for their kind alone, and all with their reasons."""
    files = sum(len(clip.files) for clip in prepared.plan.clips)
    quarantine = [{"path": file.shown, "reason": said["reason"]} for clip, said in left_out for file in clip.files]
    kinds = Counter(said["kind"] for _, said in left_out if said.get("kind") is not None)
    layout = prepared.layout
    return {
        "files": files,
        "accepted": files - len(quarantine),
        "quarantined": len(quarantine),
        "left_out": _sorted(kinds),
        "quarantine": quarantine,
        "warnings": list(prepared.plan.warnings),
        "layout": {"name": layout.name, "why": layout.why},
    }


def _n_lost_labels(store: Store, prepared: Prepared) -> int:
    """Labels and grades of single frames that the store does not have, of clips that it has."""
    accepted = set(store.clips["clip_id"].to_pylist())
    left = {task.clip["clip_id"]: set(task.own) for task in prepared.tasks if task.own}
    left = {clip_id: frames for clip_id, frames in left.items() if clip_id in accepted}
    if left:
        for clip_id, frame in zip(
            *(store.frames[name].to_pylist() for name in ("clip_id", "frame_index")), strict=True
        ):
            left.get(clip_id, set()).discard(frame)
    return sum(map(len, left.values()))


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    """The commonest first."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _n_patients(patients: Sequence[str | None]) -> int | None:
    """How many patients; None where nobody knows."""
    known = {patient for patient in patients if patient is not None}
    return len(known) if known else None
