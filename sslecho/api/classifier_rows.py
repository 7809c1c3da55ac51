"""Whom a classifier learns from, is chosen by and scored on; what of that makes figures look better than they are."""

from typing import NamedTuple

import numpy as np

from sslecho.api.embed import frame_rows
from sslecho.api.origin import Origin
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError


class Rows(NamedTuple):
    """Rows of the items by use; `unknown` are test items of a class that is not learned."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    unknown: np.ndarray


def labeled_frames(store: Store, origin: Origin, *, labels: str | None, column: str) -> Embeddings:
    """The frames of a store with today's labels: embeddings of length 0, whose rows say all that is needed.

    Args:
        labels, column: as of `Origin.with_labels`.
    """
    rows = frame_rows(store)
    bare = Embeddings(np.zeros((rows.num_rows, 0), np.float32), rows, {"unit": store.unit})
    return origin.with_labels(bare, labels=labels, column=column)


def rows_of(
    items: Embeddings, origin: Origin, *, open_set: tuple[str, ...], unit: str, known_before: tuple[str, ...] = ()
) -> tuple[Rows, list[str]]:
    """Whom to learn from, choose by and score; what of it the user should know.

    Args:
        open_set: labels that are not learned.
        known_before: classes that the model knows already, whether train has them or not.

    Raises:
        InputError: no split, or too little to learn from or to score.
    """
    labels, splits = items.column("label"), items.column("split")
    known = np.array([label is not None for label in labels], bool)
    if not known.any():
        raise InputError("no label is known; give --labels CSV (clip_id,label), or ingest --labels")
    if all(name is None for name in splits):
        raise InputError(
            "there is no split, and a classifier must be scored on patients that it has not learned from; run "
            "`sslecho split STORE --test 0.2 --val 0.1` first"
        )
    left_out = np.isin(labels.astype(str), open_set)
    if missing := sorted(set(open_set) - set(labels[known].tolist())):
        raise InputError(f"--open-set {', '.join(missing)}: no item has this label; there are: {_some(labels[known])}")
    if already := sorted(set(open_set) & set(known_before)):
        raise InputError(f"--open-set {', '.join(already)}: the model knows this class already; begin with a new head")
    train = np.flatnonzero(known & ~left_out & (splits == "train"))
    classes = sorted(set(labels[train].tolist()))
    if not len(train) or len({*classes, *known_before}) < 2:
        has = f"one class ({classes[0]})" if classes else "no labeled item"
        raise InputError(f"split train has {has}, and a classifier needs two classes; label more of its {unit}s")
    learned = np.isin(labels.astype(str), [*classes, *known_before])
    val, tested = (np.flatnonzero(known & (splits == name)) for name in ("val", "test"))
    test, unknown = tested[learned[tested]], tested[~learned[tested]]
    if not len(test):
        raise InputError(f"no item of split test has a class that is learned ({', '.join(classes)}); label some")
    rows = Rows(train, val[learned[val]], test, unknown)
    classes = [*known_before, *(name for name in classes if name not in known_before)]
    return rows, _warnings(items, origin, rows, classes, tried_val=val, open_set=open_set, unit=unit)


def _warnings(
    items: Embeddings,
    origin: Origin,
    rows: Rows,
    classes: list[str],
    *,
    tried_val: np.ndarray,
    open_set: tuple[str, ...],
    unit: str,
) -> list[str]:
    """What makes the figures better or narrower than they look."""
    labels, units, patients = items.column("label"), items.column("unit_id"), items.column("patient_id")
    of = {name: set(labels[where].tolist()) for name, where in zip(("train", "val", "test"), rows[:3], strict=True)}
    warnings = []
    scored = set(units[rows.test].tolist())
    if seen := origin.n_seen(scored):
        warnings.append(f"the encoder was pretrained on {seen} of the {len(scored)} scored {unit}s; pretrain anew")
    if both := {p for p in patients[np.concatenate(rows[:2])] if p is not None} & set(patients[rows.test].tolist()):
        warnings.append(f"{len(both)} patients are in test and in train or val: the figures are too good for new ones")
    for name in classes:
        if len(set(units[rows.train][labels[rows.train] == name])) == 1:
            warnings.append(f"class {name!r} has one {unit} in train: what is learned of it may be that {unit}")
    if len(rows.val) and (absent := sorted(set(classes) - of["val"])):
        warnings.append(f"no val item is of class {', '.join(absent)}: strength and calibration are chosen without it")
    if dropped := sorted(set(labels[tried_val].tolist()) - set(classes) - set(open_set)):
        warnings.append(f"classes of val that train has not: {', '.join(dropped)}; their items are left out")
    if absent := sorted(set(classes) - of["test"]):
        warnings.append(f"no test item is of class {', '.join(absent)}: nothing is said of it")
    if new := sorted(set(labels[rows.unknown].tolist()) - set(open_set)):
        warnings.append(f"classes of test that train has not: {', '.join(new)}; their items are scored as an open set")
    if unscored := sorted(set(open_set) - set(labels[rows.unknown].tolist())):
        warnings.append(f"--open-set {', '.join(unscored)}: no test item has this label, so nothing is said of it")
    return warnings


def _some(labels: np.ndarray) -> str:
    return ", ".join(sorted(set(labels.tolist()))[:20])
