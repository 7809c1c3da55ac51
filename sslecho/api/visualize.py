"""`visualize`: Embeddings -> their map: a picture, a page or a table."""

from pathlib import Path
from typing import Any

import numpy as np

from sslecho.api.map_columns import MapColumns, map_columns
from sslecho.api.map_pictures import pictures
from sslecho.api.map_table import map_table
from sslecho.api.nouns import groups
from sslecho.api.origin import Origin, find_origin
from sslecho.api.report import checked_file
from sslecho.api.settings import VisualizeSettings
from sslecho.config import build
from sslecho.embed.embeddings import Embeddings
from sslecho.embed.layout import Layout, lay_out
from sslecho.errors import InputError
from sslecho.report.map import draw_map
from sslecho.report.map_page import MOST_POINTS, MapPage, build_map_page
from sslecho.report.markup import counted
from sslecho.rundir import provenance, write_atomic

DPI = 320  # twice a page's: sharp in print at a column's width
KINDS = {".png": "a picture", ".html": "a page", ".parquet": "a table"}
UNTOLD = ("frame_time_source", "sector", "study_id", "unit_id", "clip_id")  # of no interest beside the others on a page


def visualize(embeddings: Embeddings | Path | str, out: Path | str, **options: Any) -> Path:
    """Draw the embedding map; an earlier one of that name is replaced.

    Args:
        embeddings: the noun, or the folder that `embed` wrote.
        out: a picture (.png), a page to explore offline (.html), or a table for Embedding Atlas (.parquet).
        options: the fields of `VisualizeSettings` (`color="label"`, `predictions=("clusters",)`, `level="clip"`, …).

    Returns:
        The path of what was drawn.

    Raises:
        InputError: settings, embeddings or labels are not as they must be, or `out` can't be written.
        MissingExtraError: FAISS is not installed.
    """
    return Path(visualize_with_summary(embeddings, out, **options)["out"])


def visualize_with_summary(embeddings: Embeddings | Path | str, out: Path | str, **options: Any) -> dict[str, Any]:
    """As `visualize`; returns what is on the map, ready for JSON."""
    settings = build(VisualizeSettings, options)
    suffix = Path(out).suffix.lower()
    if suffix not in KINDS and not Path(out).is_dir():
        raise InputError(f"--out {out} must end in .png (a picture), .html (a page) or .parquet (a table)")
    out = checked_file(out, suffix or ".png", KINDS.get(suffix, "a picture"))
    given = embeddings if isinstance(embeddings, Embeddings) else Embeddings.load(embeddings)
    origin = find_origin(given, store=None, encoder=None)
    named = origin.with_labels(given, labels=settings.labels, column=settings.label_column)
    items = named.per_clip() if settings.level == "clip" else named
    columns = map_columns(items, origin, predictions=settings.predictions, level=settings.level)
    color, values = columns.named(settings.color)
    layout = lay_out(np.asarray(items.vectors), neighbors=settings.neighbors, seed=settings.seed)
    unit = groups(given.meta["unit"])
    told = {
        "out": str(out),
        "n": len(items),
        "n_patients": len(set(items.column("unit_id").tolist())),
        "split": _split(items),
        "unit": unit,
        "level": settings.level,
        "color": settings.color,
        "n_values": len({value for value in values if value is not None}),
        "n_without": sum(value is None for value in values),
        "n_fitted": layout.n_fitted,
    }
    if suffix == ".png":
        write_atomic(out, _picture(layout, values, settings, told, named=not color.endswith("_id")))
        return told
    shown = np.arange(len(items))
    if suffix == ".html" and len(items) > MOST_POINTS:
        shown = np.sort(np.random.default_rng(settings.seed).choice(len(items), MOST_POINTS, replace=False))
    frames, told["n_not_to_be_shown"] = _frames(items, origin, settings, shown)
    told |= {"n_shown": len(shown), "n_pictures": len(frames)}
    clip_ids, places = items.column("clip_id"), items.column("frame_index")
    of_frames = settings.level == "frame"
    if suffix == ".parquet":
        table = map_table(
            layout,
            clip_ids=clip_ids.tolist(),
            frames=places.tolist() if of_frames else None,
            columns=_told_columns(columns, color),
            pictures=frames,
        )
        write_atomic(out, table)
        return told
    page = MapPage(
        points=layout.points[shown],
        clip_ids=clip_ids[shown].tolist(),
        frames=places[shown].tolist() if of_frames else None,
        columns={
            name: [column[row] for row in shown.tolist()] for name, column in _told_columns(columns, color).items()
        },
        color=color,
        title=f"{counted(told['n'], settings.level)} of {counted(told['n_patients'], unit)}",
        facts=_facts(given, settings, told),
        stamp=_stamp(unit),
        pictures=frames,
        pictures_note=_pictures_note(origin, told),
    )
    write_atomic(out, build_map_page(page).encode())
    return told


