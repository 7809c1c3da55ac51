"""`ingest`: files -> Store."""

from collections.abc import Sequence
from dataclasses import fields
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
        sources: files and folders: pictures, videos, DICOM, NIfTI, MetaImage, and zip and tar files of these.
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
    what = {field.name: getattr(settings, field.name) for field in fields(settings)}
    for name in ("labels", "sign_off"):
        what[name] = Path(what[name]) if what[name] else None
    store, summary = layer.ingest([Path(source) for source in sources], Path(out), overwrite=overwrite, **what)
    for warning in summary["warnings"]:
        warn(warning)
    return store, {"out": str(out), "n": summary["clips"], "n_patients": summary["patients"], "split": "all", **summary}
