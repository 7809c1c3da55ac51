"""`audit`: Embeddings -> Scores: what they, and the labels, may owe to device, site, outline or burned-in marks."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sslecho.api.audit_columns import attributes_of
from sslecho.api.audit_rows import ERROR, Clips, n_accusable, rows_of
from sslecho.api.audit_settings import AuditSettings
from sslecho.api.audit_words import accused, confounded, leaks, verdicts
from sslecho.api.nouns import groups
from sslecho.api.origin import Origin, find_origin
from sslecho.config import build, identity, to_toml
from sslecho.embed.embeddings import Embeddings, rows_hash
from sslecho.embed.index.vectors import pieces
from sslecho.errors import InputError
from sslecho.evaluate.scores import Scores
from sslecho.metrics.intervals import too_few
from sslecho.metrics.labels import encode_groups
from sslecho.report.audit_figure import draw_audit
from sslecho.rundir import RunDir, sha256_of, warn, write_atomic
from sslecho.tasks.assignment import prepared

# What an audit adds to the columns of Scores.
FURTHER = {
    **dict.fromkeys(("chance", "p"), pa.float64()),
    **dict.fromkeys(("n", "names", "left_out"), pa.int64()),
    "reason": pa.string(),
    **dict.fromkeys(("above_chance", "detectable"), pa.bool_()),
}


def audit(embeddings: Embeddings | Path | str, out: Path | str, *, overwrite: bool = False, **options: Any) -> Scores:
    """Ask whether device, site and other attributes can be read from embeddings, and whether the label follows them.

    Also: what the label can be told by from the sector's outline and from what lies outside it alone, whether shuffled
    labels are at chance, and whether patients can be known again. All of it is learned on train and scored on test.

    Args:
        embeddings: the noun, or the folder that `embed` wrote.
        out: the folder to write.
        options: the fields of `AuditSettings` (`columns=("device",)`, `labels="labels.csv"`, …).

    Raises:
        InputError: settings, embeddings, labels, splits or folder are not as they must be.
    """
    settings = build(AuditSettings, options)
    out = Path(out)
    given = embeddings if isinstance(embeddings, Embeddings) else Embeddings.load(embeddings)
    origin = find_origin(given, store=settings.store, encoder=None)
    items = origin.with_labels(given, labels=settings.labels, column=settings.label_column).per_clip()
    clips = _clips(items, origin, settings, unit=groups(given.meta["unit"]))
    run = RunDir.open(
        out,
        command="audit",
        identity={
            **identity(settings),
            "labels": sha256_of(Path(settings.labels)) if settings.labels else None,
            "frames": given.meta["frames_hash"],
            "encoder": given.meta["encoder_hash"],
            "rows": rows_hash(items.rows),
            "truth": _hash(clips),
        },
        settings=to_toml(settings, "audit"),
        overwrite=overwrite,
    )
    if run.done:
        return Scores.load(out)
    rows = rows_of(clips, seed=settings.seed)
    warnings = _warnings(items, origin, clips)
    for warning in warnings:
        warn(warning)
    result = _result(rows, clips, warnings)
    scores = Scores.from_rows(
        [
            {
                "arm": f"{row['what']} from {row['source']}",
                "seed": settings.seed,
                "split": "test",
                **{name: value for name, value in row.items() if name not in ("what", "source")},
            }
            for row in rows
        ],
        meta={"protocol": "audit", "settings": identity(settings)},
        **FURTHER,
    )
    scores.save(out)
    write_atomic(out / "audit.png", draw_audit(rows, footer=_footer(result), stamp=_stamp(result)))
    run.finish({**result, "out": str(out)})
    return scores


def _clips(items: Embeddings, origin: Origin, settings: AuditSettings, *, unit: str) -> Clips:
    """All that the audit asks about.

    Raises:
        InputError: no split, no clip to learn from or to score, or an embedding that is not finite.
    """
    splits = items.column("split")
    if all(name is None for name in splits):
        raise InputError(
            "these embeddings have no split, and an audit must be scored on patients that it has not learned from; run "
            "`sslecho split STORE --test 0.4 --val 0.2` first"
        )
    for name in ("train", "test"):
        if not (splits == name).any():
            raise InputError(f"no clip is in split {name}; run `sslecho split STORE --overwrite` with another --test")
    for piece in pieces(np.asarray(items.vectors)):
        prepared(piece, normalize=True)  # refuses what is not finite, before a folder is made
    store = origin.store
    return Clips(
        vectors=np.asarray(items.vectors),
        labels=items.column("label"),
        units=encode_groups(items.column("unit_id"), what="unit_id"),
        splits=splits,
        attributes=attributes_of(items, origin, settings),
        unit=unit,
        store=store,
        store_problem=origin.store_problem,
        clip_rows=np.empty(0, np.int64) if store is None else store.clip_of_frame[items.rows["row"].to_numpy()],
    )


def _hash(clips: Clips) -> str:
    """Of everything but the vectors that the figures depend on; the store's tables may have changed since."""
    told = [clips.labels.tolist(), clips.splits.tolist(), {k: v.tolist() for k, v in clips.attributes.items()}]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _warnings(items: Embeddings, origin: Origin, clips: Clips) -> list[str]:
    """What makes the figures better or narrower than they look, or leaves some of them out."""
    units, splits, unit = items.column("unit_id"), clips.splits, clips.unit
    scored = set(units[splits == "test"].tolist())
    warnings = []
    if clips.store is None:
        warnings.append(f"attributes, outline and surroundings are left out: {clips.store_problem}")
    if all(label is None for label in clips.labels):
        warnings.append(
            "no label is known, so nothing can be a shortcut to it; give --labels CSV (clip_id,label), or ingest "
            "--labels"
        )
    if seen := origin.n_seen(scored):
        warnings.append(f"the encoder was pretrained on {seen} of the {len(scored)} scored {unit}s; pretrain anew")
    if both := scored & set(units[np.isin(splits.astype(str), ("train", "val"))].tolist()):
        warnings.append(f"{len(both)} {unit}s are in test and in train or val: the figures are too good for new ones")
    narrow = too_few(len(scored), unit=unit)
    return [*warnings, *([narrow] if narrow else [])]


def _result(rows: list[dict[str, Any]], clips: Clips, warnings: list[str]) -> dict[str, Any]:
    tests = n_accusable(rows)
    tested = clips.splits == "test"
    return {
        "accused": accused(rows),
        "confounded": confounded(rows),
        "leaks": leaks(rows),
        "verdicts": verdicts(rows, unit=clips.unit),
        "rows": rows,
        "tests": tests,
        "alpha": ERROR / tests,
        "n": int(tested.sum()),
        "n_patients": len(np.unique(clips.units[tested])),
        "split": "test",
        "level": "clip",
        "unit": clips.unit,
        "warnings": warnings,
    }


def _footer(result: dict[str, Any]) -> str:
    return (
        f"n = {result['n']:,} clips · {result['n_patients']:,} {result['unit']}s · split: test · bars: 95 % intervals "
        f"over {result['unit']}s"
    )


def _stamp(result: dict[str, Any]) -> str | None:
    grouped = None if result["unit"] == "patient" else f"groups = {result['unit']}s"
    doubts = [doubt for doubt in (grouped, too_few(result["n_patients"], unit=result["unit"])) if doubt]
    return "; ".join(doubts) or None
