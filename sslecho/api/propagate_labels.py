"""Which labels propagation starts from, and which ones only score it."""

from dataclasses import dataclass, field

import numpy as np

from sslecho.api.origin import Origin
from sslecho.api.settings import PropagateSettings
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError


@dataclass(frozen=True)
class StartingLabels:
    """The labels of the items, one entry an item, None where there is none.

    Attributes:
        given: those that propagation starts from; none of a test patient.
        kept: all that the user gave, also of test patients.
        truth: what is known of items without a given label; it only scores.
        scored: rows that are scored.
        split: whose they are: "test", or "all" where no test patient has a label.
        warnings: what the user should know about it.
    """

    given: np.ndarray
    kept: np.ndarray
    truth: np.ndarray
    scored: np.ndarray
    split: str
    warnings: list[str] = field(default_factory=list)


def starting_labels(
    given: Embeddings, origin: Origin, settings: PropagateSettings
) -> tuple[Embeddings, StartingLabels]:
    """The items (clips or frames) and their labels.

    Propagation starts from the labels of `--labels`, else of the store. Those of the test split are set aside and
    score it. Where there are none, it is scored on what the store knows of patients without a given label.

    Raises:
        InputError: labels can't be read, or none is given outside the test split.
    """
    named = origin.with_labels(given, labels=settings.labels, column=settings.label_column)
    items = named.per_clip() if settings.level == "clip" else named
    kept = items.column("label")
    in_test = items.column("split") == "test"
    start = kept.copy()
    start[in_test] = None
    is_given = _known(start)
    if not is_given.any():
        raise InputError(
            "propagation needs labels to start from, and none is known outside the test split; "
            "give --labels CSV with clip_id and label of some clips of the other patients"
        )
    truth = np.where(_known(kept), kept, _of_store(given, origin, settings))
    truth[is_given] = None
    if not set(truth[_known(truth)].tolist()) & set(start[is_given].tolist()):
        truth[:] = None  # the store speaks of something else, such as views where sexes were given
    scored, split, warnings = _scored(items, truth, is_given, in_test)
    n_aside = int((in_test & _known(kept)).sum()) if settings.labels else 0
    if n_aside:
        warnings.insert(0, f"{n_aside} labels of --labels are of test patients: they only score what is propagated")
    return items, StartingLabels(start, kept, truth, scored, split, warnings)


def prior_of(settings: PropagateSettings, names: list[str]) -> dict[int, float] | None:
    """`--prior CLASS=SHARE,…` by the classes' codes.

    Raises:
        InputError: an entry is malformed, or names no class of the given labels.
    """
    prior: dict[int, float] = {}
    for entry in settings.prior:
        name, equals, share = entry.rpartition("=")
        try:
            value = float(share)
        except ValueError:
            value = np.nan
        if not equals or not 0 <= value <= 1:
            raise InputError(f"--prior {entry!r} must read CLASS=SHARE with a share of 0 to 1, such as plax=0.3")
        if name not in names:
            raise InputError(f"--prior {entry!r}: {name!r} is none of the given labels; they are: {', '.join(names)}")
        prior[names.index(name)] = value
    total = sum(prior.values())
    if prior and (total > 1 + 1e-6 or (len(prior) == len(names) and total < 1 - 1e-6)):
        raise InputError(
            f"--prior comes to {total:g}; the shares must come to 1, or to less where classes that are not named "
            "are to divide what is left"
        )
    return prior or None


def _of_store(given: Embeddings, origin: Origin, settings: PropagateSettings) -> np.ndarray:
    """What the store says of each item; what was recorded when embedding where the store is gone."""
    if origin.store is None:
        column = "label"
    else:
        columns = {*origin.store.clips.column_names, *origin.store.frames.column_names}
        column = settings.label_column if settings.label_column in columns else "label"
    told = origin.with_labels(given, labels=None, column=column)
    if settings.level == "frame":
        return told.column("label")
    # Without the vectors: only the labels of the frames are to be put together.
    return Embeddings(np.empty((len(told), 0), np.float32), told.rows, told.meta).per_clip().column("label")


def _scored(
    items: Embeddings, truth: np.ndarray, is_given: np.ndarray, in_test: np.ndarray
) -> tuple[np.ndarray, str, list[str]]:
    known = _known(truth)
    if (known & in_test).any():
        return np.flatnonzero(known & in_test), "test", []
    units = items.column("unit_id")
    others = known & ~np.isin(units.astype(str), np.unique(units[is_given].astype(str)))
    if others.any():
        return np.flatnonzero(others), "all", []
    if known.any():
        warning = "every patient with a known label has a given one too: precision is measured on the same patients"
        return np.flatnonzero(known), "all", [f"{warning}, and is too good for others"]
    warning = "no label is known beside the given ones, so precision is not measured; check the audit sample"
    return np.empty(0, np.int64), "all", [warning]


def _known(labels: np.ndarray) -> np.ndarray:
    return np.array([label is not None for label in labels], bool)
