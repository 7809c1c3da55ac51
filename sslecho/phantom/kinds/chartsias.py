"""Kind `chartsias`: the thirteen classes of Chartsias et al. 2021 (arXiv 2108.03124), five of them with contrast.

`c_*` are with agent, `n_*` without. Shares are those of the training subjects in the paper's Table 1 (`sizes` has all
its figures); a subject mostly has several classes.
"""

from dataclasses import replace

from sslecho.phantom.contrast import contrast_clip
from sslecho.phantom.echo import Clip, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.plan import Plan, Rendering

TRAIN_SUBJECTS = {
    "c_2ch": 711,
    "c_3ch": 699,
    "c_4ch": 704,
    "c_plax": 85,
    "c_sax": 607,
    "n_5ch": 165,
    "n_plax": 383,
    "n_rv": 52,
    "n_ssn": 55,
    "n_2ch": 314,
    "n_3ch": 364,
    "n_4ch": 332,
    "n_sax": 229,
}
CLASSES = {name: count / sum(TRAIN_SUBJECTS.values()) for name, count in TRAIN_SUBJECTS.items()}
PLANE_OF = {
    "2ch": "a2c",
    "3ch": "a3c",
    "4ch": "a4c",
    "5ch": "a5c",
    "plax": "plax",
    "rv": "rv_inflow",
    "ssn": "suprasternal",
}
SAX_PLANES = ("psax_mv", "psax_mid", "psax_pap")  # the paper has one class for all levels


def draw(plan: Plan, factors: Factors, rendering: Rendering) -> Clip:
    """The clip that a plan says."""
    prefix, _, name = plan.view.partition("_")
    if name == "sax":
        level = factors.stream("view", plan.patient, plan.study, plan.view, "level")
        plane = SAX_PLANES[int(level.integers(len(SAX_PLANES)))]
    else:
        plane = PLANE_OF[name]
    what = {
        "patient": plan.patient,
        "view": plane,
        "study": plan.study,
        "acquisition": plan.acquisition,
        "frames": rendering.frames,
        "size": rendering.size,
        "jitter": rendering.jitter,
        "same_fan": rendering.same_fan,
    }
    if prefix == "c":
        clip, agent = contrast_clip(factors, **what)
        drawn, latents = clip.render(with_labels=rendering.with_labels), agent.latents()
    else:
        drawn, latents = EchoClip(factors, **what).render(with_labels=rendering.with_labels), {}
    return replace(drawn, label=plan.view, latents={**drawn.latents, "plane": plane, **latents})
