"""Kind `echo`: Madani's twelve video views (arXiv 1706.08658), his three stills, and what is none of them."""

from sslecho.phantom.echo import Clip, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.grades import graded
from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.kinds.other import draw_no_view
from sslecho.phantom.kinds.stills import STILLS, draw_still
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.uneven import draw_uneven

OTHER = "other"
# An archive has 10 to 30 % of clips that are no standard view; plans draw rare classes more often than their shares.
OTHER_SHARE = 0.22
VIEWS_SHARE = (1 - OTHER_SHARE - sum(STILLS.values())) / sum(view.share for view in VIEWS.values())
CLASSES = {**{name: VIEWS_SHARE * view.share for name, view in VIEWS.items()}, **STILLS, OTHER: OTHER_SHARE}


def draw(plan: Plan, factors: Factors, rendering: Rendering) -> Clip:
    """The clip or still that a plan says."""
    if plan.view in STILLS:
        return draw_still(plan, factors, rendering)
    if plan.view == OTHER:
        return draw_no_view(plan, factors, rendering, OTHER)
    uneven = draw_uneven(factors, plan)
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
        drives=uneven.drives,
    )
    drawn = graded(clip, with_labels=rendering.with_labels)
    drawn.latents.update(uneven.latents())
    return drawn
