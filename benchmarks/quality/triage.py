"""Does triage keep b-mode, and keep colour out of it?

Simulated archives (`sslecho phantom --kind archive`), written and read back as files: DICOM with tags as a hospital has
them (absent or stale in part), the same files without their tags, and H.264 video, which has none. The first archives
hold the modes in an archive's own shares; rare modes are drawn again by themselves, so that each has enough clips.
Thresholds were set on seeds below 1000; the seeds here were not looked at before.

    python benchmarks/quality/triage.py [--patients 120] [--rare 20] [--seed 10000]

Prints the confusion matrices and, as its last line, one JSON object.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish

from sslecho.data.readers.sniff import open_recording
from sslecho.data.triage import KINDS, triage
from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.archive_files import write_clip
from sslecho.phantom.archive_settings import ArchiveSettings
from sslecho.phantom.factors import Factors
from sslecho.phantom.kinds import plans_of
from sslecho.phantom.plan import Plan

FRAMES = 8
SIZES = (240, 360, 480)  # one archive each
OF_VIDEO = 100  # what is added to the seeds of the videos
RARE = ("m-mode", "contrast", "dual", "quad", "other")


def mixed_plans(seed: int, patients: int, rare: int) -> list[Plan]:
    """An archive's own mix, then `rare` clips of every rare mode."""
    factors = Factors.from_seed(seed)

    def drawn(patients: int) -> list[Plan]:
        return plans_of("archive", factors, patients=patients, views_per_patient=4, clips_per_view=1)

    plans = drawn(patients)
    for k, mode in enumerate(RARE):
        more = drawn(patients + rare * (k + 1))[patients * 4 :][::4][:rare]
        plans += [replace(plan, mode=mode, clip=f"p{plan.patient:04d}-9{k}{i:02d}") for i, plan in enumerate(more)]
    return plans


def verdicts(seed: int, size: int, patients: int, rare: int, format: str) -> Iterator[tuple[str, bool, dict[str, str]]]:
    """True kind, whether the clip is of the archive's own mix, and what triage says with tags and without."""
    settings = ArchiveSettings(
        kind="archive", patients=patients, views_per_patient=4, clips_per_view=1, frames_per_clip=FRAMES, format=format,
        seed=seed, size=size, overlays=True, jitter=JITTER, masks="sector",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        out, truth = Path(folder) / "archive", Path(folder) / "truth"
        for name in ("clips", "sectors", "glyphs"):
            (truth / name).mkdir(parents=True)
        plans = mixed_plans(seed, patients, rare)
        n_own = len(plans) - rare * len(RARE)
        for k, plan in enumerate(plans):
            write_clip(plan, out, truth, settings)
            files = sorted(file for file in out.rglob("*") if file.is_file())
            recording = open_recording(files[0])
            indices = list(range(recording.n_frames))
            spread = sorted({int(i) for i in np.linspace(0, len(indices) - 1, 5)})
            frames = list(recording.frames(indices, in_color=spread))
            gray, rgb = [frame.pixels for frame in frames], [frame.rgb for frame in frames if frame.rgb is not None]
            said = {"pixels only": triage(gray, rgb).kind}
            if format == "dicom":
                said["with tags"] = triage(gray, rgb, modes=recording.modes).kind
            yield plan.mode, k < n_own, said
            for file in files:
                file.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=120, help="over three archives; about four clips each")
    parser.add_argument("--rare", type=int, default=20, help="further clips of every rare mode")
    parser.add_argument("--seed", type=int, default=10000)
    options = parser.parse_args()
    counts: dict[str, Counter[tuple[str, str]]] = {}
    own: dict[str, Counter[tuple[str, str]]] = {}
    seeds = [options.seed + k for k in range(len(SIZES))]
    for format, patients, rare in (("dicom", options.patients, options.rare), ("video", options.patients // 3, 0)):
        for seed, size in zip(seeds, SIZES, strict=True):
            seed += OF_VIDEO if format == "video" else 0
            for kind, is_own, said in verdicts(seed, size, patients // 3, rare // 3, format):
                for how, found in said.items():
                    how = f"{format}, {how}"
                    counts.setdefault(how, Counter())[kind, found] += 1
                    if is_own:
                        own.setdefault(how, Counter())[kind, found] += 1
    rows, figures = [], {}
    for how, found in counts.items():
        rows += [_row(how, kind, found) for kind in KINDS if any(true == kind for true, _ in found)]
        figures[f"{how}: clips"] = sum(found.values())
        figures[f"{how}: share of colour clips that pass as b-mode"] = _share(found, "colour", "b-mode")
        figures[f"{how}: share of b-mode clips lost"] = 1 - _share(found, "b-mode", "b-mode")
        kept = {true: n for (true, said), n in own[how].items() if said == "b-mode"}
        figures[f"{how}: share of b-mode among what is kept, in the archive's own mix"] = kept["b-mode"] / sum(
            kept.values()
        )
    finish("triage", ratios=figures, rows=rows, seeds=[*seeds, *(seed + OF_VIDEO for seed in seeds)])


def _row(how: str, kind: str, found: Counter[tuple[str, str]]) -> dict[str, str | int | float | None]:
    """A line of the confusion matrix, with recall and precision."""
    clips = sum(n for (true, _), n in found.items() if true == kind)
    said = sum(n for (_, other), n in found.items() if other == kind)
    return {
        "read": how,
        "true kind": kind,
        "clips": clips,
        **{f"→ {other}": found[kind, other] or None for other in KINDS},
        "recall": found[kind, kind] / clips,
        "precision": found[kind, kind] / said if said else None,
    }


def _share(found: Counter[tuple[str, str]], true: str, said: str) -> float:
    return found[true, said] / sum(n for (kind, _), n in found.items() if kind == true)


if __name__ == "__main__":
    main()
