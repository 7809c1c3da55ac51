"""MAE: draw the hidden patches of a picture from the few that are seen.

    L = mean over hidden patches and their pixels of (predicted - target)^2,   target = (x - mean) / sqrt(var + 1e-6)

with mean and (unbiased) variance over the patch's own pixels. He et al. 2022, "Masked Autoencoders Are Scalable
Vision Learners", section 3. The encoder is a ViT that sees the patches that are not hidden; a small decoder sees
their embeddings, and one learned vector in place of each hidden patch. Patches without any contrast, all those
outside the sector, have nothing to predict and are not counted (ours). Nothing is contrasted.

Predicting each patch's mean has a loss of 1 (less by 1 / patch^2, for the variance is unbiased).
"""

from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sslecho.config import option
from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective

NO_CONTRAST = 1e-6  # variance of gray levels in [0, 1]: a fourth of a gray level of 255


def mae_loss(predicted: Float[Tensor, "n m p"], hidden: Float[Tensor, "n m p"]) -> Float[Tensor, ""]:
    """L above.

    Args:
        predicted: standardized pixels of the hidden patches.
        hidden: their pixels.
    """
    hidden = hidden.float()
    variance = hidden.var(dim=2, keepdim=True)
    target = (hidden - hidden.mean(2, keepdim=True)) / (variance + 1e-6).sqrt()
    error = (predicted.float() - target).square().mean(2)
    counted = (variance > NO_CONTRAST).squeeze(2)
    return error.where(counted, 0.0).sum() / counted.sum().clamp(min=1)


def patches_of(x: Float[Tensor, "n 1 h w"], side: int) -> Float[Tensor, "n patches pixels"]:
    """Pictures as rows of square patches, from left to right, then down."""
    mend_torchvision()
    from lightly.models.utils import patchify

    return patchify(x, side)


def positions(grid: int, dim: int) -> Float[Tensor, "patches dim"]:
    """Sines and cosines of a patch's column (first half) and row (second half) at dim / 4 frequencies each.

    Vaswani et al. 2017, "Attention is all you need", section 3.5, for each axis, as in MAE's section 3.
    """
    frequencies = 10_000.0 ** (-torch.arange(dim // 4) / (dim // 4))
    angles = torch.arange(grid)[:, None] * frequencies
    axis = torch.cat([angles.sin(), angles.cos()], dim=1)
    return torch.cat([axis.repeat(grid, 1), axis.repeat_interleave(grid, dim=0)], dim=1)


@dataclass(frozen=True)
class MAESettings(MethodSettings):
    """The masked share is the paper's (figure 5). Its decoder is 8 blocks of width 512; ours is 4 of 256."""

    mask_ratio: float = option(0.75, "Share of patches that are hidden.", minimum=0.05, maximum=0.95)
    decoder_heads: int = option(8, "Heads of the decoder, 32 wide each; the paper has 16.", minimum=1)
    decoder_depth: int = option(4, "Blocks of the decoder; the paper has 8.", minimum=1)


class Decoder(nn.Module):
    """Transformer blocks over all patches, hidden or not, and a linear layer to pixels."""

    where: Tensor

    def __init__(self, dim: int, grid: int, n_prefix: int, n_pixels: int, *, heads: int, depth: int):
        super().__init__()
        from timm.models.vision_transformer import Block

        width = 32 * heads
        self.n_prefix = n_prefix
        self.narrow = nn.Linear(dim, width)
        self.hidden = nn.Parameter(torch.randn(width) * 0.02)
        where = torch.cat([torch.zeros(n_prefix, width), positions(grid, width)])
        self.register_buffer("where", where, persistent=False)
        self.blocks = nn.Sequential(*[Block(width, num_heads=heads, qkv_bias=True) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.pixels = nn.Linear(width, n_pixels)

    def forward(self, seen: Float[Tensor, "n s d"], order: Int64[Tensor, "n patches"]) -> Float[Tensor, "n m p"]:
        """Pixels of the hidden patches, in their order.

        Args:
            seen: prefix tokens and seen patches.
            order: the patches' places, first those of the seen ones, then those of the hidden ones.
        """
        x = self.narrow(seen)
        n_seen = x.shape[1] - self.n_prefix
        hidden = self.hidden.expand(len(x), order.shape[1] - n_seen, -1).to(x.dtype)
        prefix, patches = self.where[: self.n_prefix], self.where[self.n_prefix :]
        x = torch.cat([x, hidden], dim=1) + torch.cat([prefix.expand(len(x), -1, -1), patches[order]], dim=1)
        # Blocks don't mind the order of tokens: each knows its place.
        return self.pixels(self.norm(self.blocks(x))[:, self.n_prefix + n_seen :])


@OBJECTIVES.add("mae")
@final
class MAE(Objective):
    """The masks and the decoder. The encoder's positions become fixed sines and cosines, as in the paper.

    Raises:
        InputError: the encoder is no ViT of timm, or the picture is no whole number of patches.
    """

    settings_class = MAESettings
    n_views = 1

    def __init__(self, encoder: Encoder, settings: MAESettings):
        super().__init__()
        mend_torchvision()
        from timm.models.vision_transformer import VisionTransformer

        net: Any = encoder.net
        # Pooling by attention would stay untrained: nothing is pooled here.
        if not isinstance(net, VisionTransformer) or net.pos_embed is None or net.attn_pool is not None:
            raise InputError(
                f"--method mae needs a plain ViT of timm, and --backbone {encoder.backbone} is none; "
                "choose for example --backbone vit_tiny_patch16_224"
            )
        self.side = net.patch_embed.patch_size[0]
        if encoder.image_size % self.side:
            raise InputError(
                f"--image-size {encoder.image_size} is no multiple of the {self.side} pixels of a patch of "
                f"{encoder.backbone}; choose {encoder.image_size // self.side * self.side or self.side}"
            )
        grid = encoder.image_size // self.side
        self.n_draws = grid * grid
        self.n_seen = max(1, int(self.n_draws * (1 - settings.mask_ratio)))
        with torch.no_grad():
            net.pos_embed.zero_()
            net.pos_embed[:, -self.n_draws :] = positions(grid, encoder.dim)
        net.pos_embed.requires_grad_(False)
        self.decoder = Decoder(
            encoder.dim,
            grid,
            net.num_prefix_tokens,
            self.side**2,
            heads=settings.decoder_heads,
            depth=settings.decoder_depth,
        )

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        (picture,) = batch.views
        order = batch.draws.argsort(dim=1)
        net: Any = encoder.net
        x = net._pos_embed(net.patch_embed((picture - encoder.mean) / encoder.std))
        prefix, patches = x[:, : -self.n_draws], x[:, -self.n_draws :]
        seen = torch.cat([prefix, at(patches, order[:, : self.n_seen])], dim=1)
        # Of the last two norms one is the identity: which one depends on how the network pools.
        encoded = net.fc_norm(net.norm(net.blocks(net.norm_pre(seen))))
        hidden = at(patches_of(picture, self.side), order[:, self.n_seen :])
        return self.decoder(encoded, order), hidden

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        predicted, hidden = outputs
        return mae_loss(predicted, hidden)

    def after_step(self, encoder: Encoder, now: Now) -> None:
        """Nothing follows."""

    def chance(self, n: int) -> float:
        """Each patch's mean."""
        return 1 - 1 / self.side**2


def at(tokens: Float[Tensor, "n t d"], places: Int64[Tensor, "n m"]) -> Float[Tensor, "n m d"]:
    """The tokens at these places, for each picture its own."""
    return tokens.gather(1, places.unsqueeze(2).expand(-1, -1, tokens.shape[2]))
