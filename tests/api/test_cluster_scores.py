"""What is scored beyond the table: on the right items, by the right columns, with "other" kept in."""

import json

import numpy as np
import pyarrow as pa
import pytest

from sslecho.api.cluster_scores import M, more_scores
from sslecho.data.writer import StoreWriter
from sslecho.embed.embeddings import Embeddings
from sslecho.metrics.clustering import contingency, purity
from sslecho.tasks.assignment import Assignment
from sslecho.tasks.cluster import Clustering
from sslecho.tasks.clusterers.centroids import Centroids

N_PATIENTS = 30


@pytest.fixture(autouse=True)
def few_halves(monkeypatch):
    """Five halvings say as much as fifty about what goes where."""
    for module in ("naming_cost", "transfer"):
        monkeypatch.setattr(f"sslecho.metrics.{module}.N_HALVINGS", 5)


def archive(tmp_path, *, split=True, labels=("a", "b", "Other")):
    """A store of stills, embeddings of them, and a clustering that holds most of each class."""
    rng = np.random.default_rng(0)
    rows = []
    with StoreWriter(tmp_path / "store", (16, 16), kept=("probe",)) as writer:
        for patient in range(N_PATIENTS):
            for number in range(4):
                about = {
                    "clip_id": f"c{patient}-{number}",
                    "patient_id": f"p{patient}",
                    "label": labels[int(rng.integers(len(labels)))] if labels else None,
                    "split": ("test" if patient % 2 else "train") if split else None,
                    "device": f"d{patient % 3}",
                    "probe": "p" if patient % 5 else None,
                }
                writer.add_clip(
                    rng.integers(0, 256, (1, 16, 16), dtype=np.uint8), {**about, "source_id": about["clip_id"]}
                )
                wanted = ("clip_id", "patient_id", "label", "split")
                rows.append(
                    {
                        "row": len(rows),
                        "frame_index": 0,
                        "unit_id": f"p{patient}",
                        **{name: about[name] for name in wanted},
                    }
                )
        store = writer.commit()
    table = pa.Table.from_pylist(rows)
    items = Embeddings(rng.normal(size=(len(rows), 4)).astype(np.float32), table, {"unit": "patient"})
    codes = np.array([sorted({*labels, "z"}).index(row["label"] or "z") for row in rows])
    return store, items, codes


def clustering(codes, k=4, seed=1):
    rng = np.random.default_rng(seed)
    clusters = np.where(rng.random(len(codes)) < 0.8, codes, rng.integers(k, size=len(codes))).astype(np.int64)
    some = rng.random(len(codes)).astype(np.float32)
    return Clustering(k, Centroids(np.eye(k, 4, dtype=np.float32)), Assignment(clusters, some, some), {}, [])


def test_the_test_split_is_scored_and_everything_is_json(tmp_path):
    store, items, codes = archive(tmp_path)
    clusterings = [clustering(codes), clustering(codes, k=9)]
    more = more_scores(items, clusterings, split="test", unit="patient", seed=0, other=["other"], store=store)
    assert json.loads(json.dumps(more.result, allow_nan=False)) == more.result
    naming = more.result["naming"]
    assert {point["n_patients"] for point in naming["points"]} == {15}
    assert {point["n"] for point in naming["points"]} == {60}
    assert {point["k"] for point in naming["points"]} == {4, 9}
    assert naming["others"] == ["Other"]  # upper and lower case are the same
    assert naming["k"] == 4
    assert f"name {M} images per cluster" in naming["said"]
    assert "with Other as no name" in naming["said"]
    assert "only 15 patients" in naming["warning"]
    scored = np.array([split == "test" for split in items.column("split")])
    for c, bounds in zip(clusterings, more.figures, strict=True):
        value = purity(contingency(items.column("label")[scored], c.assignment.clusters[scored]))
        assert bounds["purity_low"] <= value <= bounds["purity_high"]
        names = ("purity", "purity_chance", "inverse_purity", "nmi", "ami", "ari", "accuracy")
        assert {f"{name}_{end}" for name in names for end in ("low", "high")} <= set(bounds)


def test_groups_are_classes_devices_and_kept_columns(tmp_path):
    store, items, codes = archive(tmp_path)
    more = more_scores(items, [clustering(codes)], split="test", unit="patient", seed=0, store=store)
    found = {}
    for row in more.result["by"]:
        found.setdefault(row["column"], {})[row["group"]] = row
    assert {column: list(groups) for column, groups in found.items()} == {
        "label": ["Other", "a", "b"],
        "device": ["d0", "d1", "d2"],
    }  # `probe` has one value only, and tells no groups apart
    assert sum(row["n"] for row in found["device"].values()) == 60
    assert found["device"]["d0"]["n_patients"] == 5
    (spread,) = more.result["patients"]
    assert spread["n_patients"] == 15
    assert spread["low"] <= spread["median"] <= spread["high"]
    assert "without_other" not in more.result
    of_patients = [row for row in more.rows if row["by"] == "patient"]
    assert {row["group"] for row in of_patients} == {f"p{patient}" for patient in range(1, N_PATIENTS, 2)}
    assert len({tuple(row) for row in more.rows}) == 1  # the same columns in the same order: one table
    assert {row["metric"] for row in more.rows} >= {
        "naming_coverage",
        "naming_precision",
        "transfer_purity",
        "coverage",
    }


def test_without_other_its_items_are_left_out(tmp_path):
    store, items, codes = archive(tmp_path)
    more = more_scores(
        items, [clustering(codes)], split="test", unit="patient", seed=0, other=["other", "nothing"], store=store
    )
    (without,) = more.result["without_other"]
    scored = [
        label for label, split in zip(items.column("label"), items.column("split"), strict=True) if split == "test"
    ]
    assert without["n"] == sum(label != "Other" for label in scored)
    assert without["naming_coverage"] <= 1
    assert without["purity"] <= 1


def test_no_splits_no_store_and_one_patient(tmp_path):
    _, items, codes = archive(tmp_path, split=False)
    more = more_scores(items, [clustering(codes)], split="all", unit="patient", seed=0)
    assert {row["column"] for row in more.result["by"]} == {"label"}
    assert {point["n"] for point in more.result["naming"]["points"]} == {120}
    alone = items.with_columns(unit_id=np.array(["p"] * 120, dtype=object))
    more = more_scores(alone, [clustering(codes)], split="all", unit="patient", seed=0)
    assert more.result["naming"]["said"] is None
    assert "at least 2 patients" in more.result["naming"]["warning"]
    assert more.result["patients"] == [{"k": 4, "n_patients": 0, "low": None, "median": None, "high": None}]
    assert set(more.figures[0]) == {"purity_chance_low", "purity_chance_high"}


def test_the_same_seed_gives_the_same(tmp_path):
    _, items, codes = archive(tmp_path)
    one, two = (
        more_scores(items, [clustering(codes)], split="test", unit="patient", seed=3, other=["other"]) for _ in range(2)
    )
    assert one == two
