"""The settings of `grade`, in a file of their own; nothing heavy is imported here either."""

from dataclasses import dataclass

from sslecho.api.learning_settings import LearningSettings
from sslecho.api.settings import POLICIES
from sslecho.config import option


@dataclass(frozen=True)
class GradeSettings(LearningSettings):
    """A store's graded frames and an encoder to a grader and its scores."""

    arm: str = option(
        "transfer",
        "The encoder's weights and a new head; the architecture alone; views learned beside grades; or the head alone.",
        choices=("transfer", "scratch", "multitask", "frozen"),
    )
    encoder: str | None = option(None, "A run of pretrain, finetune or grade to begin with.", is_path=True)
    backbone: str = option("resnet18", "Where no --encoder is given: as of pretrain.")
    image_size: int | None = option(None, "Where no --encoder is given: as of pretrain.", minimum=16, maximum=1024)
    loss: str = option(
        "mse", "Regression, ordered thresholds (CORAL), or conditional ones (CORN).", choices=("mse", "ordinal", "corn")
    )
    lam: float = option(1.0, "With --arm multitask: of the views' loss.", minimum=0.0)
    labels: str | None = option(
        None, "CSV with clip_id or path, frame and grades, in place of the store's.", is_path=True
    )
    grade_column: str = option("grade", "The column that holds the grade.")
    label_column: str = option("label", "The store's column that holds the view.")
    raters: tuple[str, ...] = option((), "Columns of --labels with single raters' grades: how far they are apart.")
    scale: tuple[int, ...] = option((), "Lowest and highest grade; by default those of train and val.")
    level: str = option(
        "clip", "What is scored: a clip by the mean of its frames, or frames.", choices=("clip", "frame")
    )
    policy: str = option(
        "echo", "Augmentations that change no grade: an organ's, or none; of others, the pose alone.", choices=POLICIES
    )
