"""SupCon on the labeled frames of a batch and NT-Xent on all of them, for stores with few labels.

    L = NT-Xent(all) + weight * SupCon_out(labeled)

See `simclr.py` and `supcon.py` for the two. Frames that are known to be of one class are no negatives in NT-Xent
either, or one half of the loss would undo the other. The sum is ours; Khosla et al. 2020 and Chen et al. 2020
have the parts.
"""

from dataclasses import dataclass
from typing import final

from jaxtyping import Float
from torch import Tensor

from sslecho.config import option
from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective, embed
from sslecho.objectives.simclr import nt_xent
from sslecho.objectives.supcon import supcon


@dataclass(frozen=True)
class SupConNTXentSettings(MethodSettings):
    """Temperature and head as in SimCLR; the weight is ours."""

    temperature: float = option(0.1, "t of both parts.", minimum=1e-3)
    weight: float = option(1.0, "Of the labeled part.", minimum=0.0)
    projection_dim: int = option(128, "Length of z.", minimum=2)


@OBJECTIVES.add("supcon_ntxent")
@final
class SupConNTXent(Objective):
    """One projection head for both parts."""

    settings_class = SupConNTXentSettings
    labels = "some"
    negatives = True

    def __init__(self, encoder: Encoder, settings: SupConNTXentSettings):
        super().__init__()
        mend_torchvision()
        from lightly.models.modules.heads import SimCLRProjectionHead

        self.settings = settings
        self.head = SimCLRProjectionHead(encoder.dim, encoder.dim, settings.projection_dim)

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        return tuple(self.head(x) for x in embed(encoder, batch.views))

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        t = self.settings.temperature
        first, second = outputs
        everywhere = nt_xent(first, second, known.clips, temperature=t, labels=known.labels)
        labeled = supcon(first, second, known.clips, known.labels, temperature=t)
        return everywhere + self.settings.weight * labeled

    def after_step(self, encoder: Encoder, now: Now) -> None:
        """Nothing follows."""

    def chance(self, n: int) -> None:
        """It depends on how many of the batch are labeled."""
