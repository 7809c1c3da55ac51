"""What is explained: a network of windows, and how it is asked about pictures that were changed on the way.

A classifier of frames sees windows of one frame. Whatever is changed (the heart covered, the surroundings blanked) is
changed by a reader that stands between the store and the network: rows -> uint8 frames, as `Store.read`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, UInt8
from torch import Tensor, nn

from sslecho.models.encoder import Encoder, resize

FRAMES_AT_ONCE = 128

Read = Callable[[Int64[np.ndarray, " n"]], UInt8[np.ndarray, "n h w"]]


@dataclass(frozen=True)
class Subject:
    """A network and how it names items.

    Attributes:
        network: windows of frames [n, t, 1, h, w], gray levels in [0, 1], -> logits [n, c]; can be differentiated.
        classes: names, in the order of the logits.
        n_frames: t.
        image_size: of the pictures in pixels: a side, or height and width.
        name_items: logits of windows [m, c], the item of each, and how many items there are -> probabilities [n, c]
            and uncertainty [n], as the classifier itself names them.
    """

    network: nn.Module
    classes: tuple[str, ...]
    n_frames: int
    image_size: int | tuple[int, int]
    name_items: Callable[
        [Float64[np.ndarray, "m c"], Int64[np.ndarray, " m"], int],
        tuple[Float64[np.ndarray, "n c"], Float64[np.ndarray, " n"]],
    ]

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def pictures(self, read: Read, windows: Int64[np.ndarray, "m t"]) -> Float[Tensor, "m t 1 h w"]:
        """What the network sees of windows of frames, by their rows in the store."""
        # Neighboring windows share frames: each is read once.
        seen, place = np.unique(windows, return_inverse=True)
        small = resize(torch.from_numpy(read(seen)).to(self.device), self.image_size)
        return small[torch.from_numpy(place.reshape(windows.shape)).to(self.device)]

    def probabilities(self, logits: Float[Tensor, "m c"]) -> Float64[np.ndarray, "m c"]:
        """Of windows, each named alone: by evidence or softmax, tempered, as the classifier has it."""
        return self.name_items(logits.double().cpu().numpy(), np.arange(len(logits)), len(logits))[0]

    @torch.inference_mode()
    def logits(self, read: Read, windows: Int64[np.ndarray, "m t"]) -> Float64[np.ndarray, "m c"]:
        """Of windows, many at a time."""
        at_once = max(1, FRAMES_AT_ONCE // self.n_frames)
        parts = [
            self.network(self.pictures(read, windows[start : start + at_once])).float().cpu()
            for start in range(0, len(windows), at_once)
        ]
        return torch.cat(parts).double().numpy()


@final
class OfFrames(nn.Module):
    """An encoder with its head, as a network of windows of one frame."""

    def __init__(self, encoder: Encoder, head: nn.Module):
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, windows: Float[Tensor, "n 1 1 h w"]) -> Float[Tensor, "n c"]:
        return self.head(self.encoder(windows[:, 0]).float())


@final
class MeanOfFrames(nn.Module):
    """A network of single frames as one of whole clips: the logarithm of the mean of the frames' probabilities.

    That mean is what a classifier of frames says of a clip, so that its gradient says which frame decided.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, windows: Float[Tensor, "n t 1 h w"]) -> Float[Tensor, "n c"]:
        n, t = windows.shape[:2]
        logs = self.network(windows.flatten(0, 1).unsqueeze(1)).log_softmax(1).unflatten(0, (n, t))
        return logs.logsumexp(1) - float(np.log(t))
