"""mc3: convolutions over space and time in the first stage, over space alone in the others.

Tran et al. 2018, "A closer look at spatiotemporal convolutions for action recognition", section 3.3 (MC3); here it is
torchvision's network of 18 layers, for one channel. `inflate.py` says what it takes from a ResNet-18; any other encoder
gives it nothing but its pictures' size and gray levels.
"""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.models.video import ARCHITECTURES
from sslecho.models.video.inflate import gray_stem, is_resnet18, take_resnet18
from sslecho.models.video.video_network import INFLATED, NOTHING, VideoNetwork


@ARCHITECTURES.add("mc3")
@final
class Mc3Network(VideoNetwork):
    """The network, and a linear head over its mean over space and time."""

    def __init__(self, encoder: Encoder, *, n_classes: int, n_frames: int, dropout: float = 0.0):
        mend_torchvision()
        from torchvision.models.video.resnet import BasicBlock, Conv3DNoTemporal, Conv3DSimple, VideoResNet

        takes = is_resnet18(encoder.net)
        super().__init__(encoder, n_classes=n_classes, n_frames=n_frames, taken=INFLATED if takes else NOTHING)
        self.encoder = None
        makers = [Conv3DSimple, Conv3DNoTemporal, Conv3DNoTemporal, Conv3DNoTemporal]
        self.video = VideoResNet(BasicBlock, makers, [2, 2, 2, 2], lambda: gray_stem(frames=3, pool=takes))
        if takes:
            take_resnet18(self.video, encoder.net)
        self.head = LinearHead(self.video.fc.in_features, (n_classes,), dropout=dropout)
        self.video.fc = nn.Identity()  # type: ignore[assignment]

    def logits(self, clips: Float[Tensor, "n t 1 h w"]) -> Float[Tensor, "n c"]:
        return self.head(self.video((clips.transpose(1, 2) - self.mean) / self.std))
