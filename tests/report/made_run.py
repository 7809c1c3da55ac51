"""A small clustering's folder, written by hand: a store, embeddings, a pretraining run and the clusters' figures."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sslecho.data.writer import StoreWriter
from sslecho.embed.embeddings import write_rows
from sslecho.rundir import write_json, write_text
from sslecho.tasks.predictions import write_predictions

KS = (2, 4)
N_PATIENTS = 6
CLIPS_EACH = 4


def entry(k: int, transfer: float | None = 0.6, *, half: float = 0.1, **others: Any) -> dict[str, Any]:
    """One k's figures, of an interval `half` wide on either side."""
    return {
        "k": k,
        "clusters_used": k,
        "purity": 0.7,
        "purity_chance": 0.3,
        "transfer_purity": transfer,
        "transfer_purity_low": None if transfer is None else max(transfer - half, 0.0),
        "transfer_purity_high": None if transfer is None else min(transfer + half, 1.0),
        "coverage": 0.9,
        "inverse_purity": 0.5,
        "nmi": 0.4,
        "ami": 0.35,
        "ari": -0.02,
        "accuracy": 0.55,
        "n": 8,
        "n_patients": 2,
        "split": "test",
        "unit": "patient",
        **others,
    }


def make_run(
    folder: Path,
    *,
    classes: tuple[str, ...] = ("plax", "a4c"),
    purity: bool = True,
    baselines: dict[str, Any] | None = None,
    unit: str = "patient",
    level: str = "clip",
    sector: str = "mask",
) -> Path:
    """Write `store`, `emb`, `enc` and `clusters` into `folder`; returns the last. No classes: nothing is labeled."""
    rng = np.random.default_rng(0)
    writer = StoreWriter(folder / "store", (32, 32), unit=unit)
    rows = []
    for patient in range(N_PATIENTS):
        for number in range(CLIPS_EACH):
            label = classes[number % len(classes)] if classes else None
            split = "test" if patient >= 4 else "train"
            about = {"clip_id": f"c{patient}-{number}", "patient_id": f"p{patient}", "label": label, "split": split}
            writer.add_clip(rng.integers(0, 256, (2, 32, 32), dtype=np.uint8), {**about, "sector": sector})
            for frame in range(2):
                rows.append({"row": len(rows), "frame_index": frame, "unit_id": f"p{patient}", **about})
    store = writer.commit()
    frames = pa.Table.from_pylist(rows).select(
        ["row", "clip_id", "frame_index", "patient_id", "unit_id", "label", "split"]
    )
    frames = frames.set_column(5, "label", pa.array(frames["label"].to_pylist(), pa.string()))
    kind = np.arange(len(rows)) // 2 % max(len(classes), 2)
    vectors = (np.eye(8)[kind] + rng.normal(0, 0.2, (len(rows), 8))).astype(np.float32)
    (folder / "emb" / "embeddings").mkdir(parents=True)
    np.save(folder / "emb" / "embeddings" / "vectors.npy", vectors)
    write_rows(
        folder / "emb" / "embeddings",
        frames,
        meta={
            "frames_hash": store.frames_hash,
            "encoder_hash": "0" * 64,
            "unit": unit,
            "dim": 8,
            "store_path": "../store",
            "encoder_path": None,
        },
    )
    _write_training(folder / "enc")
    _write_clusters(
        folder / "clusters",
        frames if level == "frame" else frames.take(pa.array(range(0, len(rows), 2))),
        frames_hash=store.frames_hash,
        purity=purity,
        baselines={"pixels": [entry(k, 0.3) for k in KS], "random": [entry(k, 0.55) for k in KS]}
        if baselines is None
        else baselines,
        unit="clip" if unit == "unknown" else unit,
        level=level,
    )
    return folder / "clusters"


def _write_training(folder: Path) -> None:
    folder.mkdir()
    write_json(folder / "run.json", {"command": "pretrain", "identity": {}, "state": "done"})
    write_text(folder / "settings.toml", '[pretrain]\nmethod = "simclr"\nbackbone = "resnet18"\nepochs = 2\n')
    write_json(
        folder / "result.json",
        {
            "epochs": 2,
            "images_per_s": 50.0,
            "data_wait": 0.01,
            "loss": 3.0,
            "loss_at_chance": 4.8,
            "effective_rank": 5.0,
        },
    )
    line = '{"step": %d, "epoch": %d, "lr": 0.1, "loss": 4.0, "images_per_s": 50.0, "data_wait": 0.01}\n'
    write_text(folder / "log.jsonl", line % (1, 1) + line % (2, 2))


def _write_clusters(
    folder: Path, items: pa.Table, *, frames_hash: str, purity: bool, baselines: dict[str, Any], unit: str, level: str
) -> None:
    folder.mkdir()
    rng = np.random.default_rng(1)
    for k in KS:
        items = items.append_column(f"cluster_{k}", pa.array(np.arange(len(items)) % k))
        items = items.append_column(f"confidence_{k}", pa.array(rng.uniform(0, 1, len(items)).astype(np.float32)))
    identity = {"seed": 3, "frames": frames_hash, "baseline": ["old=/secret/place"], "k": list(KS)}
    write_json(
        folder / "run.json",
        {
            "command": "cluster",
            "identity": identity,
            "provenance": {"sslecho": "0.1.0", "commit": "0123456789ab+", "packages": {"numpy": "2"}},
            "state": "done",
        },
    )
    write_text(folder / "settings.toml", '[cluster]\nseed = 3\nmethod = "kmeans"\n')
    plain = [{"k": k, "clusters_used": k, "n": len(items)} for k in KS]
    labels = [label for label in items["label"].to_pylist() if label is not None]
    write_json(
        folder / "result.json",
        {
            "results": [entry(k, 0.65, unit=unit) for k in KS] if purity else plain,
            **({"baselines": baselines} if purity else {}),
            "out": "/secret/place/clusters",
            "level": level,
            "unit": unit,
            "groups": "patient" if unit == "patient" else f"{unit}s",
            "split": "test" if purity else "all",
            "n_unlabelled": len(items) - len(labels),
            **({"classes": {name: labels.count(name) for name in sorted(set(labels))}} if purity else {}),
        },
    )
    write_predictions(
        folder,
        items,
        meta={
            "task": "cluster",
            "ks": list(KS),
            "level": level,
            "frames_hash": frames_hash,
            "store": "../store",
            "embeddings": "../emb/embeddings",
            "encoder": "../enc",
        },
    )
