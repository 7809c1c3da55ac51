"""Accuracy with parts of the pictures covered, paired item by item with what it was before."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from sslecho.api.explain_items import Items
from sslecho.api.explain_readers import Places
from sslecho.metrics.difference import Difference, detectable, mean_difference
from sslecho.metrics.intervals import bootstrap_mean
from sslecho.progress import track
from sslecho.tasks.explain.subject import Read, Subject
from sslecho.tasks.explain.surroundings import NOBODY, Donors, draw_donors

EXCHANGES = 3  # times that each item is given other surroundings


class Named(NamedTuple):
    """What the classifier says of items."""

    probabilities: Float64[np.ndarray, "n c"]
    uncertainty: Float64[np.ndarray, " n"]

    @property
    def answers(self) -> Int64[np.ndarray, " n"]:
        return self.probabilities.argmax(1)


def named(subject: Subject, items: Items, read: Read) -> Named:
    """All items, by frames as a reader gives them."""
    return Named(*subject.name_items(subject.logits(read, items.windows), items.item, len(items)))


def occluded(subject: Subject, items: Items, places: Places, before: Named, *, seed: int) -> dict[str, Any]:
    """All figures of covering and exchanging; what could not be asked is None, with its `reason`."""
    right = before.answers == items.labels
    with track("covering", total=3 + 2 * EXCHANGES, unit="passes") as progress:
        heart = _heart(subject, items, places, right, progress, seed=seed)
        blank = _blank(subject, items, places, right, progress, seed=seed)
        exchange = _exchange(subject, items, places, progress, seed=seed)
    whole = bootstrap_mean(right.astype(np.float64), items.units, rng=np.random.default_rng(seed))
    alone = whole.n_units < 2
    return {
        "accuracy": whole.value,
        "accuracy_low": None if alone else whole.low,
        "accuracy_high": None if alone else whole.high,
        "heart": heart,
        "outside": {"blank": blank, "exchange": exchange},
    }


def _heart(
    subject: Subject, items: Items, places: Places, right: np.ndarray, progress: Any, *, seed: int
) -> dict[str, Any]:
    """The heart covered, and as much background."""
    rows_of = [items.rows_of(item).tolist() for item in range(len(items))]
    chosen = np.flatnonzero([all(places.pair(row) is not None for row in rows) for rows in rows_of])
    if not len(chosen):
        return {"reason": f"no item has {places.hearts.how} beside as much background in its sector", "n": 0}
    some = items.some(chosen)
    ways = {"plain": right[chosen]}
    for part in ("heart", "background"):
        ways[part] = named(subject, some, places.covering(part)).answers == some.labels
        progress.advance()
    share = [_share(places, int(some.windows[some.middle[item]][0])) for item in range(len(some))]
    return {
        **_accuracies(ways, some.units, seed=seed),
        **_difference("heart_drop", ways["plain"], ways["heart"], some.units, seed=seed),
        **_difference("background_drop", ways["plain"], ways["background"], some.units, seed=seed),
        **_difference("heart_minus_background", ways["background"], ways["heart"], some.units, seed=seed),
        "covered_share_of_sector": float(np.mean(share)),
        "left_out": len(items) - len(some),
        **_counts(some),
    }


def _share(places: Places, row: int) -> float:
    pair = places.pair(row)
    assert pair is not None
    return float(pair.heart.sum() / places.sector_of(row).sum())


def _blank(
    subject: Subject, items: Items, places: Places, right: np.ndarray, progress: Any, *, seed: int
) -> dict[str, Any]:
    """Black outside the sector."""
    chosen = np.flatnonzero(_known(items, places))
    if not len(chosen):
        return {"reason": "no item has a sector that is certain, so what lies outside it is not known", "n": 0}
    some = items.some(chosen)
    ways = {"plain": right[chosen], "blanked": named(subject, some, places.blanked).answers == some.labels}
    progress.advance()
    return {
        **_accuracies(ways, some.units, seed=seed),
        **_difference("outside_drop", ways["plain"], ways["blanked"], some.units, seed=seed),
        "left_out": len(items) - len(some),
        **_counts(some),
    }


def _exchange(subject: Subject, items: Items, places: Places, progress: Any, *, seed: int) -> dict[str, Any]:
    """Surroundings of a clip of the same label, and of another one."""
    shows = np.array([places.shows_outside[clip] for clip in items.clips.tolist()])
    if not shows.any():
        return {"reason": "the store holds nothing outside the sectors, so that nothing there can be used", "n": 0}
    some = items.some(np.flatnonzero(_known(items, places) & shows))
    donors = draw_donors(some.labels, some.units, rng=np.random.default_rng(seed))
    some = some.some(np.flatnonzero((donors.alike != NOBODY) & (donors.unlike != NOBODY)))
    # Those who are left lend to each other; of few patients somebody may find no lender among them.
    if not len(some) or any((of == NOBODY).any() for of in _draw(some, seed, 0)):
        return {"reason": "too few patients: nobody of another patient has surroundings to lend", "n": 0}
    rights: dict[str, list[np.ndarray]] = {"alike": [], "unlike": []}
    for turn in range(EXCHANGES):
        drawn = _draw(some, seed, turn)
        for name, of in zip(rights, drawn, strict=True):
            answers = named(subject, some, places.with_surroundings(some, of)).answers
            rights[name].append(answers == some.labels)
            progress.advance()
    ways = {name: np.mean(of, axis=0) for name, of in rights.items()}
    return {
        **_accuracies(ways, some.units, seed=seed),
        **_difference("exchange_drop", ways["alike"], ways["unlike"], some.units, seed=seed),
        "left_out": len(items) - len(some),
        **_counts(some),
    }


def _draw(items: Items, seed: int, turn: int) -> Donors:
    return draw_donors(items.labels, items.units, rng=np.random.default_rng([seed, turn]))


def _known(items: Items, places: Places) -> Bool[np.ndarray, " n"]:
    return np.array([places.sector[clip] is not None for clip in items.clips.tolist()])


def _accuracies(ways: dict[str, np.ndarray], units: np.ndarray, *, seed: int) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    for name, right in ways.items():
        found = bootstrap_mean(right.astype(np.float64), units, rng=np.random.default_rng(seed))
        few = found.n_units < 2
        figures |= {f"accuracy_{name}": found.value}
        figures |= {
            f"accuracy_{name}_low": None if few else found.low,
            f"accuracy_{name}_high": None if few else found.high,
        }
    return figures


def _difference(name: str, before: np.ndarray, after: np.ndarray, units: np.ndarray, *, seed: int) -> dict[str, Any]:
    found: Difference = mean_difference(before.astype(np.float64) - after, units, rng=np.random.default_rng(seed))
    few = found.n_units < 2
    return {
        name: found.value,
        f"{name}_low": None if few else found.low,
        f"{name}_high": None if few else found.high,
        f"{name}_p": found.p,
        f"{name}_shown": found.is_above,
        "detectable": detectable(found.n_units),
    }


def _counts(items: Items) -> dict[str, int]:
    return {"n": len(items), "n_patients": items.n_units}
