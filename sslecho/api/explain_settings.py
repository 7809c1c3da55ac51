"""The settings of `explain`; nothing heavy is imported here either."""

from dataclasses import dataclass

from sslecho.api.settings import Machine
from sslecho.config import option


@dataclass(frozen=True)
class ExplainSettings(Machine):
    """A store and a classifier to what the classifier looks at."""

    model: str | None = option(None, "The run of finetune or view that is explained.", is_path=True)
    split: str = option("test", "Whose clips are explained.", choices=("test", "val", "train", "all"))
    level: str = option(
        "clip", "What is named: a clip, as the classifier names clips, or a frame.", choices=("clip", "frame")
    )
    frames: int = option(8, "Frames of a clip, evenly spread, by which a classifier of frames names it.", minimum=1)
    clips: int = option(500, "Clips to explain at most: all of as many patients as stay within.", minimum=1)
    truth: str | None = option(
        None, "What is covered as the heart: the truth of a phantom with --masks labels (ARCHIVE.truth).", is_path=True
    )
    structures: tuple[str, ...] = option((), "With --truth: what is covered; by default the heart and great vessels.")
    masks: str | None = option(
        None,
        "What is covered as the heart: a folder with CLIP_ID.png of the stored size, not black there.",
        is_path=True,
    )
    box: tuple[float, ...] = option(
        (),
        "What is covered as the heart: x0,y0,x1,y1 as shares of the picture; by default the sector's middle.",
        minimum=0.0,
        maximum=1.0,
    )
    maps: int = option(100, "Items whose maps are measured, patients in turn.", minimum=1)
    shown: int = option(6, "Items that each figure shows at most.", minimum=1, maximum=12)
    labels: str | None = option(None, "CSV with clip_id and label, in place of the store's labels.", is_path=True)
    label_column: str = option("label", "The column that holds the label.")
    device: str = option("auto", "Where to compute.", choices=("auto", "cpu", "cuda"), decides=False)
    seed: int = option(0, "Decides which items, whose surroundings, the random network, and draws.", minimum=0)
