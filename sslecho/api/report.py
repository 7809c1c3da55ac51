"""`report`: a clustering's folder -> one self-contained page."""

from pathlib import Path
from typing import Any

import numpy as np

from sslecho.embed.layout import umap_layout
from sslecho.errors import InputError
from sslecho.report.cluster_run import ClusterRun
from sslecho.report.page import Layout, build_page
from sslecho.rundir import disk_error, write_text

NEIGHBORS = 15
MOST_POINTS = 20_000  # on the page's maps: more of them only cover each other


def report(run: Path | str, out: Path | str) -> Path:
    """Draw the page of a clustering; an earlier page of that name is replaced.

    Args:
        run: the folder that `cluster` wrote, or one that holds it.
        out: the page, a file that ends in .html.

    Returns:
        The page's path.

    Raises:
        InputError: no finished clustering there, or `out` can't be written.
    """
    return Path(report_with_summary(run, out)["out"])


def report_with_summary(run: Path | str, out: Path | str) -> dict[str, Any]:
    """As `report`; returns what is on the page, ready for JSON."""
    out = checked_file(out, ".html", "a page")
    shown = ClusterRun.read(run)
    layout = _layout(shown)
    page = build_page(shown, layout)
    write_text(out, page)
    return {
        "out": str(out),
        "bytes": len(page.encode()),
        "k": shown.chosen_k,
        "n": shown.items.num_rows,
        "n_patients": len({unit for unit in shown.column("unit_id") if unit is not None}),
        "split": shown.split,
        "unit": shown.unit,
        "notes": shown.notes,
    }


def checked_file(out: Path | str, suffix: str, what: str) -> Path:
    """The file to write, its folder made.

    Raises:
        InputError: another ending, or a folder stands there.
    """
    out = Path(out)
    if out.is_dir():
        raise InputError(f"--out {out} is a folder; name {what} in it, such as {out}/{what.split()[-1]}{suffix}")
    if out.suffix.lower() != suffix:
        raise InputError(f"--out {out} must end in {suffix}, the kind of file that is written")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(out, error) from error
    return out


def _layout(run: ClusterRun) -> Layout | None:
    """A map of the clustered items, of some of them where they are very many; None where the embeddings are gone."""
    if run.embeddings is None:
        return None
    embedded = run.embeddings.per_clip() if run.level == "clip" else run.embeddings
    same = ["clip_id", "frame_index"] if run.level == "frame" else ["clip_id"]
    if any(embedded.column(name).tolist() != run.column(name) for name in same):
        run.notes.append("The embeddings are of other frames than those that were clustered, so there is no map.")
        return None
    items = np.arange(len(embedded), dtype=np.int64)
    caption = f"UMAP, {NEIGHBORS} neighbors, seed 0"
    if len(items) > MOST_POINTS:
        caption += f", a sample of {len(items):,}"
        items = np.sort(np.random.default_rng(0).choice(items, MOST_POINTS, replace=False))
    points = umap_layout(np.asarray(embedded.vectors)[items], neighbors=NEIGHBORS, seed=0)
    return Layout(points, items, caption)
