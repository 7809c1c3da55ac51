"""From the store's frames to what an objective sees: which frames, read when, shown how."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from sslecho.data.sampler import Groups, epoch_batches, partners
from sslecho.objectives.objective import Batch, Known, Now
from sslecho.views.keyed import uniforms
from sslecho.views.policies import Views

UNKNOWN = -1


@dataclass(frozen=True)
class Frames:
    """What is trained on.

    Attributes:
        read: rows -> uint8 frames [n, h, w].
        rows: frames to train on, as rows of the store.
        clip_of_frame: the clip of every frame of the store.
        partner_group: the group to draw the second view's frame from, of every frame of the store; None
            makes all views of the same frame.
        label_of_frame: the class of every frame of the store, -1 where none may be known; None knows none.
    """

    read: Callable[[np.ndarray], np.ndarray]
    rows: Int64[np.ndarray, " n"]
    clip_of_frame: Int64[np.ndarray, " n_frames"]
    partner_group: Int64[np.ndarray, " n_frames"] | None = None
    label_of_frame: Int64[np.ndarray, " n_frames"] | None = None


class Loaded(NamedTuple):
    """A batch as it was read: frames, and those that the odd views are made of, often the same."""

    rows: Int64[np.ndarray, " n"]
    partner_rows: Int64[np.ndarray, " n"]
    pictures: UInt8[Tensor, "n h w"]
    partner_pictures: UInt8[Tensor, "n h w"]


def row_batches(
    frames: Frames, *, batch_size: int, epochs: int, seed: int, start: int, rank: int, world: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and partners' rows for each step from `start` on, this process's share of them."""
    per_epoch = len(frames.rows) // batch_size
    members = None if frames.partner_group is None else Groups(frames.rows, frames.partner_group)
    for step in range(start, per_epoch * epochs):
        epoch, at = divmod(step, per_epoch)
        if step == start or at == 0:
            order = epoch_batches(frames.rows, batch_size=batch_size, seed=seed, epoch=epoch)
        first = order[at]
        second = first
        if members is not None and frames.partner_group is not None:
            second = partners(first, frames.partner_group, members, seed=seed, epoch=epoch)
        yield first[rank::world], second[rank::world]


def load(frames: Frames, pair: tuple[np.ndarray, np.ndarray] | None) -> Loaded | None:
    """Read the pictures of a step, or nothing where the steps are at their end."""
    if pair is None:
        return None
    first, second = pair
    pictures = torch.from_numpy(frames.read(first))
    return Loaded(first, second, pictures, pictures if second is first else torch.from_numpy(frames.read(second)))


def show(loaded: Loaded, makers: Sequence[Views], now: Now, *, n_draws: int, seed: int, device: torch.device) -> Batch:
    """The views of a batch, on the device.

    Args:
        makers: one a view. The even ones show the frame, the odd ones its partner.
        n_draws: further uniform numbers a frame, for the objective.
    """
    rows, partner_rows, pictures, partner_pictures = loaded
    epoch = int(now.epoch)
    prepared = makers[0].prepare(pictures.to(device, non_blocking=True))
    partner = prepared
    if partner_pictures is not pictures:
        partner = makers[0].prepare(partner_pictures.to(device, non_blocking=True))
    shown = ((prepared, rows), (partner, partner_rows))
    views = tuple(maker(*shown[view % 2], epoch=epoch, view=view) for view, maker in enumerate(makers))
    draws = torch.from_numpy(uniforms(seed, epoch, rows, len(makers), n_draws)).to(device)
    return Batch(views, draws, now)


def known_of(loaded: Loaded, frames: Frames, now: Now, device: torch.device) -> Known:
    """Clips and classes of a batch's frames."""
    clips = torch.from_numpy(frames.clip_of_frame[loaded.rows]).to(device)
    if frames.label_of_frame is None:
        return Known(clips, torch.full_like(clips, UNKNOWN), now)
    return Known(clips, torch.from_numpy(frames.label_of_frame[loaded.rows]).to(device), now)