def closing(told: dict[str, Any]) -> str:
    """What to do next with what was written."""
    return {
        ".html": "; open it in a browser, it needs no network",
        ".parquet": "; next: embedding-atlas FILE --x x --y y --text text --neighbors neighbors",
    }.get(Path(told["out"]).suffix.lower(), "")


def _picture(
    layout: Layout, values: list[Any], settings: VisualizeSettings, told: dict[str, Any], *, named: bool
) -> bytes:
    fitted = f", fitted on {layout.n_fitted:,}" if layout.n_fitted < told["n"] else ""
    return draw_map(
        layout.points,
        values,
        title=f"Embedding map, colored by {settings.color}",
        footer=f"n = {told['n']:,} {settings.level}s · {told['n_patients']:,} {told['unit']}s · "
        f"split: {told['split']} · UMAP, {settings.neighbors} neighbors, seed {settings.seed}{fitted}",
        named=named,
        stamp=_stamp(told["unit"]),
        dpi=DPI,
    )


def _stamp(unit: str) -> str | None:
    return None if unit == "patient" else f"groups = {unit}s, not patients"


def _told_columns(columns: MapColumns, color: str) -> dict[str, list[Any]]:
    """Those of a page or table: in which something is known, what colors first before all others."""
    names = [color, "label", *(name for name in columns.values if name not in UNTOLD)]
    known = {name: columns.values[name] for name in names if any(value is not None for value in columns.values[name])}
    return dict(known)


def _frames(
    items: Embeddings, origin: Origin, settings: VisualizeSettings, shown: np.ndarray
) -> tuple[dict[int, bytes], int]:
    if origin.store is None or not settings.thumbnails:
        return {}, 0
    rows = items.rows["row"].to_numpy().astype(np.int64)[shown]
    return pictures(origin.store, rows, level=settings.level, most=settings.thumbnails, seed=settings.seed)


def _facts(given: Embeddings, settings: VisualizeSettings, told: dict[str, Any]) -> list[tuple[str, str]]:
    how = f"UMAP, {settings.neighbors} neighbors by cosine, seed {settings.seed}"
    if told["n_fitted"] < told["n"]:
        how += f"; fitted on {told['n_fitted']:,}, the others among their neighbors"
    points = counted(told["n"], settings.level)
    if told["n_shown"] < told["n"]:
        points += f", {told['n_shown']:,} of them drawn, at random"
    made = provenance()
    commit = f", commit {made['commit'][:7]}" if made.get("commit") else ""
    return [
        ("Points", points),
        ("Independent", counted(told["n_patients"], told["unit"])),
        ("Split", told["split"]),
        ("Map", how),
        ("Encoder", given.meta["encoder_hash"][:12]),
        ("Made with", f"sslecho {made.get('sslecho', '')}{commit}"),
    ]


def _pictures_note(origin: Origin, told: dict[str, Any]) -> str:
    if origin.store is None:
        return "There are no pictures, for the store is not at hand."
    note = f"{told['n_pictures']:,} of {told['n_shown']:,} points have a picture."
    if told["n_not_to_be_shown"]:
        note += (
            f" {told['n_not_to_be_shown']:,} are of clips whose sector was not cut out or that may hold text, and are "
            "not shown."
        )
    return note


def _split(items: Embeddings) -> str:
    found = {word for word in items.column("split").tolist() if word is not None}
    return "+".join(word for word in ("train", "val", "test") if word in found) or "all"
