"""stfm: what the middle frame shows, beside how a window's frames follow each other.

    stem       the encoder's first layers, to a quarter of the side, on all T frames
    spatial    the middle frame: the encoder's other layers -> dropout .3 -> 128
    temporal   all frames: 3 x 3 convolution to 32, residual blocks to 48 and 64, each halving the side -> mean over
               the picture -> dropout .2 -> LSTM of 2 layers of 512, dropout .3 between -> last step -> dropout .3
               -> 128
    fusion     both side by side, 256 -> dropout .5 -> 128, ReLU -> dropout .3 -> logits

STFM of "EV9V", as its authors' published code has it: T = 5, and 14,749,737 parameters with a ResNet-18 for RGB and 9
classes: 157,504 of the stem, 11,084,672 spatial, 3,473,504 temporal and 34,057 of the fusion. Our encoders see gray:
their first convolution has 2 x 64 x 7 x 7 = 6,272 weights less, so that ours has 14,743,465.

Convolutions of the temporal path have batch norm and no bias; the LSTM begins as `recurrent.py` says. Nothing of the
encoder is begun anew, and nothing is frozen. The published code takes ResNets; here any CNN of timm whose layers can
be separated will do.
"""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.models.video import ARCHITECTURES
from sslecho.models.video.recurrent import begin_recurrent
from sslecho.models.video.stages import run, separate
from sslecho.models.video.video_network import STAGES, VideoNetwork

WIDTHS = (32, 48, 64)
STATES, LAYERS, STREAM = 512, 2, 128


@ARCHITECTURES.add("stfm")
@final
class StfmNetwork(VideoNetwork):
    """Two streams over one stem.

    Args:
        dropout: instead of each of the shares above; None: those.

    Raises:
        InputError: the encoder's layers can't be separated.
    """

    encoder: Encoder

    def __init__(self, encoder: Encoder, *, n_classes: int, n_frames: int, dropout: float | None = None):
        super().__init__(encoder, n_classes=n_classes, n_frames=n_frames, taken=STAGES)

        def drop(share: float) -> nn.Dropout:
            return nn.Dropout(share if dropout is None else dropout)

        self.encoder = encoder
        self.stages = separate(encoder)
        self.spatial = nn.Sequential(drop(0.3), nn.Linear(encoder.dim, STREAM))
        self.motion = motion_path(self.stages.channels)
        self.lstm_drop = drop(0.2)
        self.lstm = nn.LSTM(WIDTHS[-1], STATES, LAYERS, batch_first=True, dropout=drop(0.3).p)
        begin_recurrent(self.lstm)
        self.temporal = nn.Sequential(drop(0.3), nn.Linear(STATES, STREAM))
        self.fusion = nn.Sequential(
            drop(0.5), nn.Linear(2 * STREAM, STREAM), nn.ReLU(), drop(0.3), nn.Linear(STREAM, n_classes)
        )

    def logits(self, clips: Float[Tensor, "n t 1 h w"]) -> Float[Tensor, "n c"]:
        window = clips.shape[:2]
        maps = run(self.encoder.net, self.stages.first, (clips.flatten(0, 1) - self.mean) / self.std)
        middle = maps.unflatten(0, window)[:, self.n_frames // 2]
        spatial = self.spatial(run(self.encoder.net, self.stages.rest, middle))
        states, _ = self.lstm(self.lstm_drop(self.motion(maps)).unflatten(0, window))
        return self.fusion(torch.cat([spatial, self.temporal(states[:, -1])], dim=1))


def motion_path(channels: int) -> nn.Sequential:
    """Feature maps of single frames to 64 numbers each."""
    mend_torchvision()
    from torchvision.models.resnet import BasicBlock

    first, second, third = WIDTHS

    def halving(inward: int, outward: int) -> nn.Module:
        skip = nn.Sequential(nn.Conv2d(inward, outward, 1, stride=2, bias=False), nn.BatchNorm2d(outward))
        return BasicBlock(inward, outward, stride=2, downsample=skip)

    return nn.Sequential(
        nn.Conv2d(channels, first, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(first),
        nn.ReLU(inplace=True),
        halving(first, second),
        halving(second, third),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
