"""r2plus1d: each convolution over space and time as one over space, then one over time.

Tran et al. 2018, "A closer look at spatiotemporal convolutions for action recognition", section 3.5 (R(2+1)D),
torchvision's network of 18 layers, for one channel. Short windows are not halved in time. `inflate.py` says what it
takes from a ResNet-18; then its stem is the encoder's, over space alone, for theirs of 45 channels has no room for 64.
Any other encoder gives it nothing but its pictures' size and gray levels.
"""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.models.video import ARCHITECTURES
from sslecho.models.video.inflate import gray_stem, is_resnet18, keep_short_windows, take_resnet18
from sslecho.models.video.video_network import INFLATED, NOTHING, VideoNetwork


@ARCHITECTURES.add("r2plus1d")
@final
class R2plus1dNetwork(VideoNetwork):
    """The network, and a linear head over its mean over space and time."""

    def __init__(self, encoder: Encoder, *, n_classes: int, n_frames: int, dropout: float = 0.0):
        mend_torchvision()
        from torchvision.models.video.resnet import BasicBlock, Conv2Plus1D, R2Plus1dStem, VideoResNet

        takes = is_resnet18(encoder.net)
        super().__init__(encoder, n_classes=n_classes, n_frames=n_frames, taken=INFLATED if takes else NOTHING)
        self.encoder = None

        def stem() -> nn.Sequential:
            if takes:
                return gray_stem(frames=1, pool=True)
            theirs = R2Plus1dStem()
            theirs[0] = nn.Conv3d(1, 45, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False)
            return theirs

        self.video = VideoResNet(BasicBlock, [Conv2Plus1D] * 4, [2, 2, 2, 2], stem)
        keep_short_windows(self.video, n_frames)
        if takes:
            take_resnet18(self.video, encoder.net)
        self.head = LinearHead(self.video.fc.in_features, (n_classes,), dropout=dropout)
        self.video.fc = nn.Identity()  # type: ignore[assignment]

    def logits(self, clips: Float[Tensor, "n t 1 h w"]) -> Float[Tensor, "n c"]:
        return self.head(self.video((clips.transpose(1, 2) - self.mean) / self.std))
