"""The questions of an audit and their answers as rows: what can be told from what."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sslecho.data.store import Store
from sslecho.evaluate.kinship import kinship
from sslecho.evaluate.telling import Told, dealt_names, one_hot, some_units, told
from sslecho.evaluate.without_anatomy import without_anatomy
from sslecho.metrics.against_chance import AgainstChance
from sslecho.metrics.labels import MISSING, encode

N_DRAWS = 999
ERROR = 0.05  # of the whole audit: the chance that anything is said of an archive that has nothing
MOST_LOOKED_AT = 2_000  # clips whose sector is looked for or drawn: a quarter of a second each
MOST_COMPARED = 20_000  # test clips whose nearest one is looked for
# What is told, and by what; attributes have the names of their columns.
LABEL, SHUFFLED = "label", "shuffled label"
EMBEDDING, OUTLINE, OUTSIDE = "embedding", "sector outline", "outside the sector"
ANY_CLIP, OTHER_LABEL = "nearest clip", "nearest clip of another label"

Row = dict[str, Any]


@dataclass(frozen=True)
class Clips:
    """What an audit knows of each clip, all in one order.

    Attributes:
        vectors: embeddings, `[n, d]`.
        labels: None where there is none.
        units: codes of patients.
        splits: "train", "val", "test" or None.
        attributes: values by name, None where unknown.
        unit: what a unit is.
        store: None where it is gone, for the reason `store_problem`.
        clip_rows: of the store.
    """

    vectors: np.ndarray
    labels: np.ndarray
    units: np.ndarray
    splits: np.ndarray
    attributes: dict[str, np.ndarray]
    unit: str
    store: Store | None
    store_problem: str
    clip_rows: np.ndarray


def rows_of(clips: Clips, *, seed: int) -> list[Row]:
    """All questions, answered; `above_chance` is decided once it is known how many there were."""
    dealt = dealt_names(clips.labels, units=clips.units, seed=seed)
    rows = [
        _row(LABEL, EMBEDDING, _told(clips, clips.vectors, clips.labels, seed=seed)),
        _row(SHUFFLED, EMBEDDING, _told(clips, clips.vectors, dealt, seed=seed)),
    ]
    for name, values in clips.attributes.items():
        readable, tells = _of_attribute(clips, values, seed=seed)
        rows += [_row(name, EMBEDDING, readable), _row(LABEL, name, tells)]
    return decided([*rows, *_without_anatomy(clips, seed=seed), *_kinship(clips, seed=seed)])


def decided(rows: list[Row]) -> list[Row]:
    """The rows with `above_chance`, at a level that is divided among all things that could be accused."""
    alpha = ERROR / n_accusable(rows)
    for row in rows:
        found = row.pop("found")
        row["above_chance"] = found.is_above(alpha) if found else None
        row["detectable"] = found.least_p <= alpha if found else None
    return rows


def n_accusable(rows: list[Row]) -> int:
    """How many things are under suspicion: attributes, outline, outside, the patient, and the audit itself.

    An attribute counts once though it has two figures, for it is accused only if both are above chance.
    """
    asked = {row["source"] if row["what"] == LABEL else row["what"] for row in rows if row["value"] is not None}
    return max(1, len(asked - {EMBEDDING}))


def _told(clips: Clips, features: np.ndarray, names: np.ndarray, *, seed: int) -> Told:
    return told(features, names, units=clips.units, splits=clips.splits, unit=clips.unit, seed=seed, n_draws=N_DRAWS)


def _of_attribute(clips: Clips, values: np.ndarray, *, seed: int) -> tuple[Told, Told]:
    """Whether the embedding has an attribute, and whether the label follows it, where the attribute is known."""
    readable = _told(clips, clips.vectors, values, seed=seed)
    if readable.figure is None:
        return readable, Told(None, readable.reason)
    labels = clips.labels.copy()
    labels[encode(values).codes == MISSING] = None
    return readable, _told(clips, one_hot(values), labels, seed=seed)


def _without_anatomy(clips: Clips, *, seed: int) -> list[Row]:
    """What the label can be told by without looking at the heart."""
    if clips.store is None:
        gone = Told(None, f"it needs the store, and {clips.store_problem}")
        return [_row(LABEL, OUTLINE, gone), _row(LABEL, OUTSIDE, gone)]
    labeled = np.flatnonzero(encode(clips.labels).codes != MISSING)
    looked_at = some_units(labeled, clips.units, most=MOST_LOOKED_AT, seed=seed)
    pictures = without_anatomy(clips.store, clips.clip_rows[looked_at])
    rows = []
    for source, features, has, reason in (
        (
            OUTLINE,
            pictures.outline,
            pictures.has_outline,
            "the store has no outlines; embed one of `sslecho ingest --sector mask`",
        ),
        (OUTSIDE, pictures.outside, pictures.has_outside, _why_nothing_outside(clips.store)),
    ):
        found = Told(None, reason)
        if has.any():
            own = looked_at[has]
            found = told(
                features[has],
                clips.labels[own],
                units=clips.units[own],
                splits=clips.splits[own],
                unit=clips.unit,
                seed=seed,
                n_draws=N_DRAWS,
            )
            without = int(((clips.splits[looked_at] == "test") & ~has).sum())
            found = found._replace(left_out=found.left_out + without)
        elif not len(labeled):
            found = Told(None, "no clip has a label")
        rows.append(_row(LABEL, source, found))
    return rows


def _why_nothing_outside(store: Store) -> str:
    if "off" in store.column("sector"):
        return "no labeled clip has a sector that is certain, so what lies outside it is not known"
    return "the store holds nothing outside the sectors; embed one of `sslecho ingest --sector off`"


def _kinship(clips: Clips, *, seed: int) -> list[Row]:
    """Whether the test clips' patients can be known again."""
    tested = np.flatnonzero(clips.splits == "test")
    if clips.unit == "clip":
        unknown = Told(None, "groups are clips: no patient is known")
        return [_row(clips.unit, source, unknown) for source in (ANY_CLIP, OTHER_LABEL)]
    tested = some_units(tested, clips.units, most=MOST_COMPARED, seed=seed)
    found = kinship(
        np.asarray(clips.vectors[tested]),
        units=clips.units[tested],
        labels=encode(clips.labels).codes[tested],
        seed=seed,
        n_draws=N_DRAWS,
    )
    return [
        _row(clips.unit, source, Told(figure, None if figure else why), metric="same_patient")
        for source, figure, why in (
            (ANY_CLIP, found.any_clip, "split test has one clip"),
            (OTHER_LABEL, found.other_label, "split test has no clips of two labels"),
        )
    ]


def _row(what: str, source: str, found: Told, *, metric: str = "balanced_accuracy") -> Row:
    figure: AgainstChance | None = found.figure
    return {
        "what": what,
        "source": source,
        "metric": metric,
        "value": figure.value if figure else None,
        "low": figure.low if figure else None,
        "high": figure.high if figure else None,
        "chance": figure.chance if figure else None,
        "p": figure.p if figure else None,
        "n": figure.n if figure else 0,
        "n_patients": figure.n_units if figure else 0,
        "names": found.names,
        "left_out": found.left_out,
        "reason": found.reason,
        "found": figure,
    }
