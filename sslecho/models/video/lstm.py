"""lstm: an LSTM over the embeddings of a window's frames; its last state is classified.

Donahue et al. 2015, "Long-term recurrent convolutional networks for visual recognition and description", section 4:
256 hidden units over a CNN's features. They average over the outputs of all steps; the last step alone, as STFM takes
it, has seen as much. Dropout is STFM's.
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


@ARCHITECTURES.add("lstm")
@final
class LstmNetwork(VideoNetwork):
    """One LSTM layer, and a linear head over its state after the last frame."""

    encoder: Encoder

    def __init__(self, encoder: Encoder, *, n_classes: int, n_frames: int, dropout: float = 0.3):
        super().__init__(encoder, n_classes=n_classes, n_frames=n_frames, taken=WHOLE)
        self.encoder = encoder
        self.lstm = nn.LSTM(encoder.dim, HIDDEN, batch_first=True)
        begin_recurrent(self.lstm)
        self.head = LinearHead(HIDDEN, (n_classes,), dropout=dropout)

    def logits(self, clips: Float[Tensor, "n t 1 h w"]) -> Float[Tensor, "n c"]:
        states, _ = self.lstm(embed_frames(self.encoder, clips))
        return self.head(states[:, -1])
