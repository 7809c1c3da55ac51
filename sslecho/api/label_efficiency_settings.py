"""The settings of `benchmark label-efficiency`, in a file of their own; nothing heavy is imported here either."""

from dataclasses import dataclass

from sslecho.api.settings import POLICIES, Machine
from sslecho.config import option


@dataclass(frozen=True)
class LabelEfficiencySettings(Machine):
    """What an encoder is worth in labels: it and its rivals with few labels and with many."""

    encoder: tuple[str, ...] = option(
        (), "Pretraining runs, or what `sslecho embed` wrote; RUN or NAME=RUN. The verdict is of the first.",
        is_path=True,
    )  # fmt: skip
    baseline: tuple[str, ...] = option((), "Frozen encoders of others to compare with, NAME=FOLDER.", is_path=True)
    x: str = option(
        "patients", "What is counted: labeled patients, or labels of each class.", choices=("patients", "labels")
    )
    at: tuple[int, ...] = option((), "Numbers of them; by default 1, 2, 4, …; all are always there.", minimum=1)
    endpoint: str = option(
        "macro_f1@4", "The one figure that is declared before the run: METRIC@N, or METRIC@all; N joins --at."
    )
    against: str = option("untrained", "The rival that the endpoint compares with.")
    supports: int = option(
        5, "Draws of who is labeled first; of each, small numbers are part of large ones.", minimum=1
    )
    runs: int = option(
        5, "Trainings on the same labels, where they can differ: networks with random weights.", minimum=1
    )
    networks: tuple[str, ...] = option(
        (),
        "Further arms that learn end to end: finetune begins with the first encoder, scratch at random, scratch-plain "
        "without class weights. A cell then takes minutes, so lower --runs too.",
        choices=("finetune", "scratch", "scratch-plain"),
    )
    steps: int = option(200, "With --networks: steps of each cell.", minimum=1)
    finetune_lr: float = option(3e-4, "With --networks finetune: peak learning rate.", minimum=1e-8)
    scratch_lr: float = option(1e-3, "With --networks scratch, scratch-plain: the same.", minimum=1e-8)
    policy: str = option("echo", "With --networks: augmentations, as of pretrain.", choices=POLICIES)
    leaky: bool = option(False, "Add what a split by frames would have claimed: a warning, not a result.")
    labels: str | None = option(None, "CSV with clip_id and label, in place of the store's labels.", is_path=True)
    label_column: str = option("label", "The column that holds the label.")
    batch_size: int = option(256, "Frames that are embedded at a time.", minimum=1, decides=False)
    device: str = option("auto", "Where to embed.", choices=("auto", "cpu", "cuda"), decides=False)
    seed: int = option(0, "Decides the draws, the folds, the untrained networks and the intervals.", minimum=0)
