"""`ingest`: files -> Store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sslecho.api.settings import IngestSettings
from sslecho.config import build
from sslecho.data import ingest as layer
from sslecho.data.store import Store
from sslecho.rundir import warn

Sources = Sequence[Path | str] | Path | str


def ingest(sources: Sources, out: Path | str, *, overwrite: bool = False, **options: Any) -> Store | None:
    """Turn files into a store; the same call again goes on where it stopped.

    Args:
        sources: files and folders: PNG, JPEG, BMP, TIFF, videos, GIF, DICOM.
        out: the store's folder; its key, and the table that leads back to the files, go to `<out>.key` beside it.
        overwrite: replace a store that stands there.
        options: the fields of `IngestSettings` (`labels="labels.csv"`, `patient_from="folder"`, `size=256`, …).

    Returns:
        The store; None for `dry_run=True`.

    Raises:
        InputError: sources, labels or settings are not as they must be, or nothing was accepted.
    """
    return ingest_with_summary(sources, out, overwrite=overwrite, **options)[0]


def ingest_with_summary(
    sources: Sources, out: Path | str, *, overwrite: bool = False, **options: Any
) -> tuple[Store | None, dict[str, Any]]:
    """As `ingest`, with the counts and the quarantine that the command prints."""
    settings = build(IngestSettings, options)
    if isinstance(sources, (str, Path)):
        sources = [sources]
    store, summary = layer.ingest(
        [Path(source) for source in sources],
        Path(out),
        labels=Path(settings.labels) if settings.labels else None,
        labels_from=settings.labels_from,
        label_column=settings.label_column,
        patient_from=settings.patient_from,
        unit=settings.unit,
        sector=settings.sector,
        keep=settings.keep,
        size=settings.size,
        every=settings.every,
        max_frames=settings.max_frames,
        workers=settings.workers,
        scheduler=settings.scheduler,
        dry_run=settings.dry_run,
        overwrite=overwrite,
    )
    for warning in summary.get("warnings", ()):
        warn(warning)
    return store, {"out": str(out), "n": summary["clips"], "n_patients": summary["patients"], "split": "all", **summary}
