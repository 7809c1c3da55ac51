"""The settings of `view`, in a file of their own; nothing heavy is imported here either."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sslecho.api.learning_settings import LearningSettings
from sslecho.api.settings import POLICIES
from sslecho.api.view_presets import PRESETS, implied
from sslecho.config import option
from sslecho.models.video import ARCHITECTURES


@dataclass(frozen=True)
class ViewSettings(LearningSettings):
    """A store's labeled clips and an encoder to a classifier of clips and its scores."""

    preset: str = option(
        "none", "A published recipe: what it sets counts where nothing else is said.", choices=("none", *PRESETS)
    )
    encoder: str | None = option(None, "A run of pretrain, finetune or grade to begin with.", is_path=True)
    from_: str = option(
        "encoder", "Begin with that encoder's weights, or with its architecture alone.", choices=("encoder", "scratch")
    )
    backbone: str = option("resnet18", "With --from scratch and no --encoder: as of pretrain.")
    image_size: int | None = option(
        None, "With --from scratch: as of pretrain; by default the encoder's.", minimum=16, maximum=1024
    )
    arch: str = option(
        "frame", "The network: frame sees one frame, the others a window of them.", choices=ARCHITECTURES
    )
    frames: int = option(8, "Frames of a window; of frame it is one.", minimum=1, maximum=256)
    stride: int = option(2, "From a window's frame to the next one, in stored frames.", minimum=1)
    stride_s: float | None = option(None, "The same in seconds, for clips of uneven frame rates.", minimum=1e-4)
    train: str = option(
        "all",
        "What learns beside what is new: the whole encoder, its last layers, or none.",
        choices=("all", "last", "none"),
    )
    last_layers: int = option(1, "How many with --train last: stages of a ResNet, blocks of a ViT.", minimum=1)
    loss: str = option(
        "ce",
        "Cross-entropy, or a loss whose outputs are evidence, with an uncertainty of their own.",
        choices=("ce", "re-edl", "edl-mse", "edl-log", "edl-digamma"),
    )
    lambda1: float = option(1.0, "With --loss re-edl: weight of the other classes' evidence.", minimum=0.0)
    lambda2: float = option(0.8, "With --loss re-edl: prior of each class.", minimum=1e-3)
    balance: str = option(
        "weights",
        "How uneven classes are evened out: not, by weights in the loss, by clips drawn, by adjusted logits, or by "
        "copies of clips; losses of evidence take sampler by default, and no weights or logits.",
        choices=("none", "weights", "sampler", "logit", "copies"),
    )
    copies: tuple[str, ...] = option(
        (), "With --balance copies: CLASS=N, how often clips of a class stand in an epoch; by default as evens out."
    )
    tau: float = option(1.0, "With --balance logit: how far; 1 is balanced softmax.", minimum=0.0, maximum=5.0)
    label_smoothing: float = option(0.0, "Share of each target that goes to all classes.", minimum=0.0, maximum=0.9)
    dropout: float | None = option(None, "By default the architecture's own.", minimum=0.0, maximum=0.9)
    windows_per_clip: int = option(
        1, "Windows of a clip that an epoch has; 0: as many as the clip has frames.", minimum=0
    )
    sampling: str = option(
        "random",
        "Which windows: any, or those of segments where the network is surest (STFM).",
        choices=("random", "selective"),
    )
    epsilon: float = option(
        0.2, "With --sampling selective: share of windows of any segment; 1 selects none.", minimum=0.0, maximum=1.0
    )
    random_epochs: int = option(5, "With --sampling selective: epochs at the start in which it is 1.", minimum=0)
    policy: str = option("echo", "Augmentations, alike for a window's frames.", choices=POLICIES)
    min_area: float | None = option(None, "Smallest crop as a share of the picture.", minimum=0.05, maximum=1.0)
    flip_y: bool = option(False, "Upside-down mirror images too, where the policy has them (madani).")
    windows: int = option(10, "Windows by which a clip is named, evenly spread over its frames.", minimum=1)
    most_frames: int = option(300, "Of a clip; what comes later is not looked at.", minimum=1)
    aggregate: str = option(
        "mean",
        "How windows name their clip; evidence needs a loss of evidence.",
        choices=("vote", "mean", "evidence", "min-uncertainty"),
    )
    optimizer: str = option("adamw", "How to descend.", choices=("adamw", "sgd", "adam", "rmsprop"))
    schedule: str = option(
        "cosine",
        "How the learning rate falls: to 0, to a tenth every ten epochs, or not.",
        choices=("cosine", "step", "constant"),
    )
    control: str = option(
        "none",
        "shuffled-labels: learn labels that were dealt anew over whole clips; what then is above chance is a leak.",
        choices=("none", "shuffled-labels"),
    )
    families: tuple[str, ...] = option((), "CLASS=FAMILY: confusion by family too, of classes that are named.")
    level: str = option("clip", "What is scored first: clips, or windows by their centers.", choices=("clip", "frame"))
    labels: str | None = option(None, "CSV with clip_id and label, in place of the store's labels.", is_path=True)
    label_column: str = option("label", "The column that holds the label.")
    open_set: tuple[str, ...] = option(
        (), "Labels that are not learned: how well low confidence tells their items from the known ones is scored."
    )
    confidence: float = option(
        0.95, "How often the sets of classes hold the truth, for new patients.", minimum=0.5, maximum=0.999
    )

    @staticmethod
    def implied(values: Mapping[str, Any]) -> dict[str, Any]:
        """What a preset stands for (`view_presets.py`)."""
        return implied(values)


def pairs(given: tuple[str, ...], option_name: str) -> dict[str, str]:
    """CLASS=WORD, …, as a mapping.

    Raises:
        InputError: one of them has no "=".
    """
    from sslecho.errors import InputError

    for entry in given:
        if "=" not in entry:
            raise InputError(f"{option_name} {entry!r} must read CLASS=VALUE")
    return dict(entry.split("=", 1) for entry in given)
