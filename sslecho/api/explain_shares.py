"""What maps amount to: their shares outside the sector, on the heart and its parts, beside those of the area."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64

from sslecho.api.explain_items import Items
from sslecho.api.explain_readers import Places
from sslecho.metrics.intervals import bootstrap_mean
from sslecho.models.encoder import resize
from sslecho.phantom.tissues import STRUCTURES
from sslecho.tasks.explain.subject import Subject

Mask = Float32[np.ndarray, "t h w"]


def small(mask: Bool[np.ndarray, "h w"], subject: Subject) -> Float32[np.ndarray, "small_h small_w"]:
    """A mask of stored pixels as one of the network's: how much of each pixel it covers."""
    whole = torch.from_numpy(mask.astype(np.uint8) * np.uint8(255))
    return resize(whole[None], subject.image_size)[0, 0].numpy()


def shares(
    maps: dict[str, Float32[np.ndarray, "k t h w"]],
    correlation: dict[str, np.ndarray],
    chosen: Int64[np.ndarray, " k"],
    items: Items,
    places: Places,
    subject: Subject,
    *,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Of each method its figures, the mean over items with intervals over patients.

    `…_area` is the share of the picture's area, which is what a map without knowledge has. Figures that nobody can know
    (the sector is uncertain, a map is 0 all over) leave their items out, and are None where none is left.

    Args:
        maps: by method, of the chosen items' middle windows.
        correlation: of each item's map with the random network's, by those methods that were compared.
    """
    windows, units = items.windows[items.middle[chosen]], items.units[chosen]
    outside = [_outside(places, window, subject) for window in windows]
    heart = [_heart(places, window, subject) for window in windows]
    structures = {name: [] for name in STRUCTURES}
    if places.hearts.truth is not None:
        for window in windows:
            found = _structures(places, window, subject)
            for name, masks in structures.items():
                masks.append(None if found is None else found.get(name))
    figures = {}
    for method, of in maps.items():
        correlated = np.asarray(correlation.get(method, np.full(len(chosen), np.nan)), np.float64)
        known = np.isfinite(correlated)
        figures[method] = {
            **_share("outside", of, outside, units, seed=seed),
            **_share("heart", of, heart, units, seed=seed),
            **_mean("random_correlation", correlated[known], units[known], seed=seed),
            "structures": {
                name: _share("share", of, masks, units, seed=seed)
                for name, masks in structures.items()
                if any(mask is not None for mask in masks)
            },
        }
    return figures


def _outside(places: Places, window: Int64[np.ndarray, " t"], subject: Subject) -> Mask | None:
    clip = int(places.store.clip_of_frame[window[0]])
    if places.sector[clip] is None:
        return None
    return np.stack([small(~places.inside(row), subject) for row in window.tolist()])


def _heart(places: Places, window: Int64[np.ndarray, " t"], subject: Subject) -> Mask | None:
    masks = []
    for row in window.tolist():
        sector = places.sector_of(row)
        heart = places.hearts.of(row, sector)
        if heart is None:
            return None
        masks.append(small(heart & sector, subject))
    return np.stack(masks)


def _structures(places: Places, window: Int64[np.ndarray, " t"], subject: Subject) -> dict[str, Mask] | None:
    """The structures in a window; None where there is no truth of it."""
    assert places.hearts.truth is not None
    truth = [places.hearts.truth.of(row) for row in window.tolist()]
    maps = [found for found in truth if found is not None]
    if len(maps) < len(truth):
        return None
    names = list(STRUCTURES)
    present = np.unique(np.stack(maps))
    return {
        names[number - 1]: np.stack([small(found == number, subject) for found in maps])
        for number in present.tolist()
        if number > 0
    }


def _share(
    name: str,
    maps: Float32[np.ndarray, "k t h w"],
    masks: Sequence[Mask | None],
    units: Int64[np.ndarray, " k"],
    *,
    seed: int,
) -> dict[str, Any]:
    held, areas, of = [], [], []
    for one, mask, unit in zip(maps, masks, units.tolist(), strict=True):
        if mask is not None and (total := float(one.sum())) > 0:
            held.append(float((one * mask).sum()) / total)
            areas.append(float(mask.mean()))
            of.append(unit)
    area = float(np.mean(areas)) if areas else None
    return {**_mean(name, np.array(held, np.float64), np.array(of, np.int64), seed=seed), f"{name}_area": area}


def _mean(name: str, values: np.ndarray, units: np.ndarray, *, seed: int) -> dict[str, Any]:
    if not len(values):
        return {name: None, f"{name}_low": None, f"{name}_high": None, f"{name}_n": 0}
    found = bootstrap_mean(values, units, rng=np.random.default_rng(seed))
    few = found.n_units < 2
    return {
        name: found.value,
        f"{name}_low": None if few else found.low,
        f"{name}_high": None if few else found.high,
        f"{name}_n": len(values),
    }
