"""Findings from the tables alone: damage, splits, patients, labels, and what ingest left out."""

from collections import Counter, defaultdict

import numpy as np

from sslecho.data.audit.finding import ERROR, INFO, WARNING, Example, Finding, Rows
from sslecho.data.reasons import without_figures
from sslecho.data.store import Store
from sslecho.rundir import sha256_of

MOST_OF_ONE = 0.2  # of the clips; more of one patient, and figures follow this patient
MOST_CONTRADICTIONS = 0.5  # of those that chance would give; fewer, and labels are the patients', as diagnoses are
SHOWN_OF_ONE = 8  # clips of a patient, in one example
MOST_LEFT_OUT = 0.1  # of the sources


def table_findings(rows: Rows) -> list[Finding]:
    """All that can be said without looking at a pixel."""
    store = rows.store
    found = [_damaged(store), _misfit(rows)]
    found += [_divided(rows, "patient", rows.patient)]
    if any(u is not None and u != p for u, p in zip(rows.unit, rows.patient, strict=True)):
        found.append(_divided(rows, "unit", rows.unit))
    found += [_contradictory(rows), _missing_patient(rows), _missing_label(rows), _missing_split(rows)]
    found += [_text_inside(rows), _unequal(rows), _quarantined(store)]
    return [finding for finding in found if finding is not None]


def _damaged(store: Store) -> Finding | None:
    """Bytes that are not those that were written."""
    wrong = store.verify()
    wrong += [
        entry["file"]
        for entry in store.manifest["tables"].values()
        if "sha256" in entry and sha256_of(store.path / entry["file"]) != entry["sha256"]
    ]
    if not wrong:
        return None
    return Finding(
        "damaged_files",
        "Files that are not as they were written",
        ERROR,
        len(wrong),
        "file",
        "The SHA-256 of each shard and table is the one in the manifest.",
        "Copy the file back from where it is whole, or ingest again with --overwrite.",
        tuple(Example((), file, {"file": file}) for file in wrong),
    )


def _misfit(rows: Rows) -> Finding | None:
    """Tables that contradict each other."""
    store, problems = rows.store, []
    if rows.first.tolist() != store.clips["first_frame"].to_pylist():
        problems.append("a clip's first_frame is not where the clips before it end")
    if store.frames["clip_id"].to_pylist() != rows.clip_id[rows.clip_of_frame].tolist():
        problems.append("frames are not in the order of their clips")
    if len(set(rows.clip_id.tolist())) < len(rows.clip_id):
        problems.append("a clip_id is used twice")
    if not problems:
        return None
    return Finding(
        "tables_misfit",
        "Tables that don’t fit together",
        ERROR,
        len(problems),
        "problem",
        "Clips follow each other in the order of their frames, each with its own clip_id.",
        "Ingest again with --overwrite; don't edit a store's tables by hand.",
        tuple(Example((), problem) for problem in problems),
    )


def _divided(rows: Rows, noun: str, owners: np.ndarray) -> Finding | None:
    """Patients, or units, with clips in more than one split."""
    splits: dict[str, dict[str, int]] = defaultdict(dict)
    for clip, (owner, split) in enumerate(zip(owners, rows.split, strict=True)):
        if owner is not None and split is not None:
            splits[owner].setdefault(split, clip)
    both = {owner: clips for owner, clips in splits.items() if len(clips) > 1}
    if not both:
        return None
    return Finding(
        f"{noun}_in_two_splits",
        f"A {noun} in two splits",
        ERROR,
        len(both),
        noun,
        f"All clips of a {noun} are in one split: else what is tested has been trained on.",
        "Divide anew with `sslecho split --overwrite`, or mend the split column of the labels and ingest again.",
        tuple(
            Example(rows.middles(clips.values()), f"{noun} {owner}: {' and '.join(clips)}", {"splits": list(clips)})
            for owner, clips in both.items()
        ),
    )


def _contradictory(rows: Rows) -> Finding | None:
    """Patients with several labels, where labels are the patients' own, as diagnoses are.

    Views differ within a patient by nature. What labels are is seen from how often patients have several: where that
    is less than half as often as if labels were dealt to clips by chance, they are the patients'.
    """
    clips: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for clip, patient in enumerate(rows.patient):
        label = rows.label[rows.middle(clip)]
        if patient is not None and label is not None:
            clips[patient].append((clip, label))
    several = {patient: own for patient, own in clips.items() if len(own) > 1}
    counts = Counter(label for own in clips.values() for _, label in own)
    shares = np.array(list(counts.values()), dtype=np.float64) / max(1, sum(counts.values()))
    by_chance = sum(1 - float((shares ** len(own)).sum()) for own in several.values())
    both = {patient: own for patient, own in several.items() if len({label for _, label in own}) > 1}
    if not both or len(both) > MOST_CONTRADICTIONS * by_chance:
        return None
    examples = []
    for patient, own in both.items():
        first = {label: clip for clip, label in reversed(own)}
        examples.append(
            Example(rows.middles(first.values()), f"patient {patient}: {', '.join(first)}", {"labels": list(first)})
        )
    return Finding(
        "contradictory_labels",
        "Patients with contradictory labels",
        WARNING,
        len(both),
        "patient",
        f"Of {len(several)} patients with several labeled clips, {len(several) - len(both)} have one label, so labels "
        "are the patients’, as diagnoses are; then each patient has one.",
        "Look whether the id stands for several patients, or a label is wrong; mend the labels and ingest again.",
        tuple(examples),
        {"n_patients_with_several_clips": len(several)},
    )


