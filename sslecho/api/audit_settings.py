"""The settings of `audit`; nothing heavy is imported here either."""

from dataclasses import dataclass

from sslecho.api.settings import Machine
from sslecho.config import option


@dataclass(frozen=True)
class AuditSettings(Machine):
    """Embeddings and what is known of their clips to what they may have learned in place of anatomy."""

    columns: tuple[str, ...] = option(
        (), "Columns of the store to audit, such as those of --keep; by default device, site and text_inside."
    )
    labels: str | None = option(None, "CSV with clip_id and label, in place of the store's labels.", is_path=True)
    label_column: str = option("label", "The column that holds the label.")
    store: str | None = option(None, "The store; by default the one that is recorded.", decides=False, is_path=True)
    seed: int = option(0, "Decides the folds, the draws of patients and what chance deals.", minimum=0)
