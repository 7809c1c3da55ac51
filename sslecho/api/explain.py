"""`explain`: Store and a classifier -> Scores: what the classifier looks at, in figures, maps and words."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from sslecho.api.explain_figures import Figures
from sslecho.api.explain_hearts import hearts_of
from sslecho.api.explain_items import Items, items_of
from sslecho.api.explain_maps import mapped, patients_in_turn, presentable
from sslecho.api.explain_occlusion import named, occluded
from sslecho.api.explain_readers import Places
from sslecho.api.explain_settings import ExplainSettings
from sslecho.api.explain_shares import shares
from sslecho.api.explain_subject import load_subject
from sslecho.api.explain_words import is_accused, verdicts
from sslecho.api.nouns import as_store, groups
from sslecho.config import build, identity, to_toml
from sslecho.data.store import Store
from sslecho.errors import InputError
from sslecho.evaluate.scores import Scores
from sslecho.metrics.intervals import too_few
from sslecho.rundir import RunDir, sha256_of, warn
from sslecho.train.device import choose_device

FURTHER = {"p": pa.float64(), "n": pa.int64()}


def explain(store: Store | Path | str, out: Path | str, *, overwrite: bool = False, **options: Any) -> Scores:
    """Cover parts of a classifier's pictures, draw maps of what it looks at, and say what both amount to.

    Args:
        store: with splits and labels.
        out: the folder to write: result.json, figures, maps.npz with maps.csv, and the Scores.
        overwrite: remove an earlier result there first.
        options: the fields of `ExplainSettings` (`model="classifier"`, `truth="archive.truth"`, …).

    Raises:
        InputError: settings, store, masks or folder are not as they must be.
        NounError: no classifier where `model` says.
    """
    settings = build(ExplainSettings, options)
    store, out = as_store(store), Path(out)
    if settings.model is None:
        raise InputError("--model is missing: name a run of `sslecho finetune` or `sslecho view`")
    if settings.workers:
        torch.set_num_threads(settings.workers)
    unit = groups(store.unit)
    loaded = load_subject(Path(settings.model), store, frames=settings.frames, level=settings.level)
    hearts = hearts_of(store, settings)
    items, notes = items_of(store, loaded, settings)
    run = RunDir.open(
        out,
        command="explain",
        identity={
            **identity(settings),
            "labels": sha256_of(Path(settings.labels)) if settings.labels else None,
            "model": loaded.hash,
            "frames_hash": store.frames_hash,
            "items": _hash(items),
        },
        settings=to_toml(settings, "explain"),
        overwrite=overwrite,
    )
    if run.done:
        return Scores.load(out)
    device, _ = choose_device(settings.device)
    loaded.subject.network.to(device)
    warnings = [*notes, *_warnings(items, unit=unit)]
    for warning in warnings:
        warn(warning)
    places = Places(store, items.clips, hearts)
    before = named(loaded.subject, items, store.read)
    occlusion = occluded(loaded.subject, items, places, before, seed=settings.seed)
    chosen = patients_in_turn(items.units, seed=settings.seed)[: settings.maps]
    found = mapped(loaded.subject, items, chosen, places, seed=settings.seed)
    amount = shares(found.maps, found.correlation, chosen, items, places, loaded.subject, seed=settings.seed)
    figures = Figures(out, loaded.subject, items, places, before, unit=unit, split=settings.split, level=settings.level)
    found = presentable(found, items, places, loaded.subject)
    figures.maps(found, shown=settings.shown)
    figures.occlusion(occlusion)
    figures.confusion(occlusion)
    n_errors = figures.errors()
    time = figures.time(shown=settings.shown, seed=settings.seed)
    figures.arrays(found)
    result = {
        "accused": is_accused(occlusion),
        "verdicts": verdicts(occlusion, amount, heart=hearts.how, unit=unit),
        **_flat(occlusion),
        "saliency": amount,
        "over_time": time,
        "n_errors": n_errors,
        "heart": hearts.how,
        "n": len(items),
        "n_patients": items.n_units,
        "n_maps": len(chosen),
        "split": settings.split,
        "level": settings.level,
        "unit": unit,
        "classes": list(loaded.subject.classes),
        "warnings": warnings,
        "out": str(out),
    }
    scores = Scores.from_rows(
        [{**row, "seed": settings.seed, "split": settings.split} for row in _rows(occlusion, amount, items)],
        meta={"protocol": "explain", "settings": identity(replace(settings, model=None))},
        **FURTHER,
    )
    scores.save(out)
    run.finish(result)
    return scores


def _warnings(items: Items, *, unit: str) -> list[str]:
    narrow = too_few(items.n_units, unit=unit)
    return [narrow] if narrow else []


def _hash(items: Items) -> str:
    """Of whom is explained, and of their truth."""
    told = [items.table["clip_id"].to_pylist(), items.table["frame_index"].to_pylist(), items.labels.tolist()]
    return hashlib.sha256(repr([*told, items.windows.tolist()]).encode()).hexdigest()


def _flat(occlusion: dict[str, Any]) -> dict[str, Any]:
    """The figures side by side, with each question's own counts; those of a question that was not asked are None."""
    figures = {name: value for name, value in occlusion.items() if name not in ("heart", "outside")}
    for part, row in (("heart", occlusion["heart"]), *occlusion["outside"].items()):
        for name, value in row.items():
            own = name.startswith(("accuracy_", f"{part}_", "outside_", "exchange_", "background_", "covered_"))
            figures[name if own else f"{part}_{name}"] = value
    figures.pop("accuracy_plain", None)
    return {name: value for name, value in figures.items() if not name.startswith("accuracy_plain")}


def _rows(occlusion: dict[str, Any], amount: dict[str, dict[str, Any]], items: Items) -> list[dict[str, Any]]:
    """The figures as tidy rows."""
    parts = [("as they are", occlusion), ("heart", occlusion["heart"]), *occlusion["outside"].items()]
    rows = [
        {
            "metric": metric,
            "arm": arm,
            "value": row[metric],
            "low": row[f"{metric}_low"],
            "high": row[f"{metric}_high"],
            "p": row.get(f"{metric}_p"),
            "n": row.get("n", len(items)),
            "n_patients": row.get("n_patients", items.n_units),
        }
        for arm, row in parts
        for metric in row
        if f"{metric}_low" in row
    ]
    for method, row in amount.items():
        for metric in ("outside", "heart", "random_correlation"):
            ends = {end: row[f"{metric}_{end}"] for end in ("low", "high")}
            rows.append({"metric": metric, "arm": method, "value": row[metric], "n": row[f"{metric}_n"], **ends})
    return rows