def _missing_patient(rows: Rows) -> Finding | None:
    clips = [clip for clip, patient in enumerate(rows.patient) if patient is None]
    if not clips:
        return None
    some = len(clips) < len(rows.patient)
    return Finding(
        "no_patient",
        "Clips of unknown patients",
        WARNING,
        len(clips),
        "clip",
        "Each clip has a patient. Where it is unknown, a split by clip may test on patients that were trained on, and "
        "intervals are too narrow.",
        "Ingest with --patient-from, or with a patient column in the labels.",
        tuple(Example(rows.middles([clip])) for clip in clips) if some else (),
    )


def _missing_label(rows: Rows) -> Finding | None:
    labeled = np.array([label is not None for label in rows.label], dtype=bool)
    n = np.bincount(rows.clip_of_frame[~labeled], minlength=len(rows.n_frames))
    clips = np.flatnonzero(n == rows.n_frames).tolist()
    if not clips:
        return None
    return Finding(
        "no_label",
        "Clips without a label",
        INFO,
        len(clips),
        "clip",
        "Clips without a label take part in pretraining and clustering, not in scores.",
        "None is needed; labels can be given to a command with --labels.",
        tuple(Example(rows.middles([clip])) for clip in clips) if len(clips) < len(rows.n_frames) else (),
    )


def _missing_split(rows: Rows) -> Finding | None:
    clips = [clip for clip, split in enumerate(rows.split) if split is None]
    if not clips:
        return None
    some = len(clips) < len(rows.split)
    return Finding(
        "no_split",
        "Clips without a split",
        WARNING if some else INFO,
        len(clips),
        "clip",
        "Either no clip has a split, or each has one."
        if some
        else "The store is not divided into train, val and test.",
        "Divide it with `sslecho split`" + (" --overwrite." if some else "."),
        tuple(Example(rows.middles([clip])) for clip in clips) if some else (),
    )


def _text_inside(rows: Rows) -> Finding | None:
    said = rows.store.clips["text_inside"].to_pylist() if "text_inside" in rows.store.clips.column_names else []
    clips = [clip for clip, inside in enumerate(said) if inside]
    if not clips:
        return None
    return Finding(
        "text_inside",
        "What looks like text inside the sector",
        WARNING,
        len(clips),
        "clip",
        "Ingest blanks text outside the sector alone, and looks for it inside, where it may be a name.",
        "Look at the pictures; where one shows who it is of, ingest again with --text-inside quarantine.",
        tuple(Example(rows.middles([clip])) for clip in clips),
    )


def _unequal(rows: Rows) -> Finding | None:
    counts = Counter(patient for patient in rows.patient if patient is not None)
    n_clips = len(rows.patient)
    # Of four patients each has a quarter: with few of them, only twice an equal share is much.
    most = max(MOST_OF_ONE, 2 / max(1, len(counts)))
    large = [(patient, n) for patient, n in counts.most_common() if n > most * n_clips]
    if not large:
        return None
    examples = []
    for patient, n in large:
        own = np.flatnonzero(rows.patient == patient)
        shown = own[np.unique(np.linspace(0, n - 1, SHOWN_OF_ONE).astype(np.int64))].tolist()
        said = f"patient {patient}: {n} of {n_clips} clips, {n / n_clips:.0%}"
        examples.append(Example(rows.middles(shown), said, {"clips": n, "share": round(n / n_clips, 4)}))
    return Finding(
        "unequal_patients",
        "A patient that outweighs the others",
        WARNING,
        len(large),
        "patient",
        f"No patient has more than {most:.0%} of the clips.",
        "Keep fewer clips of this patient, or look whether the id stands for several patients.",
        tuple(examples),
    )


def _quarantined(store: Store) -> Finding | None:
    table = store.quarantine()
    if not table.num_rows:
        return None
    reasons = Counter(map(without_figures, table["reason"].to_pylist()))
    kinds = Counter(kind for kind in table["kind"].to_pylist() if kind) if "kind" in table.column_names else Counter()
    # What was left out for its kind alone was not asked for.
    unread = table.num_rows - sum(kinds.values())
    many = unread > MOST_LEFT_OUT * (store.clips.num_rows + unread)
    return Finding(
        "quarantine",
        "What ingest left out",
        WARNING if many else INFO,
        table.num_rows,
        "source",
        "Each source is accepted or left out with a reason; more than "
        f"{MOST_LEFT_OUT:.0%} left out as unreadable is a warning.",
        "The table beside the store's key leads from source_id to the file: mend it, or do what its reason says, and "
        "ingest again.",
        tuple(Example((), f"{n} × {reason}", {"reason": reason, "sources": n}) for reason, n in reasons.most_common()),
        {"reasons": dict(reasons.most_common()), "kinds": dict(kinds.most_common())},
    )
