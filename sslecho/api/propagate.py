"""`propagate`: Embeddings and a few labels -> Predictions for all items that the labels reach."""

import hashlib
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sslecho.api.audit_sample import audited, draw_audit, read_checked
from sslecho.api.nouns import groups, relative, workers_of
from sslecho.api.origin import Origin, find_origin
from sslecho.api.propagate_labels import StartingLabels, prior_of, starting_labels
from sslecho.api.propagated_labels import (
    GIVEN,
    PROPAGATED,
    UNREACHED,
    UNSURE,
    Propagated,
    write_conflicts,
    write_labels,
)
from sslecho.api.settings import PropagateSettings
from sslecho.config import build, identity, to_toml
from sslecho.embed.embeddings import Embeddings, rows_hash
from sslecho.metrics.audit_sample import sample_size
from sslecho.metrics.coverage import coverage_curve, precision_and_coverage
from sslecho.metrics.labels import encode, encode_groups
from sslecho.rundir import RunDir, sha256_of, warn
from sslecho.tasks.predictions import Predictions, write_predictions
from sslecho.tasks.propagate import Propagation

CLAIM = 0.95  # what the audit sample is to show where labels are given without a threshold


def propagate(
    embeddings: Embeddings | Path | str, out: Path | str, *, overwrite: bool = False, **options: Any
) -> Predictions:
    """Spread a few labels over embeddings, abstain where they are unsure, and say what to check by hand.

    Labels start from `labels=CSV`, else from the store's, never from test patients. What else is known, of other
    patients, scores the result. `out` gets predictions, `labels.csv` (given and propagated labels, as `ingest` reads
    them), `conflicts.csv` (given labels that other patients' speak against) and `audit.csv` (labels to check by
    hand). The user's own labels stay as they are.

    Args:
        embeddings: the noun, or the folder that `embed` wrote.
        out: the folder to write.
        options: the fields of `PropagateSettings` (`labels="few.csv"`, `precision=0.95`, `level="clip"`, …). With
            `checked="audit.csv"`, filled in, the same call says what precision may be claimed.

    Raises:
        InputError: settings, embeddings, labels, folder or checked labels are not as they must be.
    """
    settings = build(PropagateSettings, options)
    out = Path(out)
    answers = read_checked(Path(settings.checked)) if settings.checked else None
    given = embeddings if isinstance(embeddings, Embeddings) else Embeddings.load(embeddings)
    origin = find_origin(given, store=settings.store, encoder=None)
    items, labels = starting_labels(given, origin, settings)
    codes, names = encode(labels.given)
    prior = prior_of(settings, names)
    known = (labels.kept, labels.truth, items.column("split"))
    run = RunDir.open(
        out,
        command="propagate",
        identity={
            **identity(settings),
            "labels": sha256_of(Path(settings.labels)) if settings.labels else None,
            "frames": given.meta["frames_hash"],
            "encoder": given.meta["encoder_hash"],
            "rows": rows_hash(items.rows),
            "known": hashlib.sha256(repr([column.tolist() for column in known]).encode()).hexdigest(),
        },
        settings=to_toml(settings, "propagate"),
        overwrite=overwrite,
    )
    if not run.done:
        unit = groups(given.meta["unit"])
        units = encode_groups(items.column("unit_id"), what="unit_id")
        model = Propagation(
            n_neighbors=settings.neighbors,
            alpha=settings.alpha,
            class_mass=settings.class_mass,
            prior=prior,
            precision=settings.precision or None,
            confidence=settings.confidence,
            own_group=settings.own_patient,
            random_state=settings.seed,
            n_jobs=workers_of(settings.workers),
        ).fit(np.asarray(items.vectors), codes, groups=units)
        found = Propagated.of(items, model, codes=codes, names=names, kept=labels.kept)
        write_predictions(out, found.table(labels.truth), meta=_meta(given, origin, settings, names, out))
        write_labels(out / "labels.csv", found, level=settings.level)
        write_conflicts(out / "conflicts.csv", found, model.conflicts_, level=settings.level)
        run.finish(_result(found, labels, model, settings, out, units=units, unit=unit), forms=[out / "audit.csv"])
    if answers is not None:
        found = audited(
            answers,
            Path(settings.checked or ""),
            Predictions.load(out),
            target=run.result["audit"]["target"],
            errors_allowed=settings.audit_errors,
            confidence=settings.confidence,
        )
        run.finish({**run.result, "audit": {**run.result["audit"], **found}})
    return Predictions.load(out)


