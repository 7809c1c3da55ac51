"""Kind `chartsias`: the thirteen classes of Chartsias et al. 2021 (arXiv 2108.03124), five of them with contrast.

`c_*` are with agent, `n_*` without. Shares are those of the training subjects per class; a subject mostly has several
classes. For the table's own sizes see `sizes`.
"""

from dataclasses import replace

from sslecho.phantom.contrast import contrast_clip
from sslecho.phantom.echo import Clip, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.plan import Plan, Rendering

# The paper's Table 1: (subjects, echocardiograms, images). Its test images sum to 57,748, while the text has 57,648.
TRAIN = {
    "c_2ch": (711, 1401, 41603),
    "c_3ch": (699, 1377, 41432),
    "c_4ch": (704, 1375, 41214),
    "c_plax": (85, 85, 4547),
    "c_sax": (607, 1179, 34387),
    "n_5ch": (165, 165, 14714),
    "n_plax": (383, 383, 33969),
    "n_rv": (52, 52, 6521),
    "n_ssn": (55, 55, 3483),
    "n_2ch": (314, 544, 26613),
    "n_3ch": (364, 605, 32263),
    "n_4ch": (332, 556, 28569),
    "n_sax": (229, 437, 17704),
}
TEST = {
    "c_2ch": (139, 276, 5784),
    "c_3ch": (139, 276, 5763),
    "c_4ch": (138, 274, 5684),
    "c_plax": (9, 9, 560),
    "c_sax": (138, 275, 5649),
    "n_5ch": (18, 18, 1832),
    "n_plax": (42, 42, 3542),
    "n_rv": (5, 5, 703),
    "n_ssn": (6, 6, 336),
    "n_2ch": (126, 217, 7061),
    "n_3ch": (135, 226, 8662),
    "n_4ch": (130, 205, 7938),
    "n_sax": (98, 187, 4234),
}
SUBJECTS = {"train": 1538, "test": 359}
CLASSES = {name: subjects / sum(row[0] for row in TRAIN.values()) for name, (subjects, _, _) in TRAIN.items()}
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
