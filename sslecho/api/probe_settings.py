"""The settings of `probe`, in a file of their own; nothing heavy is imported here either."""

from dataclasses import dataclass

from sslecho.api.settings import Machine
from sslecho.config import option


@dataclass(frozen=True)
class ProbeSettings(Machine):
    """Frozen embeddings and their labels to a classifier and its scores."""

    kind: str = option(
        "linear",
        "Logistic regression; the nearest labeled embeddings; or attention over a clip's frames, then linear.",
        choices=("linear", "knn", "attention"),
    )
    level: str = option("clip", "What has a class: a clip is the mean of its frames.", choices=("clip", "frame"))
    labels: str | None = option(None, "CSV with clip_id and label, in place of the store's labels.", is_path=True)
    label_column: str = option("label", "The column that holds the label.")
    balance: str = option(
        "weights", "Of linear: rare classes count as much as frequent ones, or not.", choices=("weights", "none")
    )
    open_set: tuple[str, ...] = option(
        (), "Labels that are not learned: how well low confidence tells their items from the known ones is scored."
    )
    confidence: float = option(
        0.95, "How often the sets of classes hold the truth, for new patients.", minimum=0.5, maximum=0.999
    )
    store: str | None = option(None, "The store; by default the one that is recorded.", decides=False, is_path=True)
    seed: int = option(0, "Decides the folds and the draws of patients.", minimum=0)
