"""`phantom`: an archive of simulated ultrasound."""

import shutil
from pathlib import Path
from typing import Any

from sslecho.api.nouns import workers_of
from sslecho.api.settings import PhantomSettings
from sslecho.config import build
from sslecho.phantom.archive import truth_folder, write_archive


def phantom(out: Path | str, *, overwrite: bool = False, **options: Any) -> dict[str, Any]:
    """Write files of simulated ultrasound with fake identities, `labels.csv`, and the truth in a folder beside it.

    Args:
        out: the archive's folder; the truth goes to `<out>.truth`.
        overwrite: remove an earlier archive there first.
        options: the fields of `PhantomSettings` (`kind="echo"`, `patients=24`, `format="png"`, …).

    Returns:
        Counts: `out`, `truth`, `files`, `n` clips, `frames`, `n_patients`, `classes`, `split`, `unit`.

    Raises:
        InputError: settings or folder are not as they must be.
    """
    settings = build(PhantomSettings, options)
    truth = truth_folder(Path(out))
    if overwrite and (truth / "archive.json").is_file():  # else it is no archive of ours, and is left alone
        shutil.rmtree(truth)
        shutil.rmtree(out, ignore_errors=True)
    counts = write_archive(
        out,
        kind=settings.kind,
        patients=settings.patients,
        views_per_patient=settings.views_per_patient,
        clips_per_view=settings.clips_per_view,
        frames_per_clip=settings.frames,
        format=settings.format,
        seed=settings.seed,
        size=settings.size,
        workers=workers_of(settings.workers),
        overlays=settings.overlays,
        masks=settings.masks,
        classes=settings.classes,
        fan=settings.fan,
        sizes=settings.sizes or "",
    )
    return {
        "out": str(out),
        "truth": str(truth),
        "files": counts["files"],
        "n": counts["clips"],
        "frames": counts["frames"],
        "n_patients": counts["patients"],
        "classes": counts["classes"],
        "split": "all",
        "unit": counts["unit"],
    }
