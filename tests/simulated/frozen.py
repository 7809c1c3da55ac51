"""Reference frames of the frozen phantom: what they were when its version was given.

    PYTHONPATH=tests python tests/simulated/frozen.py        writes tests/simulated/frozen.json anew

Only a new PHANTOM_VERSION is a reason to do so (docs/phantom.md says what else it takes).
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sslecho.phantom import EVALUATION_SEEDS, PHANTOM_VERSION
from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.factors import Factors
from sslecho.phantom.kinds import KINDS, plans_of
from sslecho.phantom.plan import MODE_SHARES, Plan, Rendering
from sslecho.phantom.screens.draw import draw_screen

REFERENCE = Path(__file__).with_name("frozen.json")
FRAMES, SIZE = 2, 96
PROJECTIONS = 4


def names_of(kind: str) -> list[str]:
    """What a kind has one reference clip of each: its classes, or the modes of "archive"."""
    return list(MODE_SHARES) if KINDS[kind].draw is None else list(KINDS[kind].classes)


def pictures(kind: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Frames and sector of the reference clip of a class (or mode); every class has a patient of its own."""
    number = names_of(kind).index(name)
    factors = Factors.from_seed(EVALUATION_SEEDS)
    archive = KINDS[kind].draw is None
    plan = Plan(kind, number, 0, "a4c" if archive else name, 0, 0, f"p{number:04d}-000", "", name if archive else "")
    draw = KINDS[kind].draw
    if draw is None:
        screen = draw_screen(plan, factors, frames=FRAMES, size=SIZE, jitter=JITTER).screen
        return screen.frames, screen.sector
    clip = draw(plan, factors, Rendering(1 if KINDS[kind].still else FRAMES, SIZE, JITTER))
    return clip.frames, clip.sector


def projections(values: np.ndarray) -> list[float]:
    """A few random projections, scaled so that one unit is one gray level's worth of noise over the whole picture."""
    rng = np.random.default_rng(7)
    flat = values.ravel().astype(np.float64)
    return [round(float(flat @ rng.standard_normal(flat.size)) / flat.size**0.5, 3) for _ in range(PROJECTIONS)]


def fingerprint(kind: str, name: str) -> dict[str, Any]:
    """What is recorded of a reference clip."""
    frames, sector = pictures(kind, name)
    return {
        "shape": list(frames.shape),
        "sha256": hashlib.sha256(np.ascontiguousarray(frames).tobytes()).hexdigest(),
        "pixels": projections(frames),
        "sector": projections(sector * np.uint8(255)),
    }


def plans_hash(kind: str) -> str:
    """Which clips an archive has, of which classes and patients."""
    plans = plans_of(kind, Factors.from_seed(EVALUATION_SEEDS), patients=30, views_per_patient=4, clips_per_view=3)
    return hashlib.sha256(json.dumps([asdict(plan) for plan in plans]).encode()).hexdigest()


def main() -> None:
    record = {
        "version": PHANTOM_VERSION,
        "plans": {kind: plans_hash(kind) for kind in KINDS},
        "clips": {kind: {name: fingerprint(kind, name) for name in names_of(kind)} for kind in KINDS},
    }
    REFERENCE.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{REFERENCE.name}: version {PHANTOM_VERSION}, {sum(len(c) for c in record['clips'].values())} clips")


if __name__ == "__main__":
    main()
