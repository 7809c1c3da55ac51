"""What every classifier of clips is: a window of frames in, a logit a class out.

    clip ──▶ windows of `n_frames` frames ──▶ VideoNetwork ──▶ logits of each window ──▶ metrics/aggregation.py

Each begins with a copy of an encoder and says in `taken` what of it it could use. It is rebuilt from the encoder's
architecture and preprocessing with `create_video`, and its weights are one state dict.
"""

import copy
from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.models.video import ARCHITECTURES

WHOLE, STAGES, INFLATED, NOTHING = "whole encoder", "stem and stages", "inflated kernels", "nothing"


class VideoNetwork(nn.Module, ABC):
    """Windows in, logits out.

    Args:
        like: the encoder whose pictures it sees.
        n_classes: logits of a window.
        n_frames: of a window.
        taken: what of the encoder's weights it begins with.

    Attributes:
        encoder: the encoder inside, which embeds single frames, or None where the architecture has none.
        image_size: height and width of the pictures in pixels, or their side.
    """

    encoder: Encoder | None

    def __init__(self, like: Encoder, *, n_classes: int, n_frames: int, taken: str):
        super().__init__()
        self.n_classes, self.n_frames, self.taken = n_classes, n_frames, taken
        self.image_size, self.mean, self.std = like.image_size, like.mean, like.std

    def forward(self, clips: Float[Tensor, "n t 1 h w"]) -> Float[Tensor, "n c"]:
        """Logits of windows whose gray levels are scaled to [0, 1] and whose size is `image_size`."""
        if clips.shape[1] != self.n_frames:
            raise ValueError(f"a window has {clips.shape[1]} frames; this network takes {self.n_frames}")
        return self.logits(clips)

    @abstractmethod
    def logits(self, clips: Float[Tensor, "n t 1 h w"]) -> Float[Tensor, "n c"]:
        """Of windows whose number of frames is right."""


def embed_frames(encoder: Encoder, clips: Float[Tensor, "n t 1 h w"]) -> Float[Tensor, "n t d"]:
    """Each frame's embedding; all frames of all windows are one batch."""
    return encoder(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])


def create_video(
    arch: str, encoder: Encoder, *, n_classes: int, n_frames: int, dropout: float | None = None
) -> VideoNetwork:
    """A classifier of windows that begins with a copy of an encoder's weights, where its architecture can use them.

    Args:
        arch: one of `ARCHITECTURES`.
        encoder: stays as it is.
        n_frames: of a window. "frame" sees one at a time, whatever is asked for: see the network's `n_frames`.
        dropout: share of values left out while training, wherever the architecture leaves any out; None: its own.

    Raises:
        InputError: no such architecture, a number out of its range, or an encoder that the architecture can't use.
    """
    if n_classes < 2:
        raise InputError(f"{n_classes} classes can't be told apart; label clips with 2 classes or more")
    if n_frames < 1:
        raise InputError(f"a window of {n_frames} frames shows nothing; it needs 1 or more")
    if dropout is not None and not 0 <= dropout < 1:
        raise InputError(f"dropout is {dropout}; it must be 0 or more, and less than 1")
    own = {} if dropout is None else {"dropout": dropout}
    return ARCHITECTURES[arch](copy.deepcopy(encoder), n_classes=n_classes, n_frames=n_frames, **own)
