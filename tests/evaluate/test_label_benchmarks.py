"""What the comparisons of label efficiency, grading and rare classes say of made answers."""

import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_store import draw_store
from sklearn.metrics import f1_score

import sslecho

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "speed"))
sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "quality"))
import chartsias
import grading_summary
import label_efficiency_summary as efficiency


def line(seed, arms, *, n_patients=30, data="phantom"):
    """Two clips a patient of three classes; an arm is right where its chance says so, the same in both draws."""
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(n_patients), 2)
    truth = rng.integers(3, size=len(units))
    luck = rng.random(len(units))
    said = {
        arm: {x: [np.where(luck < share, truth, (truth + 1) % 3).tolist()] * 2 for x in ("2", "all")}
        for arm, share in arms.items()
    }
    names = [f"p{unit}" for unit in units]
    about = {"seed": seed, "classes": list("abc"), "unit": "patient", "leaky": 0.9}
    return {**about, "truth": truth.tolist(), "units": names, "said": said}


def test_macro_f1_is_that_of_scikit_learn_and_leaves_out_what_does_not_occur():
    rng = np.random.default_rng(0)
    truth, said = rng.integers(3, size=50), rng.integers(4, size=50)
    table = efficiency.confusion(truth, said, rng.integers(7, size=50), 5, 7)
    assert table.sum() == 50
    [found] = efficiency.macro_f1(table.sum(2, keepdims=True))
    assert found == pytest.approx(f1_score(truth, said, average="macro"))  # of four classes; the fifth is nowhere


def test_the_better_arm_leads_and_an_arm_does_not_lead_itself():
    lines = [line(seed, {"finetune": 0.8, "scratch": 0.5, "scratch-plain": 0.5, "encoder": 0.8}) for seed in range(5)]
    part = efficiency.Part("phantom", lines)
    assert len(part.units) == 150  # simulated patients of two seeds are two patients
    assert efficiency.Part("lung", lines).units.tolist() == sorted({f":p{n}" for n in range(30)})
    value, low, high = part.lead("finetune", "scratch", "2")
    assert 0.15 < low < value < high < 0.5
    assert part.lead("finetune", "encoder", "2") == (0, 0, 0)
    said = efficiency.summary({"phantom": lines})
    assert said["ratios"]["phantom: finetune - scratch at 2"]["ratio"] == pytest.approx(value, abs=1e-4)
    assert said["goals"] == {f"phantom: finetune - {rival} at 2": 0.15 for rival in ("scratch", "scratch-plain")}
    assert (
        "Gate (above scratch with and without weights, intervals above zero): passed"
        in said["recommendation"]["text"][1]
    )
    lines = [line(seed, {"finetune": 0.5, "scratch": 0.5, "scratch-plain": 0.8}) for seed in range(5)]
    text = efficiency.summary({"phantom": lines})["recommendation"]["text"]
    assert "not shown to differ from" in text[0]
    assert "failed" in text[1]
    assert [row["macro F1 of"] for row in said["rows"]][-1].endswith("(leaky: a warning)")


