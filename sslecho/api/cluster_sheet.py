"""What a person needs to name clusters: for each k a sheet of pictures and a CSV to fill in.

    DIR/naming/sheet_10.png     a row a cluster: typical items, its border, what lies far out (sheet_10_2.png goes on)
    DIR/naming/clusters_10.csv  cluster,k,n_items,n_patients,medoids,name: the last column is empty

`sslecho.api.cluster_names` reads the CSV back. Nothing in either leads to a person: clips have keyed hashes.

Where there are splits, no item of the test split is shown: it is what names are to be measured on.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image

from sslecho.data.sheet import PAPER, SheetRow, labeled_sheet
from sslecho.data.shown import standing_for
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.metrics.labels import encode_groups
from sslecho.rundir import write_atomic, write_text
from sslecho.tasks.cluster import Clustering
from sslecho.tasks.exemplars import N_BORDERS, N_MEDOIDS, N_OUTLIERS, Exemplars, pick_exemplars

FOLDER = "naming"
COLUMNS = ("cluster", "k", "n_items", "n_patients", "medoids", "name")
SIDE = 112  # pixels of a picture; smaller frames are not blown up
ROWS_A_SHEET = 25


def write_sheets(
    out: Path,
    items: Embeddings,
    clusterings: Sequence[Clustering],
    store: Store | None,
    *,
    level: str = "clip",
    unit: str = "patient",
) -> list[Path]:
    """Write a CSV and, where the store is there, sheets for each clustering; returns their paths.

    Args:
        out: the run's folder.
        items: what was clustered.
        clusterings: one a k.
        store: the frames; None for no sheets.
        level: what an item is: "clip", which its middle frame stands for, or "frame".
        unit: what a unit is, for the words on the sheet.
    """
    folder = out / FOLDER
    folder.mkdir(exist_ok=True)
    units = encode_groups(items.column("unit_id"), what="unit_id")
    may_show = np.array([word != "test" for word in items.column("split")], dtype=bool)
    written = []
    for c in clusterings:
        a = c.assignment
        exemplars = pick_exemplars(a.clusters, a.confidences, a.distances, units=units, may_show=may_show)
        written.append(folder / f"clusters_{c.k}.csv")
        write_text(written[-1], _csv(exemplars, item_names(items, level), k=c.k))
        if store is None:
            continue
        pictures = standing_for(store, items.rows["row"].to_numpy().astype(np.int64), level=level)
        for page, start in enumerate(range(0, len(exemplars), ROWS_A_SHEET)):
            some = exemplars[start : start + ROWS_A_SHEET]
            written.append(folder / (f"sheet_{c.k}_{page + 1}.png" if page else f"sheet_{c.k}.png"))
            buffer = io.BytesIO()
            _sheet(some, pictures, store, level=level, unit=unit).save(buffer, format="PNG", optimize=True)
            write_atomic(written[-1], buffer.getvalue())
    return written


def item_names(items: Embeddings, level: str) -> list[str]:
    """A name for each item: its clip's id, and for frames the index in the source behind a "#"."""
    clips = items.rows["clip_id"].to_pylist()
    if level == "clip":
        return clips
    return [f"{clip}#{frame}" for clip, frame in zip(clips, items.rows["frame_index"].to_pylist(), strict=True)]


def _csv(exemplars: Sequence[Exemplars], names: Sequence[str], *, k: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for e in exemplars:
        writer.writerow([e.cluster, k, e.n, e.n_units, " ".join(names[item] for item in e.medoids), ""])
    return text.getvalue()


def _sheet(
    exemplars: Sequence[Exemplars], pictures: Int64[np.ndarray, " n"], store: Store, *, level: str, unit: str
) -> Image.Image:
    groups = [("typical", N_MEDOIDS), ("on the border", N_BORDERS)]
    if any(e.outliers for e in exemplars):
        groups.append(("far out", N_OUTLIERS))
    rows = []
    for e in exemplars:
        frames = [
            _cells(items, count, pictures, store)
            for items, (_, count) in zip((e.medoids, e.borders, e.outliers), groups, strict=False)
        ]
        note = f"{e.n:,} {level}{'' if e.n == 1 else 's'}\n{e.n_units:,} {unit}{'' if e.n_units == 1 else 's'}"
        rows.append(SheetRow(f"cluster {e.cluster}", note, np.concatenate(frames)))
    return labeled_sheet(rows, groups=groups)


def _cells(
    items: Sequence[int], count: int, pictures: Int64[np.ndarray, " n"], store: Store
) -> UInt8[np.ndarray, "count side side"]:
    """The items' pictures, and paper where there are fewer than `count`."""
    side = min(SIDE, max(store.frame_shape))
    cells = np.full((count, side, side), PAPER, np.uint8)
    if items:
        for place, frame in enumerate(store.read(pictures[np.array(items)])):
            picture = Image.fromarray(frame)
            picture.thumbnail((side, side), Image.Resampling.LANCZOS)
            top, left = (side - picture.height) // 2, (side - picture.width) // 2
            cells[place] = 0
            cells[place, top : top + picture.height, left : left + picture.width] = np.asarray(picture)
    return cells
