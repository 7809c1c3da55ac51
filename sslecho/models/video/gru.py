"""gru: a GRU over the embeddings of a window's frames; its last state is classified.

Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder for statistical machine translation",
section 2.3. Widths and dropout are those of `lstm.py`, so that the two differ in nothing but the layer.
"""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.models.video import ARCHITECTURES
from sslecho.models.video.recurrent import begin_recurrent
from sslecho.models.video.video_network import WHOLE, VideoNetwork, embed_frames

HIDDEN = 256


@ARCHITECTURES.add("gru")
@final
class GruNetwork(VideoNetwork):
    """One GRU layer, and a linear head over its state after the last frame."""

    encoder: Encoder

    def __init__(self, encoder: Encoder, *, n_classes: int, n_frames: int, dropout: float = 0.3):
        super().__init__(encoder, n_classes=n_classes, n_frames=n_frames, taken=WHOLE)
        self.encoder = encoder
        self.gru = nn.GRU(encoder.dim, HIDDEN, batch_first=True)
        begin_recurrent(self.gru)
        self.head = LinearHead(HIDDEN, (n_classes,), dropout=dropout)

    def logits(self, clips: Float[Tensor, "n t 1 h w"]) -> Float[Tensor, "n c"]:
        states, _ = self.gru(embed_frames(self.encoder, clips))
        return self.head(states[:, -1])
