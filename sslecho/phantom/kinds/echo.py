"""Kind `echo`: Madani's twelve video views (arXiv 1706.08658), his three stills, and what is none of them."""

from sslecho.phantom.echo import Clip, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.plan import Plan, Rendering

CLASSES = {name: view.share for name, view in VIEWS.items()}


def draw(plan: Plan, factors: Factors, rendering: Rendering) -> Clip:
    """The clip or still that a plan says."""
    clip = EchoClip(
        factors,
        patient=plan.patient,
        view=plan.view,
        study=plan.study,
        acquisition=plan.acquisition,
        frames=rendering.frames,
        size=rendering.size,
        jitter=rendering.jitter,
        same_fan=rendering.same_fan,
    )
    return clip.render(with_labels=rendering.with_labels)
