"""frame: one frame at a time; what is said of a clip is left to the aggregation of its frames.

Madani et al. 2018, "Fast and accurate view classification of echocardiograms using deep learning": a classifier of
single images, and a majority vote over several images of a clip. It can't see motion: clips that differ in nothing else
are the same to it.
"""

from typing import final

from jaxtyping import Float
from torch import Tensor

from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.models.video import ARCHITECTURES
from sslecho.models.video.video_network import WHOLE, VideoNetwork


@ARCHITECTURES.add("frame")
@final
class FrameNetwork(VideoNetwork):
    """A linear head over the embedding of one frame.

    Args:
        n_frames: not used: a window is one frame.
    """

    encoder: Encoder

    def __init__(self, encoder: Encoder, *, n_classes: int, n_frames: int, dropout: float = 0.0):
        super().__init__(encoder, n_classes=n_classes, n_frames=1, taken=WHOLE)
        self.encoder = encoder
        self.head = LinearHead(encoder.dim, (n_classes,), dropout=dropout)

    def logits(self, clips: Float[Tensor, "n 1 1 h w"]) -> Float[Tensor, "n c"]:
        return self.head(self.encoder(clips[:, 0]))
