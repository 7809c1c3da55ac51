"""`cluster --names FILE`: names that a person gave to clusters -> labels for every item in them.

DIR/named/labels.csv   clip_id (and frame), label, cluster, confidence: the schema that ingest and --labels read
DIR/named/result.json  how much of the archive got a name
"""

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from sslecho.data.labels import MAX_SAID, delimiter_of, read_text
from sslecho.errors import InputError
from sslecho.rundir import write_json, write_text
from sslecho.tasks.predictions import Predictions

FOLDER = "named"
NEEDED = ("cluster", "k", "name")


def name_clusters(clusters: Path | str, names: Path | str) -> Path:
    """Give every item the name of its cluster; items of clusters without a name are left out.

    Args:
        clusters: the folder that `cluster` wrote.
        names: its `naming/clusters_K.csv` with the column `name` filled in; an empty cell leaves a cluster unnamed,
            and several clusters may have the same name.

    Returns:
        The path of labels.csv.

    Raises:
        InputError: the file can't be read, has bad rows (named by line number), no name, or was made for another
            clustering.
        NounError: `clusters` holds no finished clustering.
    """
    clusters, names = Path(clusters), Path(names)
    predictions = Predictions.load(clusters)
    level = predictions.meta["level"]
    k, name_of = _read(names, predictions)
    table = predictions.table
    columns = {name: table[name].to_pylist() for name in ("clip_id", "frame_index", f"cluster_{k}", f"confidence_{k}")}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    frame = ["frame"] if level == "frame" else []
    writer.writerow(["clip_id", *frame, "label", "cluster", "confidence"])
    counts: Counter[str] = Counter()
    for clip_id, index, cluster, confidence in zip(*columns.values(), strict=True):
        if cluster in name_of:
            counts[name_of[cluster]] += 1
            writer.writerow([clip_id, *([index] if frame else []), name_of[cluster], cluster, f"{confidence:.4f}"])
    folder = clusters / FOLDER
    folder.mkdir(exist_ok=True)
    write_text(folder / "labels.csv", text.getvalue())
    write_json(folder / "result.json", _result(clusters, predictions, k, name_of, counts))
    return folder / "labels.csv"


def _result(
    clusters: Path, predictions: Predictions, k: int, name_of: dict[int, str], counts: Counter[str]
) -> dict[str, Any]:
    n = predictions.table.num_rows
    return {
        "out": str(clusters / FOLDER / "labels.csv"),
        "k": k,
        "n": n,
        "n_patients": len(set(predictions.table["unit_id"].to_pylist())),
        "split": "all",
        "unit": predictions.meta.get("unit", "patient"),
        "n_named": sum(counts.values()),
        "coverage": sum(counts.values()) / n,
        "clusters_named": len(name_of),
        "labels": dict(sorted(counts.items())),
    }


def _read(path: Path, predictions: Predictions) -> tuple[int, dict[int, str]]:
    """The k that the file names clusters of, and the name of each cluster that has one."""
    lines = read_text(path).splitlines(keepends=True)
    if not lines:
        raise InputError(f"--names {path} is empty; fill in naming/clusters_K.csv of the run")
    reader = csv.DictReader(lines, delimiter=delimiter_of(lines[0]), restval="", strict=True)
    header = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = header
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise InputError(
            f"--names {path} lacks the column {', '.join(missing)} (its header has: {', '.join(header)}); "
            "fill in naming/clusters_K.csv of the run"
        )
    ks = predictions.meta["ks"]
    problems: list[str] = []
    found: dict[tuple[int, int], str] = {}
    medoids: dict[tuple[int, int], list[str]] = {}
    try:
        for row in reader:
            where = _place(row, reader.line_num, ks, problems)
            if where is None:
                continue
            if where in found:
                problems.append(f"line {reader.line_num}: cluster {where[1]} stands in the file twice")
            found[where] = row["name"].strip()
            medoids[where] = (row.get("medoids") or "").split()
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}")
    of = sorted({k for k, _ in found})
    if len(of) > 1:
        problems.append(f"its rows are of k = {', '.join(map(str, of))}; one file names the clusters of one k")
    if problems:
        raise InputError(f"--names {path} has bad rows; mend them:\n  " + "\n  ".join(problems[:MAX_SAID]))
    if not any(found.values()):
        raise InputError(f"--names {path} names no cluster; fill in the column `name`")
    _refuse_another_clustering(path, predictions, of[0], {cluster: m for (_, cluster), m in medoids.items()})
    return of[0], {cluster: name for (_, cluster), name in found.items() if name}


def _place(row: dict[str, Any], line: int, ks: list[int], problems: list[str]) -> tuple[int, int] | None:
    """The k and the cluster that a row speaks of."""
    words = [str(row[name] or "").strip() for name in ("k", "cluster")]
    if not all(word.isascii() and word.isdigit() for word in words):
        problems.append(f"line {line}: k {words[0]!r} and cluster {words[1]!r} must be whole numbers")
        return None
    k, cluster = map(int, words)
    if k not in ks:
        problems.append(f"line {line}: k = {k} was not clustered (here: {', '.join(map(str, ks))})")
        return None
    if cluster >= k:
        problems.append(f"line {line}: cluster {cluster} of k = {k}; they are numbered from 0 to {k - 1}")
        return None
    return k, cluster


def _refuse_another_clustering(path: Path, predictions: Predictions, k: int, medoids: dict[int, list[str]]) -> None:
    """A file that was filled in for an earlier clustering would give its names to other items."""
    table = predictions.table
    clips, clusters = (np.array(table[name].to_pylist()) for name in ("clip_id", f"cluster_{k}"))
    if predictions.meta["level"] == "frame":
        clips = np.array([f"{c}#{f}" for c, f in zip(clips, table["frame_index"].to_pylist(), strict=True)])
    cluster_of = dict(zip(clips.tolist(), clusters.tolist(), strict=True))
    moved = [c for c, named in medoids.items() if any(cluster_of.get(clip) != c for clip in named)]
    if moved:
        raise InputError(
            f"--names {path} was filled in for another clustering: the medoids of {len(moved)} of its {len(medoids)} "
            "clusters lie elsewhere here; name the run's own naming/clusters_K.csv"
        )
