"""What an archive holds: which patients, studies, classes and repeats, and what their files are called."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sslecho.phantom.factors import Factors

# Of the objects of a study of `archive`: what a hospital's echo archive holds, to the nearest percent.
MODE_SHARES = {
    "b-mode": 0.45,
    "colour": 0.28,
    "spectral": 0.18,
    "m-mode": 0.02,
    "contrast": 0.02,
    "dual": 0.02,
    "quad": 0.01,
    "other": 0.02,
}


@dataclass(frozen=True)
class Plan:
    """One clip or still to come.

    Args:
        view: the class, as the kind names it.
        occasion: when in the patient's visits the view was looked for.
        acquisition: repeat of the view on that occasion.
        clip: its name, unique in the archive; neither it nor the folder says what is seen.
        folder: "p0003/s1".
        mode: of "archive", a name of MODE_SHARES; "" else.
        split: "train" or "test" where named class sizes say so; "" else.
    """

    kind: str
    patient: int
    study: int
    view: str
    occasion: int
    acquisition: int
    clip: str
    folder: str
    mode: str = ""
    split: str = ""


@dataclass(frozen=True)
class Rendering:
    """How a plan is drawn.

    Args:
        frames: of a clip; stills have one.
        size: the picture's side in pixels (a screen's height).
        jitter: spread of probe positions (0 = the template plane).
        with_labels: also the structure of every pixel.
        same_fan: one outline of the sector for all devices, so that none can be told by it.
    """

    frames: int
    size: int
    jitter: float
    with_labels: bool = False
    same_fan: bool = False


def draw_plans(
    factors: Factors,
    *,
    kind: str,
    shares: Mapping[str, float],
    patients: int,
    views_per_patient: int,
    clips_per_view: int,
    again: bool = False,
    modes: bool = False,
) -> list[Plan]:
    """All clips of an archive, in the order of patients.

    `views_per_patient` times a class is looked for, and each time recorded once to `clips_per_view` times. One patient
    in four has two studies.

    Args:
        kind: what the plans are of.
        shares: class -> share of the kind's archives.
        again: draw classes by their shares, and again and again for one patient (a fetus moves). Else they are drawn
            by the square root of their shares and without replacement, so that rare ones exist in a small archive but
            classes stay unequal.
        modes: give every occasion a mode of its own, by MODE_SHARES.
    """
    names = list(shares)
    weights = np.array(list(shares.values())) ** (1.0 if again else 0.5)
    weights /= weights.sum()
    plans = []
    for patient in range(patients):
        rng = factors.stream("study", patient, "plan")
        draw_mode = factors.stream("study", patient, "modes")
        studies = 1 + int(rng.uniform() < 0.25)
        count = 0
        repeats: Counter[tuple[int, str, int]] = Counter()
        order: list[int] = []
        for occasion in range(views_per_patient):
            if not order:
                order = rng.choice(len(names), size=len(names), replace=again, p=weights).tolist()
            view = names[order.pop(0)]
            study = int(rng.integers(studies))
            mode = str(draw_mode.choice(list(MODE_SHARES), p=list(MODE_SHARES.values()))) if modes else ""
            for _ in range(int(rng.integers(1, clips_per_view + 1))):
                # A heart that is looked for again gives further repeats of the view; a fetus has moved in between.
                key = (study, view, occasion if again else 0)
                acquisition = repeats[key]
                repeats[key] += 1
                clip = f"p{patient:04d}-{count:03d}"
                folder = f"p{patient:04d}/s{study + 1}"
                plans.append(Plan(kind, patient, study, view, occasion, acquisition, clip, folder, mode))
                count += 1
    return plans
