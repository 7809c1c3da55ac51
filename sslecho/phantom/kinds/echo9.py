"""Kind `echo9`: the nine codes of EV9V (arXiv 2606.17437) as class names, and the planes we take them for.

Readme and data card expand the codes differently, so that the planes are inferred: from how Chinese labels name views,
and from the published confusions (PMASA with PMPALA, PASA with PPMLSA), which are neighbors here. Class sizes aren't
published per code; shares are inferred as the inverse of the copies by which the published training code oversamples
each class (1, 4, 4, 5, 1, 5, 4, 6, 6 in the order of its index).
"""

from dataclasses import replace

from sslecho.phantom.echo import Clip, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.grades import graded
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.sites import Site

PLANES_AND_COPIES = {
    "PLHLA": ("plax", 1),
    "PMASA": ("psax_av", 4),
    "PMVLSA": ("psax_mv", 4),
    "PASA": ("psax_apex", 5),
    "A4C": ("a4c", 1),
    "A5C": ("a5c", 5),
    "PMPALA": ("pa_long", 4),
    "PPMLSA": ("psax_pap", 6),
    "SC4C": ("sc4c", 6),
}
_TOTAL = sum(1 / copies for _, copies in PLANES_AND_COPIES.values())
CLASSES = {code: 1 / copies / _TOTAL for code, (_, copies) in PLANES_AND_COPIES.items()}
# EV9V was recorded with two scanners of one maker (Philips CVX and EPIQ 7C).
SITES = (Site("phased_premium"), Site("phased_adult"))


def draw(plan: Plan, factors: Factors, rendering: Rendering) -> Clip:
    """The clip that a plan says."""
    clip = EchoClip(
        factors,
        patient=plan.patient,
        view=PLANES_AND_COPIES[plan.view][0],
        study=plan.study,
        acquisition=plan.acquisition,
        frames=rendering.frames,
        size=rendering.size,
        jitter=rendering.jitter,
        sites=SITES,
        same_fan=rendering.same_fan,
    )
    return replace(graded(clip, with_labels=rendering.with_labels), label=plan.view)
