"""What an archive holds: which patients, studies, views and repeats, and what their files are called."""

from dataclasses import dataclass

import numpy as np

from sslecho.phantom.echo import Clip, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal.still import PLANE_SHARES, draw_still
from sslecho.phantom.heart.views import VIEWS

KINDS = ("echo", "fetal")


@dataclass(frozen=True)
class Plan:
    """One clip or still to come.

    Args:
        occasion: when in the patient's visits the view was looked for.
        acquisition: repeat of the view on that occasion.
        clip: its name, unique in the archive; neither it nor the folder says what is seen.
        folder: "p0003/s1".
    """

    kind: str
    patient: int
    study: int
    view: str
    occasion: int
    acquisition: int
    clip: str
    folder: str


def class_shares(kind: str) -> dict[str, float]:
    """Class -> share of an archive."""
    return {name: view.share for name, view in VIEWS.items()} if kind == "echo" else dict(PLANE_SHARES)


def draw_plans(
    factors: Factors, *, kind: str, patients: int, views_per_patient: int, clips_per_view: int
) -> list[Plan]:
    """All clips of an archive, in the order of patients.

    `views_per_patient` times a view is looked for, and each time recorded once to `clips_per_view` times. Adult
    views are drawn by the square root of their shares and without replacement, so that rare ones exist in a small
    archive but classes stay unequal; fetal planes by their shares, again and again, because the fetus moves. One
    patient in four has two studies.
    """
    shares = class_shares(kind)
    names = list(shares)
    weights = np.array(list(shares.values())) ** (0.5 if kind == "echo" else 1.0)
    weights /= weights.sum()
    plans = []
    for patient in range(patients):
        rng = factors.stream("study", patient, "plan")
        studies = 1 + int(rng.uniform() < 0.25)
        count = 0
        order: list[int] = []
        for occasion in range(views_per_patient):
            if not order:
                order = rng.choice(len(names), size=len(names), replace=kind != "echo", p=weights).tolist()
            view = names[order.pop(0)]
            study = int(rng.integers(studies))
            for acquisition in range(int(rng.integers(1, clips_per_view + 1))):
                clip = f"p{patient:04d}-{count:03d}"
                folder = f"p{patient:04d}/s{study + 1}"
                plans.append(Plan(kind, patient, study, view, occasion, acquisition, clip, folder))
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
