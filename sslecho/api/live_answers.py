"""What is said while frames come: of each frame, and of the clip so far.

The clip's answer is a mean over the past in which a frame that is t seconds old counts exp(-t / smooth_s):

    m <- m + (1 - exp(-dt / smooth_s)) (p - m),   dt = seconds since the last frame that was looked at

of the frames' probabilities before the temperature, which is then applied as it was fitted, to a mean. So dropped
frames change nothing but how many are counted, and after a change of view the answer follows within about 0.7 smooth_s.
The grade is smoothed alike.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from sslecho.api.answers import Models, left_to_a_person
from sslecho.tasks.probe_model import tempered


class Smoothed:
    """The mean above.

    Args:
        smooth_s: 0 keeps the last value alone.
    """

    def __init__(self, smooth_s: float):
        self._smooth_s = smooth_s
        self._mean: Any = None
        self._time_s = 0.0

    def update(self, value: Any, time_s: float) -> Any:
        """Take a value, a number or an array, and return the mean."""
        if self._mean is None or self._smooth_s == 0:
            self._mean = value
        else:
            self._mean = self._mean + (1 - math.exp(-max(0.0, time_s - self._time_s) / self._smooth_s)) * (
                value - self._mean
            )
        self._time_s = time_s
        return self._mean


@dataclass(frozen=True)
class Said:
    """What is said after a frame; None where no model says it.

    Attributes:
        view, confidence, grade: of the frame.
        clip_view, clip_confidence, clip_grade: of the clip so far.
        abstained: whether the clip's view is left to a person.
    """

    view: str | None = None
    confidence: float | None = None
    grade: float | None = None
    clip_view: str | None = None
    clip_confidence: float | None = None
    abstained: bool | None = None
    clip_grade: float | None = None


class LiveAnswers:
    """Answers frame after frame.

    Args:
        abstain, least_confidence: as of `predict`.
    """

    def __init__(self, models: Models, *, smooth_s: float, abstain: str, least_confidence: float):
        self._models, self._abstain, self._least = models, abstain, least_confidence
        self._views, self._grades = Smoothed(smooth_s), Smoothed(smooth_s)
        self._sum: Any = None
        self._n = 0
        self._graded: list[float] = []

    def warm_up(self, size: int) -> None:
        """Let the networks see a black frame: the first one takes many times as long as the others."""
        black = np.zeros((size, size), np.uint8)
        self._uncalibrated(black)
        if self._models.grader is not None:
            self._models.grader.grades(lambda rows: black[None], np.zeros(1, np.int64))

    def of(self, pixels: UInt8[np.ndarray, "h w"], time_s: float) -> Said:
        """What is said after this frame, which is that of `time_s` in the clip."""
        said: dict[str, Any] = {}
        grader, read, first = self._models.grader, (lambda rows: pixels[None]), np.zeros(1, np.int64)
        if (found := self._uncalibrated(pixels)) is not None:
            self._sum, self._n = found if self._sum is None else self._sum + found, self._n + 1
            of_frame, of_clip = self._calibrated(found), self._calibrated(self._views.update(found, time_s))
            said["view"], said["confidence"] = self._models.views[int(of_frame.argmax())], float(of_frame.max())
            said["clip_view"], said["clip_confidence"], said["abstained"] = self._decided(of_clip)
        if grader is not None:
            said["grade"] = float(grader.grades(read, first)[0])
            said["clip_grade"] = float(self._grades.update(said["grade"], time_s))
            self._graded.append(said["grade"])
        return Said(**said)

    def of_all(self) -> dict[str, Any]:
        """The answer for the clip as `predict` gives it: the mean over all frames that were looked at."""
        view, confidence, abstained = None, None, None
        if self._sum is not None:
            view, confidence, abstained = self._decided(self._calibrated(self._sum / self._n))
        grade = float(np.mean(self._graded)) if self._graded else None
        return {"prediction": view, "confidence": confidence, "abstained": abstained, "grade": grade}

    def _uncalibrated(self, pixels: UInt8[np.ndarray, "h w"]) -> Float64[np.ndarray, " c"] | None:
        """Probabilities of the frame as they are averaged; None where no model names views."""
        first, models = np.zeros(1, np.int64), self._models

        def read(rows: np.ndarray) -> np.ndarray:
            return pixels[None]

        if models.classifier is not None:
            model = models.classifier
            return (model.uncalibrated if model.level == "clip" else model.of_frames)(read, first)[0]
        assert models.grader is not None
        found = models.grader.view_probabilities(read, first)
        return None if found is None else found[0]

    def _calibrated(self, mean: Float64[np.ndarray, " c"]) -> Float64[np.ndarray, " c"]:
        model = self._models.classifier
        return mean if model is None or model.level != "clip" else tempered(mean[None], model.temperature)[0]

    def _decided(self, probabilities: Float64[np.ndarray, " c"]) -> tuple[str, float, bool]:
        doubtful, _ = left_to_a_person(
            self._models,
            probabilities[None],
            level="clip",
            abstain=self._abstain,
            least_confidence=self._least,
        )
        return self._models.views[int(probabilities.argmax())], float(probabilities.max()), bool(doubtful[0])
