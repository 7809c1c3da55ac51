"""What an archive holds: which patients, studies, views and repeats, and what their files are called."""

from dataclasses import dataclass

import numpy as np

from sslecho.phantom.echo import Clip, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal.still import PLANE_SHARES, draw_still
from sslecho.phantom.heart.views import VIEWS

KINDS = ("echo", "fetal", "archive")
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
        occasion: when in the patient's visits the view was looked for.
        acquisition: repeat of the view on that occasion.
        clip: its name, unique in the archive; neither it nor the folder says what is seen.
        folder: "p0003/s1".
        mode: of "archive", a name of MODE_SHARES; "" else.
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


def class_shares(kind: str) -> dict[str, float]:
    """Class -> share of an archive."""
    return dict(PLANE_SHARES) if kind == "fetal" else {name: view.share for name, view in VIEWS.items()}


def draw_plans(
    factors: Factors, *, kind: str, patients: int, views_per_patient: int, clips_per_view: int
) -> list[Plan]:
    """All clips of an archive, in the order of patients.

    `views_per_patient` times a view is looked for, and each time recorded once to `clips_per_view` times. Adult
    views are drawn by the square root of their shares and without replacement, so that rare ones exist in a small
    archive but classes stay unequal; fetal planes by their shares, again and again, because the fetus moves. One
    patient in four has two studies. In "archive" every occasion has a mode of its own, by MODE_SHARES.
    """
    shares = class_shares(kind)
    names = list(shares)
    weights = np.array(list(shares.values())) ** (1.0 if kind == "fetal" else 0.5)
    weights /= weights.sum()
    plans = []
    for patient in range(patients):
        rng = factors.stream("study", patient, "plan")
        modes = factors.stream("study", patient, "modes")
        studies = 1 + int(rng.uniform() < 0.25)
        count = 0
        order: list[int] = []
        for occasion in range(views_per_patient):
            if not order:
                order = rng.choice(len(names), size=len(names), replace=kind == "fetal", p=weights).tolist()
            view = names[order.pop(0)]
            study = int(rng.integers(studies))
            mode = str(modes.choice(list(MODE_SHARES), p=list(MODE_SHARES.values()))) if kind == "archive" else ""
            for acquisition in range(int(rng.integers(1, clips_per_view + 1))):
                clip = f"p{patient:04d}-{count:03d}"
                folder = f"p{patient:04d}/s{study + 1}"
                plans.append(Plan(kind, patient, study, view, occasion, acquisition, clip, folder, mode))
                count += 1
    return plans


def draw_clip(plan: Plan, factors: Factors, *, frames: int, size: int, jitter: float, with_labels: bool) -> Clip:
    """Render what a plan says."""
    if plan.kind == "fetal":
        return draw_still(
            factors,
            patient=plan.patient,
            plane=plan.view,
            study=plan.study,
            occasion=plan.occasion,
            acquisition=plan.acquisition,
            size=size,
            jitter=jitter,
            with_labels=with_labels,
        )
    clip = EchoClip(
        factors,
        patient=plan.patient,
        view=plan.view,
        study=plan.study,
        acquisition=plan.acquisition,
        frames=frames,
        size=size,
        jitter=jitter,
    )
    return clip.render(with_labels=with_labels)
