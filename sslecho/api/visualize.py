"""`visualize`: Embeddings -> a picture of their map."""

from pathlib import Path
from typing import Any

import numpy as np

from sslecho.api.nouns import groups
from sslecho.api.origin import Origin, find_origin
from sslecho.api.report import checked_file
from sslecho.api.settings import VisualizeSettings
from sslecho.config import build
from sslecho.embed.embeddings import Embeddings
from sslecho.embed.layout import umap_layout
from sslecho.errors import InputError
from sslecho.registry import did_you_mean
from sslecho.report.map import draw_map
from sslecho.rundir import write_atomic

DPI = 320  # twice a page's: sharp in print at a column's width
PLACES = ("row", "clip_id", "frame_index", "first_frame", "source_id")  # they number items, and color nothing
WORDS = {"patient": "patient_id", "clip": "clip_id", "study": "study_id"}


def visualize(embeddings: Embeddings | Path | str, out: Path | str, **options: Any) -> Path:
    """Draw the embedding map; an earlier picture of that name is replaced.

    Args:
        embeddings: the noun, or the folder that `embed` wrote.
        out: the picture, a file that ends in .png.
        options: the fields of `VisualizeSettings` (`color="label"`, `level="clip"`, `neighbors=15`, `seed=0`, …).

    Returns:
        The picture's path.

    Raises:
        InputError: settings, embeddings or labels are not as they must be, or `out` can't be written.
    """
    return Path(visualize_with_summary(embeddings, out, **options)["out"])


def visualize_with_summary(embeddings: Embeddings | Path | str, out: Path | str, **options: Any) -> dict[str, Any]:
    """As `visualize`; returns what is on the map, ready for JSON."""
    settings = build(VisualizeSettings, options)
    if Path(out).suffix.lower() in (".html", ".htm"):
        raise InputError(f"--out {out}: maps are drawn as .png only for now; say {Path(out).with_suffix('.png')}")
    out = checked_file(out, ".png", "a picture")
    given = embeddings if isinstance(embeddings, Embeddings) else Embeddings.load(embeddings)
    origin = find_origin(given, store=None, encoder=None)
    named = origin.with_labels(given, labels=settings.labels, column=settings.label_column)
    items = named.per_clip() if settings.level == "clip" else named
    values = _values(items, origin, settings)
    unit = groups(given.meta["unit"])
    n_units, split = len(set(items.column("unit_id").tolist())), _split(items)
    points = umap_layout(np.asarray(items.vectors), neighbors=settings.neighbors, seed=settings.seed)
    picture = draw_map(
        points,
        values,
        title=f"Embedding map, colored by {settings.color}",
        footer=f"n = {len(items):,} {settings.level}s · {n_units:,} {unit}s · split: {split} · "
        f"UMAP, {settings.neighbors} neighbors, seed {settings.seed}",
        named=not _is_id(settings.color),
        stamp=None if unit == "patient" else f"groups = {unit}s, not patients",
        dpi=DPI,
    )
    write_atomic(out, picture)
    return {
        "out": str(out),
        "n": len(items),
        "n_patients": n_units,
        "split": split,
        "unit": unit,
        "level": settings.level,
        "color": settings.color,
        "n_values": len({value for value in values if value is not None}),
        "n_without": sum(value is None for value in values),
    }


def _values(items: Embeddings, origin: Origin, settings: VisualizeSettings) -> list[Any]:
    """What colors each item: a column of the embeddings' rows, else of the store's clips.

    Raises:
        InputError: no such column, or nothing in it; those that there are, are named.
    """
    own = [name for name in items.rows.column_names if name not in PLACES]
    of_store = []
    if origin.store is not None:
        of_store = [name for name in origin.store.clips.column_names if name not in (*own, *PLACES)]
    name = WORDS.get(settings.color, settings.color)
    if name in own or name == "clip_id":
        values = items.column(name).tolist()
    elif name in of_store and origin.store is not None:
        clips = origin.store.clip_of_frame[items.rows["row"].to_numpy()]
        values = origin.store.column(name)[clips].tolist()
    else:
        known = own + of_store
        gone = "" if origin.store is not None else f" (and no more, since {origin.store_problem})"
        raise InputError(
            f"--color {settings.color!r} is no column{did_you_mean(settings.color, known)}; "
            f"choose one of: {', '.join(known)}{gone}"
        )
    if all(value is None for value in values):
        cure = "give --labels CSV, or choose" if name == "label" else "choose"
        others = ", ".join(own + of_store)
        raise InputError(f"--color {settings.color!r}: nothing is known in that column; {cure} another of: {others}")
    return values


def _split(items: Embeddings) -> str:
    found = {word for word in items.column("split").tolist() if word is not None}
    return "+".join(word for word in ("train", "val", "test") if word in found) or "all"


def _is_id(color: str) -> bool:
    """Whether a column holds hashes, whose letters say nothing on a map."""
    return WORDS.get(color, color).endswith("_id")