def _result(
    found: Propagated,
    labels: StartingLabels,
    model: Propagation,
    settings: PropagateSettings,
    out: Path,
    *,
    units: np.ndarray,
    unit: str,
) -> dict[str, Any]:
    """All figures; what is to be checked by hand is drawn here too."""
    in_test = found.items.column("split") == "test"
    # Labels of the pool are what a user gains; of test patients only where there is nothing else to label.
    pool = (found.states != GIVEN) & ~in_test
    pool = pool if pool.any() else found.states != GIVEN
    n = {state: int((found.states[pool] == state).sum()) for state in (PROPAGATED, UNSURE, UNREACHED)}
    scores = _scores(found, labels, units, unit=unit, seed=settings.seed)
    warnings = [*labels.warnings]
    if scores["n_scored"] and scores["warning"]:
        warnings.append(f"precision: {scores['warning']}")
    threshold = None
    if model.threshold_ is not None:
        t = model.threshold_
        threshold = {**asdict(t), "value": t.value if np.isfinite(t.value) else None}
        warnings += [t.warning] if t.warning else []
    target = settings.precision or CLAIM
    needed = sample_size(target, errors=settings.audit_errors, confidence=settings.confidence)
    drawn = draw_audit(out / "audit.csv", found, size=needed, level=settings.level, seed=settings.seed)
    for warning in warnings:
        warn(warning)
    result = {
        "coverage": n[PROPAGATED] / max(1, int(pool.sum())),
        **{key: value for key, value in scores.items() if key != "warning"},
        "n_labelled": int((found.states == GIVEN).sum()),
        "n_propagated": n[PROPAGATED],
        "abstained": n[UNSURE] + n[UNREACHED],
        "unreached": n[UNREACHED],
        "conflicts": len(model.conflicts_),
        "threshold": threshold,
        "classes": _classes(found, pool),
        "graph": {"k": settings.neighbors, "kind": model.graph_.kind, "recall": model.graph_.recall},
        "audit": {"to_check": drawn, "needed": needed, "errors_allowed": settings.audit_errors, "target": target},
        "out": str(out),
        "n": len(found.items),
        "n_patients": len(np.unique(units)),
        "split": labels.split,
        "unit": unit,
        "groups": "patient" if unit == "patient" else f"{unit}s",
        "level": settings.level,
        "warnings": warnings,
    }
    _write_scores(out, result, settings.seed)
    return result


def _scores(found: Propagated, labels: StartingLabels, units: np.ndarray, *, unit: str, seed: int) -> dict[str, Any]:
    """Precision and coverage on the scored items; None where nothing is known of them."""
    rows = labels.scored
    names = [*found.names, *sorted({*labels.truth[rows].tolist()} - {*found.names})]
    code_of = {name: code for code, name in enumerate(names)}
    truth = np.array([code_of[label] for label in labels.truth[rows]], np.int64)
    figures = precision_and_coverage(
        truth, found.predicted[rows], units=units[rows], rng=np.random.default_rng(seed), unit=unit
    )
    curve = coverage_curve(
        found.probable[rows] == truth, found.confidences[rows], units=units[rows], rng=np.random.default_rng(seed)
    )
    about = {"n_scored": figures.pop("n"), "n_scored_patients": figures.pop("n_patients")}
    return {**figures, **about, "curve": curve}


def _classes(found: Propagated, pool: np.ndarray) -> dict[str, dict[str, int]]:
    given = Counter(found.kept[found.states == GIVEN].tolist())
    told = Counter(found.predicted[pool].tolist())
    return {name: {"given": given[name], "propagated": told[code]} for code, name in enumerate(found.names)}


def _meta(
    given: Embeddings, origin: Origin, settings: PropagateSettings, names: list[str], out: Path
) -> dict[str, Any]:
    return {
        "task": "propagate",
        "classes": names,
        "level": settings.level,
        "unit": groups(given.meta["unit"]),
        "frames_hash": given.meta["frames_hash"],
        "encoder_hash": given.meta["encoder_hash"],
        "store": relative(origin.store.path, out) if origin.store else None,
        "embeddings": relative(given.path, out) if given.path else None,
    }


def _write_scores(out: Path, result: dict[str, Any], seed: int) -> None:
    """The figures, and the curve of precision against coverage, as tidy rows."""
    about = {"n_patients": result["n_scored_patients"], "seed": seed, "split": result["split"]}
    rows = [
        {"metric": name, "value": result[name], "low": result[f"{name}_low"], "high": result[f"{name}_high"], **about}
        for name in ("precision", "macro_f1", "macro_f1_all", "scored_coverage")
    ]
    rows = [{**row, "coverage": result["scored_coverage"]} for row in rows]
    rows += [
        {
            "metric": "precision_at_coverage",
            "value": point["precision"],
            "low": point["precision_low"],
            "high": point["precision_high"],
            **about,
            "coverage": point["coverage"],
        }
        for point in result["curve"]
    ]
    path = out / "scores.parquet"
    temporary = path.with_suffix(".part")
    pq.write_table(pa.Table.from_pylist(rows), temporary)
    temporary.replace(path)
