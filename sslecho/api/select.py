"""`select`: Embeddings -> a CSV of the clips that are worth a label first."""

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sslecho.api.nouns import groups
from sslecho.api.origin import Origin, find_origin
from sslecho.api.report import checked_file
from sslecho.api.select_settings import SelectSettings
from sslecho.api.test_set import Draw, draw_test, was_drawn
from sslecho.config import build, identity, to_toml
from sslecho.data.identity import read_sources
from sslecho.data.labels import read_labels
from sslecho.embed.embeddings import Embeddings, rows_hash
from sslecho.errors import InputError, NounError
from sslecho.rundir import RunDir, read_json, sha256_of, warn, write_text
from sslecho.tasks.assignment import gathered
from sslecho.tasks.select import Selection, check_selectable, select_clips

NOT_FOR_TESTS = (
    "labels picked this way are to train on, never to test on: they are no random sample, so an accuracy on them says "
    "nothing; for that, label the test split"
)
PICKS = "picks.parquet"


@dataclass(frozen=True)
class Selected:
    """What `select` wrote.

    Attributes:
        table: clip_id, rank, score, reason, cluster; the best first.
        result: the command's JSON.
        paths: the files of these clips where the table beside the store's key may be read: for the screen only.
    """

    table: pa.Table
    result: dict[str, Any]
    paths: dict[str, str]


def select(
    embeddings: Embeddings | Path | str, out: Path | str, *, overwrite: bool = False, **options: Any
) -> pa.Table:
    """Pick clips to label and write them as a CSV with an empty column `label`, to be filled in.

    Clips come from the train split, so never from the test split, which must be there first: `sslecho split` makes
    one, and `test=0.2` draws patients at random and records it in the store. Labels that were picked are to train
    on: an accuracy on them says nothing. The store's own labels are not looked at; those of `labels=CSV` are.

    Args:
        embeddings: the noun, or the folder that `embed` wrote.
        out: the CSV: clip_id, label, rank, score, reason, cluster. The folder `OUT.run` says how it was made.
        overwrite: pick anew with other settings; refused once labels were filled in.
        options: the fields of `SelectSettings` (`budget=50`, `method="auto"`, `per_patient=None`, `labels=None`, …).

    Returns:
        The picks, best first, without the labels.

    Raises:
        InputError: settings, embeddings, labels or the file are not as they must be, or there is no test split.
    """
    return select_with_summary(embeddings, out, overwrite=overwrite, **options).table


def select_with_summary(
    embeddings: Embeddings | Path | str, out: Path | str, *, overwrite: bool = False, **options: Any
) -> Selected:
    """As `select`, with what the command prints."""
    settings = build(SelectSettings, options)
    if settings.budget is None:
        raise InputError("--budget is missing; say how many clips you want to label, such as --budget 50")
    out = checked_file(out, ".csv", "a table")
    folder = out.with_name(out.name + ".run")
    _refuse_to_destroy(out, folder, overwrite=overwrite)
    given = embeddings if isinstance(embeddings, Embeddings) else Embeddings.load(embeddings)
    origin = find_origin(given, store=settings.store, encoder=None)
    _refuse_empty(settings)
    named = origin.with_labels(given, labels=settings.labels, column=settings.label_column)
    items = named.per_clip()
    splits, draw = _splits(items, origin, settings)
    found = items.column("label")
    labels = found if settings.labels else np.full(len(items), None, dtype=object)
    pool = np.flatnonzero((splits != "test") & (splits != "val"))
    known = np.array([label is not None for label in labels], dtype=bool)
    if draw is not None and known.any():
        raise InputError(
            f"--test {settings.test:g} draws a test set before anything is labeled, and {known.sum()} clips of "
            f"--labels are; run `sslecho split {draw.store.path} --test {settings.test:g}`, and label its test clips"
        )
    unit = groups(given.meta["unit"])
    check_selectable(
        items.column("unit_id")[pool[~known[pool]]],
        budget=settings.budget,
        per_unit=settings.per_patient,
        method=settings.method,
        n_label_classes=len(set(labels[pool[known[pool]]])),
        unit=unit,
    )
    run = RunDir.open(
        folder,
        command="select",
        identity={
            **identity(settings),
            "labels": sha256_of(Path(settings.labels)) if settings.labels else None,
            "frames": given.meta["frames_hash"],
            "encoder": given.meta["encoder_hash"],
            "rows": rows_hash(items.rows),
            "splits": hashlib.sha256(repr(splits.tolist()).encode()).hexdigest(),
        },
        settings=to_toml(settings, "select"),
        overwrite=overwrite,
    )
    already = run.done
    if not already:
        test_drawn = was_drawn(origin.store if draw is None else draw.record())
        selection = _pick(items, pool, labels, settings, unit=unit)
        table = _table(selection, items, pool)
        pq.write_table(table, folder / PICKS)
        _write_csv(out, table)
        run.finish(_result(selection, items, splits, pool, known, settings, out, unit=unit, test_drawn=test_drawn))
    table = pq.read_table(folder / PICKS)
    if not out.exists():
        _write_csv(out, table)
    if not settings.labels and any(label is not None for label in found[pool]):
        warn("the store's labels are not looked at; to build on labels, give them with --labels CSV (clip_id,label)")
    _warn_of_divided_patients(items, splits)
    for note in run.result["notes"]:
        warn(note)
    return Selected(table, {**run.result, "already": already}, _paths(origin, table))


