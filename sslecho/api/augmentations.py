"""`augmentations`: Store -> a sheet of its frames, changed in every way that pretraining knows."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from sslecho.api.nouns import as_store, counts
from sslecho.api.report import checked_file
from sslecho.api.settings import POLICIES, AugmentationsSettings
from sslecho.config import build
from sslecho.data.sheet import SheetRow, labeled_sheet
from sslecho.data.store import Store
from sslecho.errors import InputError
from sslecho.rundir import write_atomic
from sslecho.views.policies import Views, policy
from sslecho.views.sector import Sectors
from sslecho.views.transform import Scan
from sslecho.views.trials import trials

STRENGTHS = 4  # of an augmentation; as many draws of a policy


def augmentations(store: Store | Path | str, out: Path | str, **options: Any) -> Path:
    """Draw the sheet; an earlier picture of that name is replaced.

    Args:
        store: the noun, or its folder.
        out: the picture, a file that ends in .png.
        options: the fields of `AugmentationsSettings` (`policies=("echo",)`, `frames=3`, `size=128`, `seed=0`, …).

    Returns:
        The picture's path.

    Raises:
        InputError: settings or store are not as they must be, or `out` can't be written.
    """
    return Path(augmentations_with_summary(store, out, **options)["out"])


def augmentations_with_summary(store: Store | Path | str, out: Path | str, **options: Any) -> dict[str, Any]:
    """As `augmentations`; returns what is on the sheet, ready for JSON."""
    settings = build(AugmentationsSettings, options)
    out, store = checked_file(out, ".png", "a picture"), as_store(store)
    if not len(store):
        raise InputError(f"{store.path} holds no frame to draw; ingest some first")
    rows, sectors = _chosen(store, settings.frames, settings.seed), Sectors.of(store)
    frames, outlines = torch.from_numpy(store.read(rows)), sectors.rows(rows)
    names = settings.policies or POLICIES
    sheet = [*_strengths(frames, outlines, settings.size)]
    for name in names:
        maker = Views(policy(name, size=settings.size, use=settings.use), size=settings.size, seed=settings.seed)
        scan = maker.prepare(frames, outlines)
        draws = [_gray(maker(scan, rows, epoch=0, view=view)) for view in range(STRENGTHS)]
        sheet.append(SheetRow(f"policy {name}", "", _frame_by_frame(draws)))
    buffer = BytesIO()
    labeled_sheet(sheet).save(buffer, format="PNG", optimize=True)
    write_atomic(out, buffer.getvalue())
    clips = np.unique(store.clip_of_frame[rows])
    kinds = [sectors.kind[clip] for clip in clips]
    return {
        "out": str(out),
        "rows": [row.label for row in sheet],
        "policies": list(names),
        "use": settings.use,
        "sectors": {kind: kinds.count(kind) for kind in ("fan", "box", "whole")},
        **counts(store, clips),
        "split": "all",
    }


def _strengths(frames: UInt8[Tensor, "n h w"], outlines: Float[Tensor, "n 11"], size: int) -> list[SheetRow]:
    """A row for each augmentation; those of gray act on the picture at rest."""
    rest = Views(policy("none", size=size), size=size, seed=0)
    stored = rest.prepare(frames, outlines)
    tried = trials(size)
    still: Scan = tried[0].apply(stored, None)
    rows = [SheetRow("as stored", "", _frame_by_frame([_gray(still.pixels)] * STRENGTHS))]
    for trial in tried:
        scan = stored if trial.moves else still
        steps = [_gray(trial.apply(scan, step).pixels) for step in range(len(trial.steps))]
        steps += [np.full_like(steps[0], 255)] * (STRENGTHS - len(steps))
        rows.append(SheetRow(trial.name, "\n".join(caption for caption, _ in trial.steps), _frame_by_frame(steps)))
    return rows


def _chosen(store: Store, count: int, seed: int) -> np.ndarray:
    """Frames of as many patients as there are, the same for the same seed."""
    rng = np.random.default_rng(seed)
    units = store.column("unit_id").astype(str)[store.clip_of_frame].tolist()
    order = rng.permutation(len(store))
    turn = np.zeros(len(store), dtype=np.int64)  # whether a frame is its patient's first, second, …
    seen: dict[str, int] = {}
    for place, row in enumerate(order.tolist()):
        turn[place] = seen.get(units[row], 0)
        seen[units[row]] = int(turn[place]) + 1
    return np.sort(order[np.argsort(turn, kind="stable")][:count])


def _gray(pixels: Float[Tensor, "n 1 h w"]) -> UInt8[np.ndarray, "n h w"]:
    return (pixels[:, 0] * 255).round().to(torch.uint8).numpy()


def _frame_by_frame(steps: list[np.ndarray]) -> np.ndarray:
    """All steps of the first frame, then all of the second."""
    pictures = np.stack(steps, axis=1)
    return pictures.reshape(-1, *pictures.shape[2:])
