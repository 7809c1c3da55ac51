"""`split`: Store -> the same store with train, val and test."""

from pathlib import Path
from typing import Any

from sslecho.api.nouns import as_store, groups
from sslecho.api.settings import SplitSettings
from sslecho.config import build
from sslecho.data import splits as layer
from sslecho.data.store import Store


def split(store: Store | Path | str, **options: Any) -> Store:
    """Divide a store into train, val and test, a patient never in two of them; an earlier split is replaced.

    Args:
        options: the fields of `SplitSettings` (`test=0.2`, `val=0.1`, `by="patient"`, `seed=0`, …).

    Returns:
        The store with its new tables; the frames are untouched.

    Raises:
        InputError: patients are unknown and `by="clip"` was not said, there are too few, or shares are wrong.
    """
    return split_with_summary(store, **options)[0]


def split_with_summary(store: Store | Path | str, **options: Any) -> tuple[Store, dict[str, Any]]:
    """As `split`, with the counts that the command prints."""
    settings = build(SplitSettings, options)
    divided = layer.split(
        as_store(store),
        test=settings.test,
        val=settings.val,
        by="unit" if settings.by == "sweep" else settings.by,
        seed=settings.seed,
        stratify=settings.stratify,
    )
    counts = layer.count_splits(divided)
    return divided, {
        "out": str(divided.path),
        "splits": {name: dict(figures) for name, figures in counts.items()},
        "n": divided.clips.num_rows,
        "n_patients": len(set(divided.column("unit_id").tolist())),
        "split": "+".join(counts),
        "unit": groups(divided.unit),
    }
