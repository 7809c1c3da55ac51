"""The settings of `finetune`, in a file of their own; nothing heavy is imported here either."""

from dataclasses import dataclass

from sslecho.api.learning_settings import LearningSettings
from sslecho.api.settings import POLICIES
from sslecho.config import option


@dataclass(frozen=True)
class FinetuneSettings(LearningSettings):
    """A store's labeled frames and an encoder to a classifier and its scores."""

    encoder: str | None = option(None, "A run of pretrain or finetune to begin with.", is_path=True)
    from_: str = option(
        "encoder", "Begin with that encoder's weights, or with its architecture alone.", choices=("encoder", "scratch")
    )
    backbone: str = option("resnet18", "With --from scratch and no --encoder: as of pretrain.")
    image_size: int | None = option(
        None, "With --from scratch: as of pretrain; by default the encoder's.", minimum=16, maximum=1024
    )
    head: str = option(
        "new", "A new head; or that of the fine-tuned --encoder, with new classes added.", choices=("new", "keep")
    )
    train: str = option(
        "all", "What learns beside the head: all layers, the last ones, or none.", choices=("all", "last", "none")
    )
    last_layers: int = option(1, "How many with --train last: stages of a ResNet, blocks of a ViT.", minimum=1)
    balance: str = option(
        "weights",
        "How uneven classes are evened out: not, by weights in the loss, by frames drawn, or by adjusted logits.",
        choices=("none", "weights", "sampler", "logit"),
    )
    tau: float = option(1.0, "With --balance logit: how far; 1 is balanced softmax.", minimum=0.0, maximum=5.0)
    gamma: float = option(0.0, "Of the focal loss; 0 is cross-entropy.", minimum=0.0, maximum=10.0)
    label_smoothing: float = option(0.0, "Share of each target that goes to all classes.", minimum=0.0, maximum=0.9)
    mixup: float = option(0.0, "Of Beta(a, a), by which frames are mixed; 0 mixes none.", minimum=0.0, maximum=10.0)
    ema: float = option(0.0, "Momentum of averaged weights, which are kept; 0: none.", minimum=0.0, maximum=0.99999)
    dropout: float = option(0.0, "Of the embedding, before the head.", minimum=0.0, maximum=0.9)
    policy: str = option("echo", "Augmentations: an organ's, a published system's, or none.", choices=POLICIES)
    min_area: float | None = option(None, "Smallest crop as a share of the picture.", minimum=0.05, maximum=1.0)
    level: str = option(
        "clip", "What is scored: a clip, by the mean of its frames, or a frame.", choices=("clip", "frame")
    )
    labels: str | None = option(None, "CSV with clip_id and label, in place of the store's labels.", is_path=True)
    label_column: str = option("label", "The column that holds the label.")
    open_set: tuple[str, ...] = option(
        (), "Labels that are not learned: how well low confidence tells their items from the known ones is scored."
    )
    confidence: float = option(
        0.95, "How often the sets of classes hold the truth, for new patients.", minimum=0.5, maximum=0.999
    )
