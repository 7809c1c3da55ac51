"""From rows of the store to pictures, and from pictures to views on the device."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from sslecho.data.keyed import uniforms
from sslecho.objectives.objective import Batch, Now
from sslecho.train.batches import Frames
from sslecho.views.beams import to_device
from sslecho.views.policies import Views


class Loaded(NamedTuple):
    """A batch as it was read: frames, and those that the odd views are made of, often the same.

    Of windows `rows` are the centers, and `pictures` and `outlines` have all T frames of one after those of another.
    """

    rows: Int64[np.ndarray, " n"]
    partner_rows: Int64[np.ndarray, " n"]
    pictures: UInt8[Tensor, "m h w"]
    partner_pictures: UInt8[Tensor, "m h w"]
    outlines: Float[Tensor, "m 11"] | None
    partner_outlines: Float[Tensor, "m 11"] | None


def load(frames: Frames, pair: tuple[np.ndarray, np.ndarray] | None) -> Loaded | None:
    """Read the pictures of a step, or nothing where the steps are at their end."""
    if pair is None:
        return None
    first, second = pair
    if frames.windows is not None:
        first_seen, second_seen = (frames.windows.rows(rows).ravel() for rows in pair)
    else:
        first_seen, second_seen = pair
    pictures = torch.from_numpy(frames.read(first_seen))
    partners = pictures if second is first else torch.from_numpy(frames.read(second_seen))
    outlines = [None if frames.sectors is None else frames.sectors.rows(rows) for rows in (first_seen, second_seen)]
    return Loaded(first, second, pictures, partners, *outlines)


def show(loaded: Loaded, makers: Sequence[Views], now: Now, *, n_draws: int, seed: int, device: torch.device) -> Batch:
    """The views of a batch, on the device. The frames of a window are changed alike: their numbers are its center's.

    Args:
        makers: one a view. The even ones show the frame, the odd ones its partner.
        n_draws: further uniform numbers a frame, for the objective.
    """
    rows, partner_rows, pictures, partner_pictures, outlines, partner_outlines = loaded
    epoch = int(now.epoch)
    prepared = makers[0].prepare(pictures.to(device, non_blocking=True), _on(device, outlines))
    partner = prepared
    if partner_pictures is not pictures:
        partner = makers[0].prepare(partner_pictures.to(device, non_blocking=True), _on(device, partner_outlines))
    n_seen = len(pictures) // len(rows)  # frames a row: those of its window
    shown = ((prepared, np.repeat(rows, n_seen)), (partner, np.repeat(partner_rows, n_seen)))
    views = tuple(maker(*shown[view % 2], epoch=epoch, view=view) for view, maker in enumerate(makers))
    draws = to_device(torch.from_numpy(uniforms(seed, epoch, rows, len(makers), n_draws)), device)
    return Batch(views, draws, now)


def _on(device: torch.device, outlines: Tensor | None) -> Tensor | None:
    return None if outlines is None else to_device(outlines, device)
