"""What the benchmarks of speed judge by, on made answers; and the one for GPUs, where there is none."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sslecho.data.writer import StoreWriter
from sslecho.views.sector import Sectors

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS / "speed"))
import quality_curve  # noqa: E402
import time_to_quality as benchmark  # noqa: E402
from fan_store import make_store  # noqa: E402


def made_store(folder: Path):
    """Six patients with two clips of one or two frames; the picture's level is its place in the list."""
    rng = np.random.default_rng(3)
    with StoreWriter(folder, (8, 8)) as writer:
        for clip in range(12):
            told = {"label": "abc"[int(rng.integers(3))], "split": "val" if clip < 8 else "train"}
            ids = {"clip_id": f"c{clip}", "patient_id": f"p{clip // 2}", "source_id": f"s{clip}"}
            writer.add_clip(np.full((1 + clip % 2, 8, 8), clip, dtype=np.uint8), {**ids, **told})
        return writer.commit()


def test_the_judge_is_the_vote_of_other_patients_clips(tmp_path: Path):
    store = made_store(tmp_path / "store")
    vectors = np.random.default_rng(4).normal(size=(12, 3))
    judge = quality_curve.Judge(store)
    found = judge(lambda frames: torch.from_numpy(vectors[frames[:, 0, 0].numpy()]))

    label, split = store.column("label"), store.column("split")
    right: dict[str, list[bool]] = {}
    for i in (i for i in range(12) if split[i] == "val"):
        others = [j for j in range(12) if j // 2 != i // 2]
        cosine = {j: vectors[i] @ vectors[j] / np.linalg.norm(vectors[i]) / np.linalg.norm(vectors[j]) for j in others}
        near = [label[j] for j in sorted(others, key=lambda j: -cosine[j])[: quality_curve.NEIGHBORS]]
        votes = {word: near.count(word) for word in near}
        said = next(word for word in near if votes[word] == max(votes.values()))
        right.setdefault(label[i], []).append(said == label[i])
    assert 0 < found < 1
    assert found == pytest.approx(np.mean([np.mean(answers) for answers in right.values()]))


def test_a_target_is_reached_by_two_looks_in_a_row():
    curve = quality_curve.Curve(lambda embed: 0.0)  # pyright: ignore[reportArgumentType]
    curve.points = [(1.0, 0.5), (2.0, 0.3), (3.0, 0.5), (4.0, 0.6), (5.0, 0.9)]
    assert curve.reached(0.5) == 4.0
    assert curve.reached(0.6) == 5.0
    assert curve.reached(0.7) is None


def row(seed: int, ours: float | None, *, untrained: float = 0.2, data: str = "lung") -> dict:
    return {
        "data": data,
        "seed": seed,
        "untrained": untrained,
        "target": 0.4,
        "lightly_s": 10.0,
        "lightly_reached_s": 5.0,
        "tuned_s": 8.0,
        "ours_s": ours,
    }


def test_a_seed_whose_untrained_encoder_passes_counts_for_nothing_and_one_never_reached_as_endless():
    ratios, (shown,) = benchmark.summary([row(0, 1.0), row(1, 2.0), row(2, None), row(3, 9.0, untrained=0.4)])
    assert ratios["time_to_quality"] == ratios["lung_time_to_quality"] == 0.2
    assert ratios["lung_same_rule"] == 0.4
    assert (shown["null"], shown["not_reached"], shown["seeds"]) == (1, 1, 4)
    assert benchmark.ratio(row(2, None), "ours_s", "lightly_s") == math.inf


def test_the_headline_is_that_of_the_worse_set_and_none_where_a_set_is_endless():
    lung = [row(seed, 1.0) for seed in range(3)]
    assert benchmark.summary([*lung, *(row(s, 3.0, data="phantom") for s in range(3))])[0]["time_to_quality"] == 0.3
    never, _ = benchmark.summary([*lung, *(row(seed, None, data="phantom") for seed in range(3))])
    assert never["lung_time_to_quality"] == 0.1
    assert never["time_to_quality"] is None
    only, _ = benchmark.summary([*lung, *(row(s, 1.0, untrained=0.5, data="phantom") for s in range(3))])
    assert only["time_to_quality"] == 0.1


def test_the_made_store_has_fans_that_are_known_as_such(tmp_path: Path):
    store = make_store(tmp_path / "store", clips=6, frames=2, side=128)
    assert set(Sectors.of(store).kind) == {"fan"}


def test_without_a_gpu_the_benchmark_for_gpus_says_so_and_ends_well():
    done = subprocess.run(
        ["sh", BENCHMARKS / "gpu" / "pretrain.sh"],
        env={**os.environ, "PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert "no GPU" in said["skipped"]
    assert said["rows"] == []
