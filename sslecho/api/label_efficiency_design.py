"""From a store to the design of a label-efficiency benchmark: who may be labeled, who is tested, what is declared."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sslecho.api.label_efficiency_settings import LabelEfficiencySettings
from sslecho.api.nouns import groups
from sslecho.api.origin import Origin
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError
from sslecho.evaluate.design import Design, Labeled
from sslecho.evaluate.resampling import METRICS
from sslecho.metrics.labels import encode_groups
from sslecho.registry import did_you_mean

FOLDS = 5  # those of the probe


@dataclass(frozen=True)
class Endpoint:
    """The figure that is declared before the run.

    Attributes:
        metric: its name.
        x: the number of labels.
        against: the rival's name.
    """

    metric: str
    x: int
    against: str


def design_of(store: Store, settings: LabelEfficiencySettings) -> tuple[Design, list[str]]:
    """Who may be labeled and who is tested; what of it the user should know.

    Raises:
        InputError: no label, no split, one class, or too few patients to test on.
    """
    unit = groups(store.unit)
    labels, splits = _labels(store, settings)
    known = np.array([label is not None for label in labels], dtype=bool)
    if not known.any():
        raise InputError(
            f"no clip of {store.path} has a label, and label efficiency needs some in train and in test; give --labels "
            "CSV (clip_id,label), or ingest --labels"
        )
    if all(name is None for name in splits):
        raise InputError(
            f"{store.path} has no split, and the test must be of patients that nobody learns from; run "
            f"`sslecho split {store.path} --test 0.2 --val 0.1` first"
        )
    train, test = (np.flatnonzero(known & (splits == name)) for name in ("train", "test"))
    units = encode_groups(store.column("unit_id"), what="unit_id")
    for name, rows in (("train", train), ("test", test)):
        found = sorted(set(labels[rows].tolist()))
        if len(found) < 2:
            has = f"labels of one class only ({found[0]})" if found else "no labeled clip"
            raise InputError(f"split {name} has {has}, and two classes are needed; label more of its {unit}s")
    if len(np.unique(units[test])) < 2:
        raise InputError(
            f"split test has one labeled {unit}, which leaves nothing to resample; label more {unit}s of it"
        )
    classes, codes = np.unique(labels[np.concatenate([train, test])].astype(str), return_inverse=True)
    pool = Labeled(train, codes[: len(train)].astype(np.int64), units[train])
    asked = Labeled(test, codes[len(train) :].astype(np.int64), units[test])
    design = Design(pool, asked, classes.tolist(), settings.x, settings.seed)
    n_val = int((known & (splits == "val")).sum())
    return design, _warnings(
        design, store, unit=unit, n_val=n_val, n_unlabeled=int((~known & (splits == "test")).sum())
    )


def numbers_of(design: Design, settings: LabelEfficiencySettings, endpoint: Endpoint) -> list[int]:
    """The numbers of labels, ascending; all of them and the endpoint's are always there.

    Raises:
        InputError: one of --at is more than there are.
    """
    if too_many := [x for x in settings.at if x > design.most]:
        raise InputError(f"--at {too_many[0]} is more than there are to label ({design.most} by --x {design.axis})")
    return sorted({*(settings.at or design.doubling()), design.most, endpoint.x})


def endpoint_of(design: Design, settings: LabelEfficiencySettings, names: list[str]) -> Endpoint:
    """The declared figure.

    Args:
        names: of all arms, the first one's first.

    Raises:
        InputError: it does not read METRIC@N, or has a metric, number or rival that there is not.
    """
    metric, at, number = settings.endpoint.partition("@")
    said = f"--endpoint {settings.endpoint}"
    if metric not in METRICS:
        raise InputError(
            f"{said}: it must read METRIC@N with one of {', '.join(METRICS)}{did_you_mean(metric, list(METRICS))}"
        )
    if not at or not (number == "all" or (number.isdecimal() and int(number) > 0)):
        raise InputError(f"{said}: behind the @ stands the number of labels, such as {metric}@4, or {metric}@all")
    x = design.most if number == "all" else int(number)
    if x > design.most:
        raise InputError(
            f"{said}: there are {design.most} to label (--x {design.axis}); say {metric}@all, or a smaller number"
        )
    if settings.against not in names[1:]:
        raise InputError(
            f"--against {settings.against!r} is no rival{did_you_mean(settings.against, names[1:])}; there are: "
            f"{', '.join(names[1:])}"
        )
    return Endpoint(metric, x, settings.against)


def _labels(store: Store, settings: LabelEfficiencySettings) -> tuple[np.ndarray, np.ndarray]:
    """Label and split of each clip; a clip whose frames differ has the most frequent label, as in embeddings."""
    everything = np.arange(len(store), dtype=np.int64)
    nothing = pa.nulls(len(store), pa.string())
    rows = pa.table(
        {
            "row": pa.array(everything),
            "clip_id": store.frames["clip_id"],
            "frame_index": store.frames["frame_index"],
            "label": nothing,
            "split": nothing,
        }
    )
    frames = Embeddings(np.empty((len(store), 0), np.float32), rows, {})
    named = Origin(store, "", None, None, "").with_labels(frames, labels=settings.labels, column=settings.label_column)
    clips = named.per_clip()
    of = dict(zip(clips.column("clip_id"), clips.column("label"), strict=True))
    labels = np.empty(store.clips.num_rows, dtype=object)
    labels[:] = [of.get(clip_id) for clip_id in store.clips["clip_id"].to_pylist()]
    return labels, store.column("split")


def _warnings(design: Design, store: Store, *, unit: str, n_val: int, n_unlabeled: int) -> list[str]:
    """What makes the figures better, worse or vaguer than they look."""
    pool, test, names = design.pool, design.test, design.classes
    warnings = []
    of_patients = store.column("patient_id")
    if both := {p for p in of_patients[pool.clips] if p is not None} & set(of_patients[test.clips].tolist()):
        warnings.append(f"{len(both)} patients are in train and in test: the figures are too good for new ones")
    in_pool, in_test = Counter(pool.codes.tolist()), Counter(test.codes.tolist())
    for code, name in enumerate(names):
        if code not in in_pool:
            warnings.append(
                f"class {name!r} is in test and not in train: nobody can learn it, and its {in_test[code]} test clips "
                "are errors of every arm"
            )
        elif len(np.unique(pool.units[pool.codes == code])) == 1:
            warnings.append(
                f"class {name!r} has one {unit} in train: until that {unit} is labeled its test clips are errors, and "
                f"what is learned of it may be that {unit}"
            )
        if code not in in_test:
            warnings.append(f"no test clip is of class {name!r}: nothing is said of it, and to answer it is an error")
    if pool.n_units < FOLDS:
        warnings.append(
            f"train has {pool.n_units} labeled {unit}s, fewer than the {FOLDS} folds that a probe's penalty is chosen "
            f"over: it is chosen over as many folds as there are labeled {unit}s, with one not at all"
        )
    if n_val:
        warnings.append(f"{n_val} labeled clips of val are used by nobody: they would be labels that are not counted")
    if n_unlabeled:
        warnings.append(f"{n_unlabeled} test clips have no label and are left out")
    return warnings