def test_the_figure_is_drawn_from_the_points(tmp_path):
    lines = [line(seed, {"finetune": 0.8, "scratch": 0.5, "encoder": 0.7}) for seed in range(2)]
    efficiency.plot({"points": efficiency.summary({"phantom": lines})["points"]}, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"


def graded(seed, *, error):
    """Twelve sweeps of five frames in two views, the second one Random; raters two apart."""
    rng = np.random.default_rng(seed)
    sweeps = np.repeat(np.arange(12), 5)
    views = np.where(sweeps < 8, "A4C", "Random")
    true = np.where(views == "Random", 0.0, rng.uniform(2, 9, len(sweeps)))
    truth = np.where(views == "Random", 0.0, true + 0.5)
    said = {name: (truth + rng.choice([-error, error], len(truth))).tolist() for name in grading_summary.SHOWN}
    about = {"constant": 4.0, "constants": {"A4C": 5.0, "Random": 0.0}, "view_accuracy": 0.6}
    leaky = {"mse": 0.1, "mse_constant": 4.0, "view_accuracy": 0.99}
    raters = {"rater_1": truth - 1, "rater_2": np.where(views == "Random", 0.0, truth + 1)}
    raters["rater_1"] = np.where(views == "Random", 0.0, raters["rater_1"])
    return {
        "seed": seed, **about, "leaky": leaky, "truth": truth.tolist(), "true_grade": true.tolist(), "said": said,
        "views": views.tolist(), "sweeps": [f"s{n}" for n in sweeps], "said_views": {"multitask, mse": views.tolist()},
        **{name: values.tolist() for name, values in raters.items()},
    }  # fmt: skip


def test_a_grader_is_held_against_raters_views_and_what_nobody_gets_below():
    said = grading_summary.summary([graded(seed, error=0.5) for seed in range(5)])
    rows = {row["arm"]: row["MSE"] for row in said["rows"]}
    assert rows["transfer, mse"] == "0.25"
    assert rows["rater against rater"].startswith("2.67 ")  # 4 in 8 of 12 sweeps
    assert rows["the true grade (irreducible)"] == "0.00"  # raters add a half to all alike
    assert said["ratios"]["transfer, mse - rater against rater"]["highest"] < 0
    assert "better than one rater against the other" in said["recommendation"]["text"][0]
    by_view = {row["view"]: row for row in said["tables"]["by_view"]}
    assert by_view["Random"]["its training mean"] == "0.00"
    assert by_view["A4C"]["rater against rater"] == "4.00"
    assert sum(row["frames"] for row in said["tables"]["by_grade"]) == 5 * 8 * 5  # Random is no view
    worse = grading_summary.summary([graded(seed, error=3.0) for seed in range(5)])
    assert "worse than one rater" in worse["recommendation"]["text"][0]


def test_rare_classes_are_counted_by_subject_and_the_gate_is_by_both_means(monkeypatch):
    monkeypatch.setattr(chartsias, "DRAWS", 50)
    names = ["c_plax", "n_rv", "n_ssn", "c_2ch"]
    found = {}
    for seed in range(3):
        truth = names * 12
        subjects = [f"s{n // 4}" for n in range(48)]
        plain = ["c_2ch" if n % 3 and name != "c_2ch" else name for n, name in enumerate(truth)]
        arms = {"cross-entropy": plain, "cross-entropy, weights": truth, "supcon, weighted head": truth}
        found |= {(seed, arm): {"truth": truth, "answers": said, "subjects": subjects} for arm, said in arms.items()}
    counts = dict.fromkeys(names, (5, 36))
    rows, by_class = chartsias.summary(found, [0, 1, 2], "all", counts)
    assert rows[2]["rare F1"] == "1.000 (1.000 to 1.000)"
    assert rows[0]["rare, over cross-entropy"] is None
    assert [row["class"] for row in by_class] == ["c_2ch", "c_plax (rare)", "n_rv (rare)", "n_ssn (rare)"]
    ratios, text = chartsias.leads(found, [0, 1, 2], sorted(names))
    f1 = f1_score(names * 12, found[0, "cross-entropy"]["answers"], average=None, labels=["c_plax", "n_rv", "n_ssn"])
    assert ratios["rare F1: supcon, weighted head - cross-entropy"]["ratio"] == pytest.approx(1 - f1.mean(), abs=1e-4)
    assert text[0].endswith("passed, interval above zero.")
    assert "not shown to differ from" in text[1]


def test_a_stage_that_pretrains_sees_labels_of_train_alone(tmp_path):
    store = draw_store(tmp_path / "store", patients=12, clips=3, frames=2)
    store = sslecho.split(store, test=0.25, val=0.25, seed=0, overwrite=True)
    few = [clip for clip in store.clips.to_pylist() if clip["split"] == "train"][:2]
    tested = next(clip for clip in store.clips.to_pylist() if clip["split"] == "test")
    rows = [f"{clip['clip_id']},{clip['label']}\n" for clip in (*few, tested)]
    (tmp_path / "few.csv").write_text("clip_id,label\n" + "".join(rows))
    chartsias.strip_labels(tmp_path / "store", None)
    kept = sslecho.Store.open(tmp_path / "store").clips.to_pylist()
    assert {clip["split"] for clip in kept if clip["label"] is not None} == {"train"}
    assert sum(clip["label"] is not None for clip in kept) == sum(clip["split"] == "train" for clip in kept)
    chartsias.strip_labels(tmp_path / "store", str(tmp_path / "few.csv"))
    kept = sslecho.Store.open(tmp_path / "store").clips.to_pylist()
    assert {clip["clip_id"] for clip in kept if clip["label"] is not None} == {clip["clip_id"] for clip in few}
