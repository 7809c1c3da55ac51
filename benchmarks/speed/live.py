"""Is every frame of a live stream answered before the next one comes?

    python benchmarks/speed/live.py [--quick]

A ResNet-18 that names views of 112-pixel frames reads a film of a simulated heart at its own 30 frames a second, on
two threads: alone, with a second ResNet-18 that grades, and with the annotated video. The weights are random, which
changes no time. `budget` is 33.3 ms over the p95 of a frame's latency, from its arrival to its answer: 1 or more keeps
up. What comes too late is dropped and counted. Prints a table and, last, one line of JSON.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch
from measure import finish, in_turn

import sslecho
from sslecho.metrics.calibration import Conformal
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.objectives.grade import GradeHead
from sslecho.phantom.video import video_bytes
from sslecho.tasks.classifier import Classifier
from sslecho.tasks.grader import Grader

FPS, SIZE, VIEWS = 30, 112, 9
BUDGET_MS = 1000 / FPS
ARMS = {
    "view": {"video": False},
    "view and grade": {"video": False, "grader": True},
    "view, grade and video": {"video": True, "grader": True},
}


def film(folder: Path, seconds: float) -> Path:
    """A cine of the phantom again and again, for so long."""
    sslecho.phantom(folder / "phantom", patients=1, views_per_patient=1, clips_per_view=1, frames=15, size=256)
    store = sslecho.ingest(
        folder / "phantom",
        folder / "store",
        labels=str(folder / "phantom" / "labels.csv"),
        patient_from="column:patient",
        workers=1,
    )
    assert store is not None
    n = round(seconds * FPS)
    frames = store.read(np.arange(n) % int(store.clips["n_frames"][0].as_py()))
    path = folder / "film.mp4"
    path.write_bytes(video_bytes(frames, 1000 / FPS))
    return path


def models(folder: Path) -> None:
    torch.manual_seed(0)
    encoder = Encoder("resnet18", image_size=SIZE, mean=0.2, std=0.2).eval()
    names = tuple(f"view {number}" for number in range(VIEWS))
    (folder / "classifier").mkdir()
    (folder / "grader").mkdir()
    Classifier(encoder, LinearHead(encoder.dim, (VIEWS,)), names, 1.0, Conformal(0.9, 0.95, 30), {}).save(
        folder / "classifier"
    )
    Grader(encoder, GradeHead(encoder.dim, (0, 10), loss="mse", mean=5.0), None, (), {}).save(folder / "grader")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models(folder)
        path = film(folder, 3 if quick else 20)
        found: dict[str, list[dict]] = {arm: [] for arm in ARMS}

        def played(arm: str) -> float:
            how = dict(ARMS[arm])
            grader = str(folder / "grader") if how.pop("grader", False) else None
            said = sslecho.predict(
                path,
                folder / "out",
                model=str(folder / "classifier"),
                grader=grader,
                live=True,
                realtime=True,
                sector="off",
                size=256,
                workers=2,
                overwrite=True,
                **how,
            )
            found[arm].append(said.scores)
            return BUDGET_MS / said.scores["p95_ms"]

        rates = in_turn({arm: lambda a=arm: played(a) for arm in ARMS}, repeats=1 if quick else 5)
    rows = [
        {
            "what": arm,
            "frames": sum(one["frames"] + one["dropped"] for one in scores),
            "dropped": sum(one["dropped"] for one in scores),
            **{key: statistics.median(one[key] for one in scores) for key in ("p50_ms", "p95_ms", "max_ms")},
            "frames_per_s": statistics.median(one["frames_per_s"] for one in scores),
        }
        for arm, scores in found.items()
    ]
    spread = {
        arm: {"ratio": round(statistics.median(r), 3), "lowest": round(min(r), 3), "highest": round(max(r), 3)}
        for arm, r in rates.items()
    }
    ratios = {"budget": spread["view"], "budget_with_grade": spread["view and grade"],
              "budget_with_video": spread["view, grade and video"]}  # fmt: skip
    finish("live", ratios=ratios, rows=rows, goals={"budget": 1.0})


if __name__ == "__main__":
    main()
