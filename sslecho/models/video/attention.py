"""attention: a small Transformer over the embeddings of a window's frames; the mean of what it makes is classified.

Arnab et al. 2021, "ViViT: a video vision transformer", section 3.3, model 2 ("factorised encoder"): a spatial encoder
for each frame, and a temporal one over the frames' embeddings. Theirs has 4 layers of the spatial encoder's width; for
windows of a few frames and the patients of an echo lab ours has 2 of 256, and pools by the mean, their section 3.1's
other choice, which needs no token to be learned.
"""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.models.video import ARCHITECTURES
from sslecho.models.video.video_network import WHOLE, VideoNetwork, embed_frames

WIDTH, HEADS, LAYERS = 256, 4, 2


@ARCHITECTURES.add("attention")
@final
class AttentionNetwork(VideoNetwork):
    """Embeddings projected to one width, a learned position for each frame, and self-attention over frames.

    Args:
        dropout: in the Transformer's layers and before the head.
    """

    encoder: Encoder

    def __init__(self, encoder: Encoder, *, n_classes: int, n_frames: int, dropout: float = 0.1):
        super().__init__(encoder, n_classes=n_classes, n_frames=n_frames, taken=WHOLE)
        self.encoder = encoder
        # Positions as large as what they are added to: at a Transformer's usual 0.02 the order of frames is learned
        # later than what they show.
        self.project = nn.Sequential(nn.LayerNorm(encoder.dim), nn.Linear(encoder.dim, WIDTH))
        self.when = nn.Parameter(torch.randn(n_frames, WIDTH))
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 4 * WIDTH, dropout=dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, LAYERS, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        # The layers are copies of one: they must not begin with the same weights.
        for weight in self.layers.parameters():
            if weight.dim() > 1:
                nn.init.xavier_uniform_(weight)
        self.head = LinearHead(WIDTH, (n_classes,), dropout=dropout)

    def logits(self, clips: Float[Tensor, "n t 1 h w"]) -> Float[Tensor, "n c"]:
        frames = self.project(embed_frames(self.encoder, clips)) + self.when
        return self.head(self.layers(frames).mean(1))
