"""The worst errors of a run as pictures: what a person should look at before believing its figures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sslecho.data.shown import may_be_shown, standing_for
from sslecho.errors import SslechoError
from sslecho.report.markup import text
from sslecho.report.run_folder import Run
from sslecho.report.thumbnails import jpeg_address

SIDE = 200  # pixels of a picture in the page
MOST = 24
EACH = 2  # of one patient: a person's ten clips of one kind would fill the sheet


@dataclass(frozen=True)
class Wrong:
    """One error: the item's place in the predictions, and what is said under its picture."""

    item: int
    first: str
    second: str


def chosen(order: Sequence[int], units: np.ndarray, *, most: int = MOST, each: int = EACH) -> list[int]:
    """Items in the given order, the worst first, at most so many, and so many of each unit."""
    taken: dict[str, int] = {}
    found = []
    for item in order:
        unit = str(units[item])
        if taken.get(unit, 0) < each:
            taken[unit] = taken.get(unit, 0) + 1
            found.append(int(item))
        if len(found) == most:
            break
    return found


def sheet(run: Run, wrong: Sequence[Wrong], *, most_bytes: int) -> str:
    """A grid of pictures with what was said of each.

    Words alone where the store is gone, the page is full, or a picture may hold a name.
    """
    pictures = _pictures(run, [one.item for one in wrong])
    shown = []
    for one, frame in zip(wrong, pictures, strict=True):
        image = ""
        if frame is not None:
            address = jpeg_address(frame, side=SIDE)
            most_bytes -= len(address)
            if most_bytes >= 0:
                image = f'<img src="{address}" alt="{text(one.first)}, {text(one.second)}">'
        shown.append(f"<figure>{image}<figcaption><b>{text(one.first)}</b><br>{text(one.second)}</figcaption></figure>")
    return f'<div class="errors">{"".join(shown)}</div>'


def _pictures(run: Run, items: list[int]) -> list[np.ndarray | None]:
    store = run.store
    if store is None or not items:
        return [None] * len(items)
    rows = run.column("row")[items]
    if any(row is None for row in rows):
        return [None] * len(items)
    rows = rows.astype(np.int64)
    try:
        frames = store.read(standing_for(store, rows, level=run.level))
        allowed = may_be_shown(store)[store.clip_of_frame[rows]]
        return [frame if shown else None for frame, shown in zip(frames, allowed, strict=True)]
    except (IndexError, SslechoError):
        return [None] * len(items)
