"""What the comparison of clusterings and the measurement of growth say of made answers; what they do again and not."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "speed"))
sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "quality"))
import clustering
import clustering_data
import clustering_summary as summary
import growth
from clustering_arms import ARMS, TIMES, VARIANTS, named_right, scored
from rows import Rows

from sslecho.metrics.clustering import accuracy, contingency, purity
from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal.still import PLANE_SHARES
from sslecho.phantom.sizes import plans_of_sizes


def test_the_largest_square_is_that_of_a_slow_search():
    rng = np.random.default_rng(3)
    for _ in range(10):
        mask = rng.random((14, 17)) < 0.9
        top, left, side = clustering_data.largest_square(mask)
        assert mask[top : top + side, left : left + side].all()
        slow = max(
            s for s in range(1, 15, 2) for y in range(15 - s) for x in range(18 - s) if mask[y : y + s, x : x + s].all()
        )
        assert side == slow


def test_a_square_that_reaches_the_border_is_found():
    assert clustering_data.largest_square(np.ones((9, 12), dtype=bool))[2] == 9


def test_hidden_pictures_hold_nothing_but_sector(tmp_path):
    archive = tmp_path / "archive"
    (tmp_path / "archive.truth" / "sectors").mkdir(parents=True)
    archive.mkdir()
    y, x = np.mgrid[:64, :64]
    mask = (np.hypot(y, x - 32) < 60) & (np.abs(x - 32) < y)
    Image.fromarray((mask * 200).astype(np.uint8)).save(archive / "a.png")
    Image.fromarray((mask * 255).astype(np.uint8)).save(tmp_path / "archive.truth" / "sectors" / "c1.png")
    (archive / "labels.csv").write_text("path,label,patient,clip\na.png,brain,p1,c1\n")
    clustering_data.hide_fans(archive)
    picture = np.asarray(Image.open(archive / "a.png"))
    assert picture.shape[0] == picture.shape[1] > 20
    assert (picture == 200).all()


def test_validation_takes_women_of_the_training_half_alone(tmp_path):
    labels = tmp_path / "labels.csv"
    rows = [f"{k}.png,brain,p{k // 2:02d},{'train' if k < 40 else 'test'}" for k in range(60)]
    labels.write_text("\n".join(["path,label,patient,split", *rows]) + "\n")
    clustering_data.with_validation(labels)
    with labels.open(newline="") as file:
        found = list(csv.DictReader(file))
    of_split = {name: {row["patient"] for row in found if row["split"] == name} for name in ("train", "val", "test")}
    assert of_split["test"] == {f"p{k:02d}" for k in range(20, 30)}
    assert len(of_split["val"]) == 3
    assert not of_split["val"] & of_split["train"]


@pytest.mark.parametrize("scale", [0.03, 0.1])
def test_classes_keep_the_shares_of_the_published_set(scale):
    patients = clustering_data.women_of(scale)
    plans = plans_of_sizes("fetal_planes", Factors.from_seed(10_000), patients=patients)
    assert patients == round(1792 * scale)
    for name, share in PLANE_SHARES.items():
        assert np.mean([plan.view == name for plan in plans]) == pytest.approx(share, abs=0.015)


def test_items_that_count_add_up_to_purity_and_accuracy():
    rng = np.random.default_rng(1)
    truth = rng.integers(4, size=60)
    clusters = np.where(rng.random(60) < 0.6, 3 * truth, rng.integers(12, size=60))
    right = named_right(truth, clusters)
    table = contingency(truth, clusters)
    assert right["purity"].mean() == pytest.approx(purity(table))
    assert right["accuracy"].mean() == pytest.approx(accuracy(table))
    assert right["accuracy"].mean() < right["purity"].mean()


def line(arm: str, seed: int, rate: float, *, data: str = "fetal", variant: str = "without other") -> dict[str, Any]:
    """A line of `clustering.py` with made answers: 40 patients of 3 clips each, of which a part counts as right."""
    rng = np.random.default_rng([seed, len(arm), round(100 * rate)])
    about = {"data": data, "fan": "hidden", "variant": variant, "arm": arm, "seed": seed, "n_patients": 40}
    if not ARMS[arm].method:
        figures = {"accuracy": rate, "accuracy_low": rate - 0.1, "accuracy_high": rate + 0.1, "balanced_accuracy": rate}
        return {**about, "results": [figures]}
    names = ("nmi", "purity_chance", "inverse_purity", "coverage", "clusters_used")
    results = [
        {
            "k": 5 * times,
            **dict.fromkeys(names, 0.5),
            "right": {name: (rng.random(120) < rate).astype(float).tolist() for name in summary.RIGHTS.values()},
        }
        for times in TIMES
    ]
    return {**about, "patients": [f"p{k // 3}" for k in range(120)], "results": results}


def lines(rates: dict[str, float], **how: Any) -> list[dict[str, Any]]:
    return [line(arm, seed, rate, **how) for arm, rate in rates.items() for seed in range(3)]


RATES = {"fusc": 0.95, "fusc, as published": 0.7, "kmeans": 0.75, "chance": 0.3, "linear probe": 0.97}


def test_points_hold_means_over_seeds_and_paired_differences():
    rows = lines(RATES)
    found = summary.points(rows)
    by_hand = {
        arm: np.mean([np.mean(row["results"][0]["right"]["transfer"]) for row in rows if row["arm"] == arm])
        for arm in ("fusc", "kmeans")
    }
    point = summary.find(found, summary.GATE_SET, "fusc")
    assert point is not None
    assert point["transfer_purity"] == pytest.approx(by_hand["fusc"])
    assert point["over_kmeans"] == pytest.approx(by_hand["fusc"] - by_hand["kmeans"])
    assert point["transfer_purity_low"] < point["transfer_purity"] < point["transfer_purity_high"]
    assert point["over_kmeans_low"] > 0


def test_a_real_patient_is_the_same_under_all_seeds():
    """Then seeds say less: intervals are wider than with as many simulated patients."""
    spreads = []
    for data in ("fetal", "lung"):
        rows = [line("fusc", 0, 0.6, data=data)]
        rows += [{**rows[0], "seed": seed} for seed in range(1, 5)]
        point = summary.points(rows)[0]
        spreads.append(point["transfer_purity_high"] - point["transfer_purity_low"])
    assert spreads[1] > 1.5 * spreads[0]


def test_an_arm_that_failed_once_is_left_out():
    rows = lines(RATES)
    broken = next(row for row in rows if row["arm"] == "kmeans")
    del broken["results"]
    arms = {point["arm"] for point in summary.points(rows)}
    assert "kmeans" not in arms
    assert "fusc" in arms


@pytest.mark.parametrize(("rate", "word"), [(0.97, "is met"), (0.85, "is not met")])
def test_the_gate_is_judged_by_purity(rate, word):
    found = summary.points(lines({**RATES, "fusc": rate}))
    assert word in summary.verdicts(found)[0]
    assert summary.ratios(found)["purity_without_other"] == pytest.approx(rate, abs=0.05)


def test_the_figure_is_drawn_from_the_result(tmp_path):
    rows = [
        *lines({"fusc": 0.9, "linear probe": 0.9}),
        *lines({"fusc": 0.6, "kmeans": 0.5}, data="lung", variant="all"),
    ]
    summary.plot({"points": summary.points(rows)}, tmp_path / "clustering.png")
    assert (tmp_path / "clustering.png").read_bytes()[:4] == b"\x89PNG"


def test_all_arms_are_planned_for_every_set_and_seed():
    jobs = clustering.planned(("fetal", "lung"), seeds=5, scale=0.1, budget_s=10.0)
    # Fans hidden: every variant; shown: all classes; lungs.
    assert len({job.key for job in jobs}) == len(jobs) == 5 * len(ARMS) * (len(VARIANTS) + 1 + 1)
    assert min(job.seed for job in jobs) >= 10_000
    again = clustering.planned(("fetal",), seeds=1, scale=0.2, budget_s=10.0)
    assert not {job.key for job in again} & {job.key for job in jobs}


def test_half_a_line_of_a_killed_run_is_done_again(tmp_path):
    file = tmp_path / "rows.jsonl"
    Rows(file).add({"key": "a", "value": 1})
    with file.open("a") as text:
        text.write('{"key": "b", "val')
    rows = Rows(file)
    assert list(rows.done) == ["a"]
    rows.add({"key": "b", "value": 2})
    assert {key: row["value"] for key, row in Rows(file).done.items()} == {"a": 1, "b": 2}


def test_nothing_left_out_reaches_the_score(tmp_path, monkeypatch):
    """Class 2 is easy, classes 0 and 1 are one: left out, it neither helps nor is counted."""
    from sslecho.embed.embeddings import Embeddings

    rng = np.random.default_rng(0)
    label = np.array([f"c{k % 3}" for k in range(180)], dtype=object)
    centers = np.array([[5.0, 0, 0, 1], [5.0, 0, 0, 1], [0, 5.0, 0, 1]])
    unit = np.array([f"p{k // 6}" for k in range(180)], dtype=object)

    class Made:
        vectors = (centers[np.arange(180) % 3] + 0.3 * rng.normal(size=(180, 4))).astype(np.float32)

        def per_clip(self) -> "Made":
            return self

        def column(self, name: str) -> np.ndarray:
            split = np.array(["train", "train", "val", "test", "test"], dtype=object)[np.arange(180) // 6 % 5]
            clip = np.array([f"k{k}" for k in range(180)], dtype=object)
            return {"label": label, "split": split, "unit_id": unit, "clip_id": clip}[name]

    monkeypatch.setattr(Embeddings, "load", lambda _: Made())
    whole = scored(tmp_path, arm=ARMS["kmeans"], leave_out=(), seed=0)
    part = scored(tmp_path, arm=ARMS["kmeans"], leave_out=("c2",), seed=0)
    assert (whole["classes"], part["classes"]) == (3, 2)
    assert (whole["n"], part["n"], len(part["patients"])) == (72, 48, 48)
    assert [row["k"] for row in part["results"]] == [2, 6]
    assert part["results"][0]["transfer_purity"] < 0.75
    assert np.mean(part["results"][0]["right"]["transfer"]) == pytest.approx(
        part["results"][0]["transfer_purity"], abs=0.05
    )
    shuffled = scored(tmp_path, arm=ARMS["chance"], leave_out=(), seed=0)
    assert shuffled["results"][0]["transfer_purity"] < 0.5 < whole["results"][0]["transfer_purity"]


def test_growth_stops_at_the_largest_n_that_was_asked_for():
    assert growth.sizes_up_to(100_000) == [10_000, 30_000, 100_000]
    assert growth.sizes_up_to(50_000) == [10_000, 30_000, 50_000]
    assert growth.sizes_up_to(1_000_000) == list(growth.SIZES)


def test_growth_tells_the_slope_and_a_million_only_if_it_was_there():
    rows = [
        {"stage": stage, "n": n, "s": n**1.5 / 1e7, "peak_gib": n / 1e6}
        for stage in ("graph", "propagation")
        for n in (100_000, 1_000_000)
    ]
    found = growth.summary(rows)
    assert found["graph_exponent"] == pytest.approx(1.5)
    assert found["graph_and_propagation_minutes"] == pytest.approx(2 * 1e9 / 1e7 / 60, abs=0.01)
    assert found["graph_and_propagation_gib"] == 1.0
    assert growth.summary(rows[:1])["graph_and_propagation_minutes"] is None


def test_the_plan_is_reckoned_from_a_million_and_says_so():
    rows = [
        {"stage": stage, "n": 1_000_000, "dim": 256, "s": 360.0, "peak_gib": 3.0, "above_start_gib": 2.5}
        for stage in growth.STAGES
    ]
    said = growth.plan(rows)
    assert "not measured" in said[0]
    assert "102 GB" in said[0]  # 1e8 x 256 x 4 bytes
    assert "7.2 GB" in said[1]  # 64 bytes of code and 8 of id
    assert "40 hours" in said[2]  # 100 x 4 x 360 s
    assert "250 GiB" in said[4]
    assert growth.plan(rows[1:]) == []


def test_growth_measures_what_is_missing_and_makes_again_what_that_needs(tmp_path, monkeypatch):
    ran: list[str] = []

    def run(stage: str, folder: Path) -> dict[str, Any]:
        ran.append(stage)
        for name, by in growth.NEEDS.values():
            if by == stage:
                (folder / name).touch()
        return {"s": 1.0, "peak_gib": 0.1}

    monkeypatch.setattr(growth, "run_stage", run)
    rows = Rows(tmp_path / "rows.jsonl")
    for stage in ("graph", "kmeans", "assignment"):
        rows.add({"key": growth.key_of(stage, 100, 32, 1.0), "stage": stage})
    growth.run_size(rows, tmp_path / "work", 100, 32, 1.0)
    assert ran == ["graph", "propagation", "kmeans", "assignment", "metrics"]
    growth.run_size(rows, tmp_path / "work", 100, 32, 1.0)
    assert len(ran) == 5
    written = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert [json.loads(text)["stage"] for text in written] == [*growth.STAGES]
