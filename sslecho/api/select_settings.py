"""The settings of `select`, in a file of their own; nothing heavy is imported here either."""

from dataclasses import dataclass

from sslecho.api.settings import Machine
from sslecho.config import option


@dataclass(frozen=True)
class SelectSettings(Machine):
    """Embeddings to the clips that are worth a label first."""

    budget: int | None = option(None, "How many clips you want to label.", minimum=1)
    method: str = option(
        "auto",
        "The rule; auto takes typiclust, and margin where --labels have two classes.",
        choices=("auto", "typiclust", "probcover", "kcenter", "margin", "entropy", "random"),
    )
    per_patient: int | None = option(
        None, "Picks of one patient at most; by default twice an even share, more where the budget needs it.", minimum=1
    )
    classes: int | None = option(
        None,
        "How many classes you expect, for the radius of what covers; by default those of --labels, or 10.",
        minimum=2,
    )
    test: float | None = option(
        None,
        "Where there is no test split: draw this share first, patients at random, and record it in the store.",
        minimum=0.01,
        maximum=0.9,
    )
    labels: str | None = option(None, "CSV with clip_id and label: clips that have one count as covered.", is_path=True)
    label_column: str = option("label", "The column that holds the label.")
    store: str | None = option(None, "The store; by default the one that is recorded.", decides=False, is_path=True)
    seed: int = option(0, "Decides the clusters, the samples and the drawn test set.", minimum=0)