def _refuse_to_destroy(out: Path, folder: Path, *, overwrite: bool) -> None:
    """Leave alone what another program wrote, and what a person filled in."""
    if not out.exists():
        return
    if not (folder / "run.json").exists():
        raise InputError(f"--out {out} was not written by `sslecho select`, so it is left alone; name a new file")
    if not overwrite and read_json(folder / "run.json")["state"] == "done":
        return
    n_filled = sum(row.label is not None for row in read_labels(out).rows)
    if n_filled:
        raise InputError(
            f"--out {out} has {n_filled} labels that were filled in, and they would be lost; name a new file, and "
            f"give this one as --labels {out}"
        )


def _refuse_empty(settings: SelectSettings) -> None:
    """Say it where the CSV of an earlier selection comes back as it was."""
    if settings.labels is None:
        return
    rows = read_labels(Path(settings.labels), label_column=settings.label_column).rows
    if all(row.label is None for row in rows):
        raise InputError(
            f"--labels {settings.labels}: no cell of its column {settings.label_column!r} is filled in; fill it, or "
            "leave --labels out"
        )


def _splits(items: Embeddings, origin: Origin, settings: SelectSettings) -> tuple[np.ndarray, Draw | None]:
    """The split of each clip, and the draw of the test set where it has to be made first."""
    splits = items.column("split")
    if (splits == "test").any():
        return splits, None
    if settings.test is None:
        where = "STORE" if origin.store is None else origin.store.path
        raise InputError(
            "no clip of these embeddings is in the test split, and it must be drawn before clips are picked, or what "
            f"is picked could never be tested; run `sslecho split {where} --test 0.2`, or say --test 0.2 to have "
            "patients drawn at random and recorded in the store"
        )
    if origin.store is None:
        raise InputError(
            f"--test {settings.test:g} is recorded in the store, and {origin.store_problem}; name it with --store"
        )
    draw = draw_test(origin.store, settings.test, seed=settings.seed)
    clips = origin.store.clip_of_frame[items.rows["row"].to_numpy()]
    return np.array(draw.names, dtype=object)[clips], draw


def _pick(items: Embeddings, pool: np.ndarray, labels: np.ndarray, settings: SelectSettings, *, unit: str) -> Selection:
    from threadpoolctl import threadpool_limits

    assert settings.budget is not None
    with threadpool_limits(settings.workers or None):
        return select_clips(
            gathered(items.vectors, pool, normalize=True),
            budget=settings.budget,
            unit_ids=items.column("unit_id")[pool],
            labels=labels[pool],
            method=settings.method,
            per_unit=settings.per_patient,
            n_classes=settings.classes,
            unit=unit,
            seed=settings.seed,
        )


def _table(selection: Selection, items: Embeddings, pool: np.ndarray) -> pa.Table:
    rows = [pick.row for pick in selection.picks]
    return pa.table(
        {
            "clip_id": pa.array(items.column("clip_id")[pool[rows]].tolist(), pa.string()),
            "rank": pa.array(range(1, len(rows) + 1), pa.int64()),
            "score": pa.array([pick.score for pick in selection.picks], pa.float64()),
            "reason": pa.array([pick.reason for pick in selection.picks], pa.string()),
            "cluster": pa.array(selection.clusters[rows], pa.int64()),
        }
    )


def _write_csv(out: Path, table: pa.Table) -> None:
    """The picks with an empty column for labels, as the verbs that take --labels read it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("clip_id", "label", "rank", "score", "reason", "cluster"))
    for row in table.to_pylist():
        score = "" if row["score"] is None else f"{row['score']:.6g}"
        writer.writerow((row["clip_id"], "", row["rank"], score, row["reason"], row["cluster"]))
    write_text(out, text.getvalue())


def _result(
    selection: Selection,
    items: Embeddings,
    splits: np.ndarray,
    pool: np.ndarray,
    known: np.ndarray,
    settings: SelectSettings,
    out: Path,
    *,
    unit: str,
    test_drawn: bool,
) -> dict[str, Any]:
    units = items.column("unit_id")
    free = pool[~known[pool]]
    picked = pool[[pick.row for pick in selection.picks]]
    reached = set(selection.clusters[known[pool]]) | {selection.clusters[pick.row] for pick in selection.picks}
    return {
        "out": str(out),
        "method": selection.method,
        "budget": settings.budget,
        "n": len(picked),
        "n_patients": len(set(units[picked])),
        "split": "train",
        "unit": unit,
        "groups": "patient" if unit == "patient" else f"{unit}s",
        "per_patient": selection.per_unit,
        "n_candidates": len(free),
        "n_candidate_patients": len(set(units[free])),
        "n_labelled": int(known[pool].sum()),
        "n_labels_left_out": int(known.sum() - known[pool].sum()),
        "n_test": int((splits == "test").sum()),
        "n_test_patients": len(set(units[splits == "test"])),
        "test_drawn": test_drawn,
        "clusters": int(selection.clusters.max()) + 1,
        "clusters_reached": len(reached),
        "radius": selection.radius,
        "not_for_tests": NOT_FOR_TESTS,
        "notes": selection.notes,
    }


def _warn_of_divided_patients(items: Embeddings, splits: np.ndarray) -> None:
    units = items.column("unit_id")
    divided = len(set(units[splits == "test"]) & set(units[splits != "test"]))
    if divided:
        warn(
            f"{divided} patients have clips in the test split and outside it: what is learned of them will flatter "
            "the test; `sslecho split` by patient divides none"
        )


def _paths(origin: Origin, table: pa.Table) -> dict[str, str]:
    if origin.store is None:
        return {}
    try:
        rows = read_sources(origin.store.path)
    except (NounError, OSError):
        return {}
    wanted = set(table["clip_id"].to_pylist())
    pairs = zip(rows["clip_id"].to_pylist(), rows["path"].to_pylist(), strict=True)
    paths: dict[str, str] = {}
    for clip_id, path in pairs:
        if clip_id in wanted:
            paths.setdefault(clip_id, path)
    return paths
