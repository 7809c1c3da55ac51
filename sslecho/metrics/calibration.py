"""Whether a classifier is as often right as it says: temperature, reliability, and sets that hold the truth.

Temperature scaling: probabilities softmax(logits / t) with the one t that makes the log loss of calibration patients
least (Guo et al. 2017, "On calibration of modern neural networks", section 4.2). It changes no answer. Where all items
are right the least loss is at t = 0, which would make every confidence 1; so one item more is counted, of all classes
alike, as Platt 1999 smooths targets.

Conformal sets: all classes whose score 1 - p is at most q (Sadinle, Lei & Wasserman 2019, "Least ambiguous set-valued
classifiers with bounded error levels"), where q is the ceil((m + 1) level)-th smallest score 1 - p_truth of m
calibration patients. **One item a patient**, drawn at random: items of a patient are alike, so that counting all of
them promises far more than m patients can keep. The promise is for a random item of a new patient drawn from the same
population: its set holds the truth with a probability of at least `level`.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from sslecho.errors import InputError

BINS = 15
WIDEST = 5.0  # natural logarithm: temperatures from 1/148 to 148


class Conformal(NamedTuple):
    """Sets with a promise.

    Attributes:
        q: the largest 1 - p that a class in the set may have.
        level: how often the set holds the truth, at least.
        n_patients: that q rests on.
    """

    q: float
    level: float
    n_patients: int

    def sets(self, probabilities: Float[np.ndarray, "n c"]) -> Bool[np.ndarray, "n c"]:
        """Which classes each item's set holds; it may be empty, where nothing is likely enough."""
        return 1 - probabilities <= self.q


def fit_temperature(logits: Float[np.ndarray, "n c"], truth: Int[np.ndarray, " n"]) -> float:
    """The temperature with the least log loss.

    Args:
        logits: or log probabilities; of items of calibration patients, that the classifier has not learned from.
        truth: the class of each.

    Raises:
        InputError: no item, or a logit that is no number.
    """
    if len(truth) == 0:
        raise InputError("there is no item to fit a temperature on; it needs labels of split val")
    if not np.isfinite(logits).all():
        raise InputError("a logit is no number (NaN or infinite); look for the item that the model fails on")

    def loss(log_t: float) -> float:
        scaled = log_softmax(logits / math.exp(log_t), axis=1)
        of_truth = scaled[np.arange(len(truth)), truth].mean()
        return -float(len(truth) * of_truth + scaled.mean()) / (len(truth) + 1)

    found: Any = minimize_scalar(loss, bounds=(-WIDEST, WIDEST), method="bounded")
    return math.exp(float(found.x))


def reliability(
    truth: Int[np.ndarray, " n"], probabilities: Float[np.ndarray, "n c"], *, bins: int = BINS
) -> list[dict[str, Any]]:
    """Rows of the reliability plot, one a bin of equal width that holds an item: confidence, accuracy and n."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return [
        {
            "low": b / bins,
            "high": (b + 1) / bins,
            "confidence": float(confidence[place == b].mean()),
            "accuracy": float(right[place == b].mean()),
            "n": int((place == b).sum()),
        }
        for b in np.unique(place).tolist()
    ]


def ece(truth: Int[np.ndarray, " n"], probabilities: Float[np.ndarray, "n c"]) -> float:
    """Expected calibration error: the mean over items of their bin's |accuracy - confidence|."""
    rows = reliability(truth, probabilities)
    return sum(row["n"] * abs(row["accuracy"] - row["confidence"]) for row in rows) / len(truth)


def fewest_patients(level: float) -> int:
    """With fewer calibration patients no set but that of all classes keeps the promise: 19 at .95."""
    return math.ceil(level / (1 - level) - 1e-9)


def fit_conformal(
    truth: Int[np.ndarray, " n"],
    probabilities: Float[np.ndarray, "n c"],
    *,
    units: Int[np.ndarray, " n"],
    level: float = 0.95,
    rng: np.random.Generator,
) -> Conformal:
    """Sets for a classifier from calibration patients, whom it should not have learned from.

    Args:
        truth: the class of each item.
        units: the patient of each item.
        level: of the promise. It is exact where nothing else was fitted on these patients; a temperature and one
            choice among four shift it by what they overfit.
        rng: draws the item of each patient.

    Raises:
        InputError: a level outside (0, 1), or too few patients for it.
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level}; it must lie above 0 and below 1, such as 0.95")
    scores = one_a_unit(1 - probabilities[np.arange(len(truth)), truth].astype(np.float64), units, rng=rng)
    least = fewest_patients(level)
    if len(scores) < least:
        raise InputError(
            f"{len(scores)} calibration patients can't carry a promise of {100 * level:g} %: it needs {least} or more; "
            "give more patients to split val, or ask for a lower level"
        )
    place = math.ceil((len(scores) + 1) * level - 1e-9)
    return Conformal(float(np.sort(scores)[place - 1]), level, len(scores))


def one_a_unit(
    scores: Float64[np.ndarray, " n"], units: Int[np.ndarray, " n"], *, rng: np.random.Generator
) -> Float64[np.ndarray, " u"]:
    """The score of one random item of each unit."""
    order = rng.permutation(len(scores))
    _, first = np.unique(units[order], return_index=True)
    return scores[order[first]]
