"""Maps of some items by every method, of the network and of one with random weights."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64

from sslecho.api.explain_items import Items
from sslecho.api.explain_readers import Places
from sslecho.api.explain_shares import small
from sslecho.models.encoder import height_width
from sslecho.progress import track
from sslecho.tasks.explain.hiding import coarsened
from sslecho.tasks.explain.randomized import randomized, rank_correlation
from sslecho.tasks.explain.saliency import MAPS
from sslecho.tasks.explain.sliding import sliding
from sslecho.tasks.explain.subject import Subject

FRAMES_AT_ONCE = 16  # with all that their gradients need
SLID = 12  # items with a sliding map, each of which takes some two hundred answers
SLIDING = "sliding"


@dataclass(frozen=True, eq=False)
class Mapped:
    """Items with their maps.

    Attributes:
        items: places among all items, patients in turn.
        explained: of each, the class whose logit is explained: the answer to its window.
        pictures: what the network saw of each one's middle window.
        maps: by method, like the pictures; a method that the network has none of is missing. Sliding maps are those of
            the first `SLID` items, with 0 where the probability rises; of the others they are 0.
        correlation: of each method that goes back through the weights, for each item the rank correlation with the map
            of the random network; NaN without.
    """

    items: Int64[np.ndarray, " k"]
    explained: Int64[np.ndarray, " k"]
    pictures: Float32[np.ndarray, "k t h w"]
    maps: dict[str, Float32[np.ndarray, "k t h w"]]
    correlation: dict[str, Float[np.ndarray, " k"]]


def patients_in_turn(units: Int64[np.ndarray, " n"], *, seed: int) -> Int64[np.ndarray, " n"]:
    """All items in random order, the first of every patient before the second of any."""
    return in_turn(np.random.default_rng(seed).permutation(len(units)), units)


def in_turn(order: Int64[np.ndarray, " k"], units: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " k"]:
    """Items in this order, but the first of every unit before the second of any."""
    seen: dict[int, int] = {}
    turns = []
    for unit in units[order].tolist():
        turns.append(seen.get(unit, 0))
        seen[unit] = turns[-1] + 1
    return order[np.argsort(turns, kind="stable")]


def mapped(subject: Subject, items: Items, chosen: Int64[np.ndarray, " k"], places: Places, *, seed: int) -> Mapped:
    """Every map of the middle windows of some items, inside and outside the sector alike."""
    windows = items.windows[items.middle[chosen]]
    fresh = randomized(subject.network, seed=seed).requires_grad_(False)
    pictures, explained = [], []
    maps: dict[str, list[np.ndarray]] = {}
    correlation: dict[str, list[float]] = {}
    with track("maps", total=len(windows), unit="items") as progress:
        at_once = max(1, FRAMES_AT_ONCE // subject.n_frames)
        for start in range(0, len(windows), at_once):
            some = windows[start : start + at_once]
            seen = subject.pictures(places.store.read, some)
            with torch.no_grad():
                classes = subject.network(seen).argmax(1)
            pictures.append(seen[:, :, 0].cpu().numpy())
            explained.append(classes.cpu().numpy())
            inside = [small(places.sector_of(int(window[0])), subject) > 0.5 for window in some]
            for name, make in MAPS.items():
                of, of_random = (make(network, seen, classes) for network in (subject.network, fresh))
                if of is None or of_random is None:
                    continue
                made, other = of.cpu().numpy(), of_random.cpu().numpy()
                maps.setdefault(name, []).append(made)
                correlation.setdefault(name, []).extend(
                    rank_correlation(a.mean(0), b.mean(0), where)
                    for a, b, where in zip(made, other, inside, strict=True)
                )
            progress.advance(len(some))
    classes = np.concatenate(explained).astype(np.int64)
    return Mapped(
        chosen,
        classes,
        np.concatenate(pictures).astype(np.float32),
        {
            SLIDING: _slid(subject, windows, classes, places),
            **{name: np.concatenate(parts).astype(np.float32) for name, parts in maps.items()},
        },
        {name: np.array(values) for name, values in correlation.items()},
    )


def presentable(found: Mapped, items: Items, places: Places, subject: Subject) -> Mapped:
    """The same with maps that may be shown: outside the sector they are coarse, for letters could be read from them."""
    maps = {name: of.copy() for name, of in found.maps.items()}
    for place, window in enumerate(items.windows[items.middle[found.items]]):
        visible = small(places.visible(int(window[len(window) // 2])), subject) > 0.5
        if not visible.all():
            for of in maps.values():
                of[place] = coarsened(of[place], visible)
    return replace(found, maps=maps)


def _slid(
    subject: Subject, windows: Int64[np.ndarray, "k t"], classes: Int64[np.ndarray, " k"], places: Places
) -> Float32[np.ndarray, "k t h w"]:
    height, width = height_width(subject.image_size)
    maps = np.zeros((*windows.shape, height, width), np.float32)
    with track("sliding patches", total=min(SLID, len(windows)), unit="items") as progress:
        for place in range(min(SLID, len(windows))):
            seen = subject.pictures(places.store.read, windows[place : place + 1])[0]
            fall = sliding(subject.network, seen, int(classes[place]), says=subject.probabilities)
            maps[place] = np.maximum(fall, 0)
            progress.advance()
    return maps
