"""The settings of `predict`; nothing heavy is imported here."""

from dataclasses import dataclass

from sslecho.api.settings import Machine
from sslecho.config import option


@dataclass(frozen=True)
class PredictSettings(Machine):
    """New files and a model to labels, confidence and grades."""

    model: str | None = option(None, "A run of finetune, view or grade.", is_path=True)
    grader: str | None = option(None, "A run of grade, to grade what --model names.", is_path=True)
    level: str = option("clip", "What gets an answer: a clip, by the mean of its frames, or a frame.",
                        choices=("clip", "frame"))  # fmt: skip
    abstain: str = option(
        "sets",
        "What is left to a person: items whose set of classes is not one class, where the model promises sets; "
        "or nothing.",
        choices=("sets", "never"),
    )
    least_confidence: float = option(0.0, "Items below it are left to a person too.", minimum=0.0, maximum=1.0)
    patient_from: str = option(
        "unknown", "Where patients come from, as of ingest: folder, regex:…, dicom, clip, or unknown."
    )
    kinds: tuple[str, ...] = option(("b-mode",), "Kinds of clips to name, as of ingest; others are listed, not named.")
    sector: str = option("mask", "Blank what lies outside the sector, or leave it.", choices=("mask", "off"))
    doubtful: str = option(
        "quarantine", "Clips whose sector is uncertain: leave them out, or keep them.", choices=("quarantine", "keep")
    )
    sign_off: str | None = option(
        None, "The doubtful.csv beside the key, in which a person has accepted clips.", is_path=True
    )
    size: int | None = option(
        None,
        "Side of the frames in pixels before the model's own letterbox; by default that of the store it learned from, "
        "where that is at hand, else 256.",
        minimum=16,
        maximum=2048,
    )
    every: int = option(1, "Take every n-th frame of a clip.", minimum=1)
    max_frames: int | None = option(
        None, "Take at most so many frames a clip, evenly spread; by default all.", minimum=1
    )
    max_seconds: int = option(600, "Time for one file before it is left out.", minimum=1, decides=False)
    max_memory_mb: int = option(4096, "Memory for one file before it is left out.", minimum=64, decides=False)
    device: str = option("auto", "Where to compute.", choices=("auto", "cpu", "cuda"), decides=False)
    live: bool = option(False, "Frame by frame from one video, or with - from a pipe: docs/predict.md.")
    realtime: bool = option(
        False, "With --live: play a file at its own speed; a frame that comes too late for it is dropped, not queued."
    )
    drop: bool = option(
        True, "With --live, from a pipe or with --realtime: drop frames rather than lag; else the pipe waits."
    )
    width: int | None = option(None, "Of raw frames in a pipe; without it the pipe holds an encoded video.", minimum=1)
    height: int | None = option(None, "Of raw frames in a pipe.", minimum=1)
    pixels: str = option("gray", "Of raw frames in a pipe: one byte a pixel, or three.", choices=("gray", "rgb"))
    fps: float = option(30.0, "Frames a second, where the source does not say.", minimum=0.1, maximum=1000.0)
    smooth_s: float = option(
        0.5, "With --live: the time after which a frame counts for 1/e in the clip's answer.", minimum=0.0
    )
    video: bool = option(True, "With --live: write the annotated video.")
