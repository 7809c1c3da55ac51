"""A small clustering, or propagation, to be reviewed: written by hand, with a store, embeddings and few labels."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import uvicorn
from drawn_store import draw_store

from sslecho.embed.embeddings import write_rows
from sslecho.review.app import make_app
from sslecho.review.desk import Desk
from sslecho.review.guard import Sessions
from sslecho.review.items import ReviewItems
from sslecho.review.server import hosts_of, listen
from sslecho.rundir import write_json
from sslecho.tasks.predictions import write_predictions

CLASSES = ("across", "disk", "down")


def make_clusters(
    folder: Path,
    *,
    patients: int = 8,
    clips: int = 3,
    frames: int = 2,
    level: str = "clip",
    known: str = "test",
    noise: float = 0.25,
) -> Path:
    """Write `store`, `emb` and `clusters` of k = 4: a cluster for each class, and one of what lies between them.

    Args:
        known: whose labels are known: "test", "all" or "none".
        noise: of the embeddings, whose classes lie 1.4 apart.
    """
    items, about = _items(folder, patients, clips, frames, level, known, noise)
    truth = items.pop("truth")
    place = np.arange(len(truth))
    cluster = np.where(place % 5 == 4, 3, [CLASSES.index(word) for word in truth])
    confidence = np.where(cluster == 3, 0.3, 0.6 + 0.3 * (place * 7 % 11) / 11).astype(np.float32)
    table = pa.table(items)
    table = table.append_column("cluster_4", pa.array(cluster))
    table = table.append_column("confidence_4", pa.array(confidence))
    table = table.append_column("cluster_2", pa.array(np.minimum(cluster, 1)))
    table = table.append_column("confidence_2", pa.array(confidence))
    out = folder / "clusters"
    out.mkdir()
    write_predictions(out, table, meta={**about, "task": "cluster", "ks": [2, 4], "level": level})
    write_json(out / "run.json", {"command": "cluster", "identity": {}, "state": "done"})
    write_json(out / "result.json", {"level": level, "unit": about["unit"], "out": str(out)})
    return out


def make_propagated(folder: Path) -> Path:
    """Write `store`, `emb` and `propagated`: of each class some labels are given, most are spread, some are unsure."""
    items, about = _items(folder, 8, 3, 2, "clip", "test", 0.25)
    truth, split = items.pop("truth"), items["split"].to_pylist()
    may_give = np.array(split) != "test"
    place = np.arange(len(truth))
    states = np.select([place % 5 == 4, (place % 7 == 0) & may_give], ["unsure", "given"], "propagated").tolist()
    states[1] = "unreached"
    table = pa.table(items)
    for name, values in {
        "given": [word if state == "given" else None for word, state in zip(truth, states, strict=True)],
        "propagated": [word if state == "propagated" else None for word, state in zip(truth, states, strict=True)],
        "prediction": [None if state == "unreached" else word for word, state in zip(truth, states, strict=True)],
        "state": states,
    }.items():
        table = table.append_column(name, pa.array(values, pa.string()))
    table = table.append_column("confidence", pa.array(np.linspace(0.5, 1, len(truth)).astype(np.float32)))
    out = folder / "propagated"
    out.mkdir()
    write_predictions(out, table, meta={**about, "task": "propagate", "level": "clip"})
    write_json(out / "run.json", {"command": "propagate", "identity": {}, "state": "done"})
    drawn = [i for i, state in enumerate(states) if state == "propagated" and split[i] != "test"]
    write_json(out / "result.json", {"n_propagated": len(drawn), "unit": "patient", "audit": {"target": 0.95}})
    lines = [f"{items['clip_id'][i].as_py()},{truth[i]}," for i in drawn[:5]]
    (out / "audit.csv").write_text("\n".join(["clip_id,label,correct", *lines]) + "\n")
    return out


def _items(
    folder: Path, patients: int, clips: int, frames: int, level: str, known: str, noise: float
) -> tuple[dict, dict]:
    """The columns of the items, with their `truth`, and the predictions' meta."""
    store = draw_store(folder / "store", patients=patients, clips=clips, frames=frames)
    rows = np.arange(len(store))
    truth = store.column("label", level="frame").astype(str)
    split = store.column("split", level="frame").astype(str)
    unit = store.column("patient_id", level="frame").astype(str)
    shown = {"test": split == "test", "all": rows >= 0, "none": rows < 0}[known]
    columns = {
        "row": pa.array(rows),
        "clip_id": store.frames["clip_id"].combine_chunks(),
        "frame_index": store.frames["frame_index"].combine_chunks(),
        "patient_id": pa.array(unit),
        "unit_id": pa.array(unit),
        "label": pa.array([word if seen else None for word, seen in zip(truth, shown, strict=True)], pa.string()),
        "split": pa.array(split),
    }
    rng = np.random.default_rng(3)
    centers = np.eye(8)[[CLASSES.index(word) for word in truth]]
    vectors = (centers + rng.normal(0, noise, centers.shape)).astype(np.float32)
    (folder / "emb" / "embeddings").mkdir(parents=True)
    np.save(folder / "emb" / "embeddings" / "vectors.npy", vectors)
    about = {"frames_hash": store.frames_hash, "encoder_hash": "0" * 64, "unit": "patient"}
    write_rows(
        folder / "emb" / "embeddings",
        pa.table(columns),
        meta={**about, "dim": 8, "store_path": "../store", "encoder_path": None},
    )
    if level == "clip":
        first = np.flatnonzero(store.frames["frame_index"].to_numpy() == 0)
        columns = {name: values.take(pa.array(first)) for name, values in columns.items()}
        truth = truth[first]
    return {**columns, "truth": truth}, {**about, "store": "../store", "embeddings": "../emb/embeddings"}


@contextmanager
def desk_of(run: Path, folder: Path | None = None, **how) -> Iterator[Desk]:
    """The review of a run, opened."""
    desk = Desk.open(ReviewItems.read(run, **how), folder or run / "review")
    try:
        yield desk
    finally:
        desk.close()


@contextmanager
def served(desk: Desk) -> Iterator[tuple[str, Sessions]]:
    """The desk's page on a free port of this machine: its address, and the sessions that hold the token."""
    bound = listen("127.0.0.1", 0)
    port = bound.getsockname()[1]
    sessions = Sessions()
    app = make_app(desk, sessions=sessions, hosts=hosts_of("127.0.0.1", port, ()))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}", sessions
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        bound.close()
