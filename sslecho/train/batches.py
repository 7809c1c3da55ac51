"""Which frames a step learns from, and what is known of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64

from sslecho.data.sampler import Groups, epoch_batches, partners
from sslecho.objectives.objective import Known, Now

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
        repeat_of_frame: a number of every frame of the store; frames with equal numbers are never negatives of
            each other. None makes it the clip.
        sectors: the sector of every frame, see views/sector.py; None where it is not known.
    """

    read: Callable[[np.ndarray], np.ndarray]
    rows: Int64[np.ndarray, " n"]
    clip_of_frame: Int64[np.ndarray, " n_frames"]
    partner_group: Int64[np.ndarray, " n_frames"] | None = None
    label_of_frame: Int64[np.ndarray, " n_frames"] | None = None
    repeat_of_frame: Int64[np.ndarray, " n_frames"] | None = None
    sectors: Any | None = None


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


def known_of(rows: Int64[np.ndarray, " n"], frames: Frames, now: Now, device: torch.device) -> Known:
    """Groups without negatives among themselves, and classes, of a batch's frames."""
    alike = frames.clip_of_frame if frames.repeat_of_frame is None else frames.repeat_of_frame
    clips = torch.from_numpy(alike[rows]).to(device)
    if frames.label_of_frame is None:
        return Known(clips, torch.full_like(clips, UNKNOWN), now)
    return Known(clips, torch.from_numpy(frames.label_of_frame[rows]).to(device), now)
