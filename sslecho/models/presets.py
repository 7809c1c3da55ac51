"""Networks of published echo systems that timm does not have, as backbones: named, with their own picture size.

What they end with is the embedding; a classifier or projection is put on top by whoever trains one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from jaxtyping import Float
from torch import Tensor, nn

PREFIX = "sslecho/"  # before the architecture in config.json: no timm would find it


@final
class ConvBlocks(nn.Module):
    """Blocks of two 3 x 3 convolutions, each with batch norm before its ReLU, and a max-pool that halves the side.

    Args:
        image_size: height and width of the pictures, in pixels; fixed, for what the blocks make is flattened.
        widths: channels of each block.
        hidden: widths of the fully connected layers after them, each with batch norm, ReLU and dropout.
        dropout: share of values set to zero after each block and each fully connected layer.
    """

    def __init__(self, image_size: tuple[int, int], widths: tuple[int, ...], hidden: tuple[int, ...], dropout: float):
        super().__init__()
        height, width = image_size
        channels, layers = 1, []
        for wide in widths:
            for inward in (channels, wide):
                layers += [nn.Conv2d(inward, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU(inplace=True)]
            layers += [nn.MaxPool2d(2), *([nn.Dropout(dropout)] if dropout else [])]
            channels, height, width = wide, height // 2, width // 2
        self.blocks = nn.Sequential(*layers)
        dim, layers = channels * height * width, []
        for wide in hidden:
            layers += [nn.Linear(dim, wide), nn.BatchNorm1d(wide), nn.ReLU(inplace=True), nn.Dropout(dropout)]
            dim = wide
        self.hidden = nn.Sequential(*layers)
        self.num_features = dim
        # As timm's networks describe themselves.
        self.default_cfg: dict[str, Any] = {"fixed_input_size": True, "first_conv": "blocks.0", "classifier": None}

    def forward(self, x: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n d"]:
        return self.hidden(self.blocks(x).flatten(1))


@final
@dataclass(frozen=True)
class Preset:
    """A network and the only size of picture that it takes: height and width in pixels."""

    image_size: tuple[int, int]
    create: Callable[[], ConvBlocks]


PRESETS = {
    # Madani et al. 2018, "Fast and accurate view classification of echocardiograms using deep learning", methods: six
    # 3 x 3 convolutions, max-pools, layers of 1028 and 512, batch norm before the activation, dropout in both kinds of
    # layers, 60 x 80 pixels. The text has no filter counts: 32, 64 and 128, two layers each, and the dropout of 0.3 are
    # a third party's, not checked against the authors' network. Where the dropout stands, and batch norm in the fully
    # connected layers too, are our reading: with the latter, biases everywhere and a 15-way classifier there are
    # 10,036,859 parameters, as the third party's network has.
    "madani-60x80": Preset((60, 80), lambda: ConvBlocks((60, 80), (32, 64, 128), (1028, 512), 0.3)),
    # Chartsias et al. 2021, "Contrastive Learning for View Classification of Echocardiograms", figure 2: the encoder f.
    # Its 6 x 6 x 256 outputs are flattened, as both of its heads do.
    "chartsias-192": Preset((192, 192), lambda: ConvBlocks((192, 192), (16, 32, 64, 128, 256), (), 0.0)),
}
