"""Which frames a step learns from, and what is known of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float64, Int64

from sslecho.data.balanced import balanced_batches
from sslecho.data.neighbor_partners import NeighborPartners
from sslecho.data.partners import Partners
from sslecho.data.sampler import class_batches, clip_batches, epoch_batches
from sslecho.data.windows import Windows
from sslecho.objectives.objective import Known, Now
from sslecho.views.beams import to_device

UNKNOWN = -1


@runtime_checkable
class Draws(Protocol):
    """Chooses the rows of an epoch's batches by more than its number.

    Attributes:
        learns: whether the choice depends on what the steps before it told; then no batch is read ahead of its epoch.
    """

    learns: bool

    def draw(self, *, batch_size: int, seed: int, epoch: int) -> Int64[np.ndarray, "n_batches batch"]:
        """As many batches as `Frames.rows` fill; the same for as long as the epoch lasts, in a resumed run too."""
        ...


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
        time_s: the time of every frame of the store in its clip, in seconds, NaN where unknown; None knows none.
        max_gap_s: partners are drawn from frames that are less than this apart in time; None takes the whole group.
        neighbor_ids: the places in `rows` of each of them's neighbors, -1 for none; the second view is then a
            neighbor's, and `partner_group` does not count.
        grade_of_frame: the grade of every frame of the store, NaN where unknown; None knows none.
        batches: how they come together: "frames", "clips" or "classes", see data/sampler.py, or "balanced", see
            data/balanced.py; the last two need labels.
        draws: chooses the batches in place of `batches`; what it chooses are again rows of the store.
        windows: what is seen is not a frame but the window of which it is the center; None sees frames.
        segment_of_frame: the segment of a clip that every frame of the store is in; None knows none.
    """

    read: Callable[[np.ndarray], np.ndarray]
    rows: Int64[np.ndarray, " n"]
    clip_of_frame: Int64[np.ndarray, " n_frames"]
    partner_group: Int64[np.ndarray, " n_frames"] | None = None
    label_of_frame: Int64[np.ndarray, " n_frames"] | None = None
    repeat_of_frame: Int64[np.ndarray, " n_frames"] | None = None
    sectors: Any | None = None
    time_s: Float64[np.ndarray, " n_frames"] | None = None
    max_gap_s: float | None = None
    neighbor_ids: Int64[np.ndarray, "n j"] | None = None
    grade_of_frame: Float64[np.ndarray, " n_frames"] | None = None
    batches: str = "frames"
    draws: Draws | None = None
    windows: Windows | None = None
    segment_of_frame: Int64[np.ndarray, " n_frames"] | None = None

    @property
    def alike(self) -> Int64[np.ndarray, " n_frames"]:
        """Frames with equal numbers are never negatives of each other."""
        return self.clip_of_frame if self.repeat_of_frame is None else self.repeat_of_frame


def row_batches(
    frames: Frames, *, batch_size: int, epochs: int, seed: int, start: int, rank: int, world: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and partners' rows for each step from `start` on, this process's share of them."""
    per_epoch = len(frames.rows) // batch_size
    drawn = None
    if frames.neighbor_ids is not None:
        drawn = NeighborPartners(frames.rows, frames.neighbor_ids)
    elif frames.partner_group is not None:
        drawn = Partners(frames.rows, frames.partner_group, time_s=frames.time_s, max_gap_s=frames.max_gap_s)
    for step in range(start, per_epoch * epochs):
        epoch, at = divmod(step, per_epoch)
        if step == start or at == 0:
            order = _epoch(frames, batch_size=batch_size, seed=seed, epoch=epoch)
        first = order[at]
        own = first[rank::world]
        # The same object where frames are their own partners: then they are read once.
        yield own, own if drawn is None else drawn.draw(own, seed=seed, epoch=epoch)


def _epoch(frames: Frames, *, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """The batches of an epoch, of all processes."""
    if frames.draws is not None:
        return frames.draws.draw(batch_size=batch_size, seed=seed, epoch=epoch)
    if frames.batches == "clips":
        return clip_batches(frames.rows, frames.alike, batch_size=batch_size, seed=seed, epoch=epoch)
    if frames.batches in ("classes", "balanced"):
        if frames.label_of_frame is None:
            raise ValueError("batches of classes need labels")
        return {"classes": class_batches, "balanced": balanced_batches}[frames.batches](
            frames.rows, frames.alike, frames.label_of_frame, batch_size=batch_size, seed=seed, epoch=epoch
        )
    return epoch_batches(frames.rows, batch_size=batch_size, seed=seed, epoch=epoch)


def known_of(rows: Int64[np.ndarray, " n"], frames: Frames, now: Now, device: torch.device) -> Known:
    """Groups without negatives among themselves, classes, grades and segments of a batch's frames."""
    clips = to_device(torch.from_numpy(frames.alike[rows]), device)
    labels = torch.full_like(clips, UNKNOWN)
    if frames.label_of_frame is not None:
        labels = to_device(torch.from_numpy(frames.label_of_frame[rows]), device)
    grades = None
    if frames.grade_of_frame is not None:
        grades = to_device(torch.from_numpy(frames.grade_of_frame[rows]).float(), device)
    segments = None
    if frames.segment_of_frame is not None:
        segments = to_device(torch.from_numpy(frames.segment_of_frame[rows]), device)
    return Known(clips, labels, now, grades, segments)
