"""All that is decided before the first pixel is read: which files, which clips, which settings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sslecho.data.clip_task import ClipOptions, ClipTask
from sslecho.data.identity import Identity, key_folder
from sslecho.data.labels import KNOWN, LabelTable, read_labels
from sslecho.data.layouts.choose import AUTO, NONE, choose_layouts
from sslecho.data.layouts.layout import Layout
from sslecho.data.look import Rules
from sslecho.data.patients import PatientFrom
from sslecho.data.plan import Plan, PlannedClip, plan_clips
from sslecho.data.schema import CLIPS, HINTS
from sslecho.data.signoff import doubts_folder, read_signed_off
from sslecho.data.sources import find_files
from sslecho.data.triage import KINDS
from sslecho.errors import InputError
from sslecho.registry import did_you_mean
from sslecho.rundir import sha256_of

GIVEN = ("site", "device")  # columns that every store has and that labels may fill


@dataclass(frozen=True)
class Prepared:
    """What an ingest will do.

    Attributes:
        sources: folders and files.
        plan: the clips in order.
        tasks: one for each clip.
        settings: what decides the result, JSON-ready, without a path or name.
        layout: what the sources were recognized as, and why.
        unit: what intervals will resample.
        kept: further text columns of the clips' table.
        size: side of a stored frame, in pixels.
        doubtful: what becomes of clips whose sector stays uncertain, "quarantine" or "keep".
        signed_off: what a person said of clips in doubt, by the path of their first file.
    """

    sources: tuple[Path, ...]
    plan: Plan
    tasks: list[ClipTask]
    settings: dict[str, Any]
    layout: Layout
    unit: str
    kept: tuple[str, ...]
    size: int
    doubtful: str
    signed_off: dict[str, str]

    @property
    def source_ids(self) -> list[str]:
        """One for each clip, in order."""
        return [task.clip["source_id"] for task in self.tasks]


def prepare(
    sources: Sequence[Path],
    out: Path,
    *,
    labels: Path | None = None,
    labels_from: str | None = None,
    label_column: str = "label",
    layout: str = "auto",
    patient_from: str | None = None,
    unit: str = "patient",
    kinds: Sequence[str] = ("b-mode",),
    sector: str = "mask",
    doubtful: str = "quarantine",
    text_inside: str = "keep",
    sign_off: Path | None = None,
    keep: Sequence[str] = (),
    size: int = 256,
    every: int = 1,
    max_frames: int | None = None,
    dry_run: bool = False,
    scratch: Path,
) -> Prepared:
    """Find the files and decide what becomes of each.

    Args:
        sources, out: as `ingest` takes them.
        labels: a labels file (see `sslecho.data.labels`); it wins over what a layout knows.
        labels_from: "folder": the first folder below a source is the label, where `labels` give none.
        label_column: the column of `labels` that holds the labels.
        layout: a known data set's arrangement of files ("echonet", …), or "auto".
        patient_from: "column:NAME", "folder", "regex:…", "dicom", "clip" or "unknown"; by default the labels'
            `patient` column, what the layout knows, or PatientID where all files are DICOM.
        unit: what is independent: "patient", "sweep" (the labels' `unit` column) or "clip".
        kinds: the kinds of clips to take, of `triage.KINDS`, or "all".
        sector: "mask" blanks what lies outside the scanned sector and crops to it, "off" keeps the picture.
        doubtful: "quarantine" or "keep" clips whose sector is uncertain.
        text_inside: "keep" or "quarantine" clips with text inside the sector.
        sign_off: a file that says which doubtful clips a person has accepted (see `sslecho.data.signoff`).
        keep: further columns of `labels`, and of `schema.HINTS`, to keep.
        size: side of the stored frames, in pixels.
        every: keep every n-th frame of a clip.
        max_frames: keep at most so many frames of a clip, evenly spread; None keeps all.
        dry_run: nothing will be written.
        scratch: a folder for members of zip and tar files; made when the first one needs it.

    Raises:
        InputError: sources, labels or settings are wrong.
    """
    kinds = _kinds(kinds)
    said = PatientFrom.parse(patient_from) if patient_from else None
    patient_column = said.argument if said and said.kind == "column" else "patient"
    hints = _hints(keep, labels, label_column)
    columns = [name for name in keep if name not in hints]
    if labels is not None and layout not in (AUTO, NONE):
        raise InputError(f"--layout {layout} and --labels both say what the files are; leave one of them out")
    understood = partial(
        choose_layouts,
        sources,
        NONE if labels is not None else layout,
        label_column=label_column,
        patient_column=patient_column,
    )
    known = understood(keep=columns)
    told = [name for name in hints if known.labels is not None and name in known.labels.dropped]
    if told:  # a column of the layout's own table wins over what the files say, as one of `labels` does
        hints = tuple(name for name in hints if name not in told)
        columns = [name for name in keep if name not in hints]
        known = understood(keep=columns)
    table = known.labels
    _refuse_kept(columns, labels or table)
    if labels is not None:
        table = read_labels(labels, keep=columns, label_column=label_column, patient_column=patient_column)
    labels_from = labels_from or known.labels_from
    if known.unit is not None and unit == "patient":
        unit = known.unit
    own_files = [path for path in (labels, sign_off) if path is not None]
    files = find_files(sources, leave_out=[out, key_folder(out), *own_files, *known.leave_out], scratch=scratch)
    fallback = str(known.patient_from) if known.patient_from else None
    chosen = PatientFrom.choose(
        patient_from or fallback,
        unit=unit,
        labels=table,
        files=[file.path for file in files if file.member is None and file.problem is None],
        members=[file.member for file in files if file.member is not None],
    )
    signed = read_signed_off(sign_off) if sign_off else {}
    earlier = Identity.of_store(out) if key_folder(out).exists() else None
    plan = plan_clips(files, labels=table, labels_from=labels_from, patient_from=chosen, unit=unit, identity=earlier)
    # A key is made only now: input that is refused leaves nothing behind.
    identity = earlier or (Identity.passing() if dry_run else Identity.of_store(out))
    store_unit = chosen.kind if unit == "patient" and chosen.kind in ("clip", "unknown") else unit
    settings = {
        "files": len(files),
        "sources": identity.id("sources", "\n".join(f"{file.size_bytes} {file.name}" for file in files)),
        "labels": identity.id("file", sha256_of(labels)) if labels else None,
        "layout": [known.name, identity.id("layout", known.fingerprint())],
        "labels_from": labels_from,
        "label_column": label_column,
        # A pattern may spell a hospital's name.
        "patient_from": f"regex:{identity.id('regex', chosen.argument)}" if chosen.kind == "regex" else str(chosen),
        "unit": unit,
        "kinds": list(kinds),
        "sector": sector,
        "doubtful": doubtful,
        "text_inside": text_inside,
        # The answers rather than the file's bytes: the list is written anew with them in it.
        "sign_off": identity.id("answers", repr(sorted(signed.items()))) if signed else None,
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
        hints=hints,
        size=size,
        scratch=str(scratch.absolute()),
        doubts=str(doubts_folder(out)),
        dry_run=dry_run,
    )
    # Parts of a run with other settings must not be taken over.
    parts = out / ".writing" / "parts" / identity.id("settings", repr(settings))
    tasks = [
        _task(
            clip,
            identity,
            parts,
            options,
            Rules(kinds, sector, text_inside, signed.get(clip.files[0].name)),
            own_patient=chosen.kind == "clip",
            unit=store_unit,
        )
        for clip in plan.clips
    ]
    refuse_divided_units(task.clip for task in tasks)
    plan = Plan(plan.clips, [*known.warnings, *plan.warnings, *_not_found(sign_off, signed, plan.clips)])
    return Prepared(tuple(sources), plan, tasks, settings, known, store_unit, tuple(keep), size, doubtful, signed)


def refuse_divided_units(clips: Iterable[Mapping[str, Any]]) -> None:
    """Splits that came with the labels must not put one patient on two sides.

    Args:
        clips: rows of the clips' table.

    Raises:
        InputError: they do.
    """
    splits: dict[str, set[str]] = {}
    for clip in clips:
        if clip.get("split") is not None and clip.get("unit_id") is not None:
            splits.setdefault(clip["unit_id"], set()).add(clip["split"])
    divided = [sorted(found) for found in splits.values() if len(found) > 1]
    if divided:
        raise InputError(
            f"the labels' split column puts {len(divided)} of {len(splits)} patients in more than one split (the first "
            f"in {' and '.join(divided[0])}), so no store was made; give each patient one split, or leave the column "
            "out and run `sslecho split`"
        )


def _kinds(said: Sequence[str]) -> tuple[str, ...]:
    spelled = {"color": "colour"}
    kinds = tuple(dict.fromkeys(spelled.get(kind, kind) for kind in said))
    if not kinds:
        raise InputError(f"--kinds is empty, so no clip would be taken; choose of {', '.join(KINDS)}, or all")
    for kind in kinds:
        if kind not in (*KINDS, "all"):
            raise InputError(
                f"--kinds {kind!r} is no kind of clip{did_you_mean(kind, list(KINDS))}; "
                f"choose of {', '.join(KINDS)}, or all"
            )
    # In one order, so that the same kinds are the same settings.
    return tuple(kind for kind in KINDS if kind in kinds or "all" in kinds)


def _hints(keep: Sequence[str], labels: Path | None, label_column: str) -> tuple[str, ...]:
    """The names of `keep` that the files themselves answer: those that the labels have no column for."""
    asked = [name for name in keep if name in HINTS]
    if not asked or labels is None:
        return tuple(asked)
    columns = read_labels(labels, label_column=label_column).columns
    return tuple(name for name in asked if name not in columns)


def _refuse_kept(keep: Sequence[str], labels: Path | LabelTable | None) -> None:
    if keep and labels is None:
        raise InputError(f"--keep {','.join(keep)} names columns of the labels, so it needs --labels")
    for name in keep:
        if name in KNOWN or (name in CLIPS.names and name not in GIVEN):
            raise InputError(f"--keep {name}: that column has a meaning of its own in a store; rename it in the labels")


def _not_found(sign_off: Path | None, signed: Mapping[str, str], clips: Sequence[PlannedClip]) -> list[str]:
    """A warning where someone has accepted what is not here.

    Raises:
        InputError: nothing of it is here.
    """
    missing = sorted(signed.keys() - {clip.files[0].name for clip in clips})
    if not missing:
        return []
    if len(missing) == len(signed):
        raise InputError(
            f"--sign-off {sign_off}: none of its {len(signed)} accepted paths is a file of this run; it says "
            f"{missing[0]!r}, and the first file is {clips[0].files[0].name!r}; name the same sources as before"
        )
    return [f"{len(missing)} of {len(signed)} paths accepted in --sign-off are no file here, the first is {missing[0]}"]


def _task(
    clip: PlannedClip,
    identity: Identity,
    parts: Path,
    options: ClipOptions,
    rules: Rules,
    *,
    own_patient: bool,
    unit: str,
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
        files=tuple((str(file.path.absolute()), file.member) for file in clip.files),
        frame_numbers=clip.frame_numbers,
        part=str((parts / source_id).absolute()),
        clip=columns,
        own=dict(clip.own),
        problem=clip.problem,
        unusable=next((file.problem for file in clip.files if file.problem is not None), None),
        key=identity.key,
        options=options,
        rules=rules,
    )
