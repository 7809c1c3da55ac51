"""divided: attention over time, then over space, in every block of a ViT.

Bertasius, Wang & Torresani 2021, "Is space-time attention all you need for video understanding?" (TimeSformer), figure
2 and equations 7 to 9: before a block's spatial attention, each patch attends to the patches at its place in the other
frames. The spatial blocks are the encoder's. The output of every temporal attention begins at zero, so that the network
begins as the frame model: the mean of its frames' embeddings.

Where we differ. Their classification token is one for the clip and attends to all frames in turn; ours is one a frame,
as are all of a ViT's extra tokens, and attends over time like a patch: whatever the encoder pools by, it goes on doing
so. They put a linear layer of its own behind the temporal attention, ours is the attention's output layer. Their
positions in time are added once to the tokens; ours are added to what the temporal attention sees, so that a frame's
embedding is its own at the start.
"""

from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.models.video import ARCHITECTURES
from sslecho.models.video.video_network import WHOLE, VideoNetwork


@final
class TemporalAttention(nn.Module):
    """What a token learns from those at its place in the other frames; nothing at the start.

    Args:
        dim: length of a token.
        heads: of the attention, as the spatial one's.
    """

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        nn.init.zeros_(self.attention.out_proj.weight)
        nn.init.zeros_(self.attention.out_proj.bias)

    def forward(self, tokens: Float[Tensor, "n t p d"], when: Float[Tensor, "t d"]) -> Float[Tensor, "n t p d"]:
        by_place = (self.norm(tokens) + when[:, None]).transpose(1, 2).flatten(0, 1)
        seen, _ = self.attention(by_place, by_place, by_place, need_weights=False)
        return seen.unflatten(0, (len(tokens), -1)).transpose(1, 2)


@ARCHITECTURES.add("divided")
@final
class DividedNetwork(VideoNetwork):
    """A ViT with temporal attention before each block, and a linear head.

    Raises:
        InputError: the encoder is no ViT of timm.
    """

    encoder: Encoder

    def __init__(self, encoder: Encoder, *, n_classes: int, n_frames: int, dropout: float = 0.0):
        mend_torchvision()
        from timm.models.vision_transformer import VisionTransformer

        super().__init__(encoder, n_classes=n_classes, n_frames=n_frames, taken=WHOLE)
        if not isinstance(encoder.net, VisionTransformer):
            raise InputError(
                f"--arch divided needs an encoder that is a plain ViT of timm, and {encoder.backbone} is none; choose "
                "another --arch, or pretrain for example --backbone vit_tiny_patch16_224"
            )
        self.encoder = encoder
        net: Any = encoder.net
        heads = net.blocks[0].attn.num_heads
        # As large as the normalized tokens that they are added to, so that the order of frames is seen from the start.
        self.when = nn.Parameter(torch.randn(n_frames, net.embed_dim))
        self.temporal = nn.ModuleList([TemporalAttention(net.embed_dim, heads) for _ in net.blocks])
        self.head = LinearHead(encoder.dim, (n_classes,), dropout=dropout)

    def logits(self, clips: Float[Tensor, "n t 1 h w"]) -> Float[Tensor, "n c"]:
        return self.head(self.embed(clips).mean(1))

    def embed(self, clips: Float[Tensor, "n t 1 h w"]) -> Float[Tensor, "n t d"]:
        """Each frame's embedding, which has seen the other frames."""
        net: Any = self.encoder.net
        window = clips.shape[:2]
        x = net._pos_embed(net.patch_embed((clips.flatten(0, 1) - self.mean) / self.std))
        x = net.norm_pre(net.patch_drop(x))
        for temporal, block in zip(self.temporal, net.blocks, strict=True):
            tokens = x.unflatten(0, window)
            x = block((tokens + temporal(tokens, self.when)).flatten(0, 1))
        return net.forward_head(net.norm(x), pre_logits=True).unflatten(0, window)
