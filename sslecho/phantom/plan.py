"""What an archive holds: which patients, studies, views and repeats, and what their files are called."""

from dataclasses import dataclass

import numpy as np

from sslecho.phantom.echo import Clip, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal import FETAL_PLANES, draw_still
from sslecho.phantom.heart.views import VIEWS

KINDS = ("echo",)


@dataclass(frozen=True)
class Plan:
    """One clip or still to come.

    Args:
        clip: its name, unique in the archive; neither it nor the folder says what is seen.
        folder: "p0003/s1".
    """

    kind: str
    patient: int
    study: int
    view: str
    acquisition: int
    clip: str
    folder: str


def class_shares(kind: str) -> dict[str, float]:
    """Class -> share of an archive."""
    return {name: view.share for name, view in VIEWS.items()} if kind == "echo" else dict(FETAL_PLANES)


def draw_plans(
    factors: Factors, *, kind: str, patients: int, views_per_patient: int, clips_per_view: int
) -> list[Plan]:
    """All clips of an archive, in the order of patients.

    A patient's views are drawn by the square root of their shares, so that rare ones exist in a small archive
    but classes stay unequal; each view has one to `clips_per_view` repeats. One patient in four has two studies.
    """
    shares = class_shares(kind)
    names = list(shares)
    weights = np.sqrt(np.array(list(shares.values())))
    plans = []
    for patient in range(patients):
        rng = factors.stream("study", patient, "plan")
        studies = 1 + int(rng.uniform() < 0.25)
        count = 0
        for position in range(views_per_patient):
            # Without replacement until all views are taken: nobody records a view ten times and another never.
            if position % len(names) == 0:
                order = rng.choice(len(names), size=len(names), replace=False, p=weights / weights.sum())
            view = names[int(order[position % len(names)])]
            study = int(rng.integers(studies))
            for acquisition in range(int(rng.integers(1, clips_per_view + 1))):
                clip = f"p{patient:04d}-{count:03d}"
                plans.append(Plan(kind, patient, study, view, acquisition, clip, f"p{patient:04d}/s{study + 1}"))
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
