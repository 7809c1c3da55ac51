"""A still of a fetal plane from its factors."""

from dataclasses import replace

import numpy as np

from sslecho.phantom import clock
from sslecho.phantom.acquisition import JITTER, draw_look, draw_position, window_db
from sslecho.phantom.devices import Settings, draw_settings
from sslecho.phantom.echo import Clip, study_settings
from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal import planes, uterus
from sslecho.phantom.fetal.cervix import cervix
from sslecho.phantom.fetal.fetus import Fetus, draw_fetus
from sslecho.phantom.fetal.other import LOOKS
from sslecho.phantom.geometry import BeamGrid
from sslecho.phantom.outline import Pen
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.renderer import Renderer
from sslecho.phantom.scene import Placement, Scene, Stage
from sslecho.phantom.sites import FETAL_SITES, Site

# Images per class of FETAL_PLANES_DB (Burgos-Artizzu et al. 2020).
PLANE_IMAGES = {"abdomen": 711, "brain": 3092, "femur": 1040, "thorax": 1718, "cervix": 1626, "other": 4213}
PLANE_SHARES = {plane: images / sum(PLANE_IMAGES.values()) for plane, images in PLANE_IMAGES.items()}
DRAW = {"abdomen": planes.abdomen, "brain": planes.brain, "femur": planes.femur, "thorax": planes.thorax}
FLAT = ("femur", "two_bones", "humerus")  # shown lying: a bone along the beam can't be measured
DROPOUT_DB = 16.0  # a thin skull that runs along the beam is broken (chosen)
UPRIGHT = ("maternal_kidney", "bladder", "placenta")


def draw_still(
    factors: Factors,
    *,
    patient: int,
    plane: str,
    study: int = 0,
    occasion: int = 0,
    acquisition: int = 0,
    size: int = 256,
    jitter: float = JITTER,
    with_labels: bool = False,
) -> Clip:
    """Render one still.

    Args:
        factors: the archive's seeds.
        patient, plane, study: whose, of what (a name of PLANE_SHARES), when.
        occasion: the fetus moves between occasions, but not between the acquisitions (repeats) of one.
        size: the picture's side in pixels.
        jitter: spread of probe positions.
    """
    fetus = draw_fetus(factors, patient)
    keys = (patient, study, plane, occasion)
    position = draw_position(factors, keys, acquisition, jitter=jitter)
    settings = study_settings(factors, patient, study, FETAL_SITES)
    lie = factors.stream("view", *keys, "lie")
    pen = Pen(factors.stream("view", *keys, "outline"))
    latents: dict[str, float | int | str | bool] = {}
    if plane == "cervix":
        transvaginal = bool(lie.uniform() < 0.7)
        if transvaginal:
            settings = _endocavity(settings, factors, patient, study)
        cervix(pen, lie, transvaginal=transvaginal)
        depth = 72.0 if transvaginal else 120.0
        center = (0.0, depth / 2)
        latents["transvaginal"] = transvaginal
    else:
        depth, center, drawn = _in_uterus(pen, fetus, plane, lie)
        latents.update(drawn)
    device = settings.device
    angle = device.angle_deg[0] + settings.angle_share * (device.angle_deg[1] - device.angle_deg[0])
    depth = float(np.clip(depth * position.depth**0.6, *device.depth_mm))
    grid = BeamGrid(device.radius_mm, round(angle, 1), round(depth, 0))
    # The fetus's own lie is free already: the hand only rocks a little, and sizes are the fetus's.
    placement = Placement(
        0.6 * position.rotation_deg, (1.0, 1.0), (position.shift_mm[0], 0.5 * position.shift_mm[1]), center
    )
    stage = Stage(Scene(pen.shapes), placement, grid, clock.COURSES)
    look = replace(draw_look(settings, position, fetus.body_haze), reverberations=2, clutter=0.5, dropout_db=DROPOUT_DB)
    renderer = Renderer(
        stage,
        look,
        view_rng=factors.stream("view", *keys, "fields"),
        rng=factors.stream("clip", *keys, acquisition, "fields"),
        frame_rng=factors.stream("frame", *keys, acquisition),
        size=size,
        window_db=window_db(factors.stream("view", *keys, "window"), grid, position.quality),
    )
    frame, beams = renderer.frame(np.zeros(len(clock.COURSES)), 0)
    converter = renderer.converter
    latents |= {f"fetus_{name}": value for name, value in fetus.latents().items() if name != "number"}
    latents |= {
        "rotation_deg": position.rotation_deg,
        "gain_db": position.gain_db,
        "quality_loss": position.quality,
        "depth_mm": grid.depth_mm,
        "angle_deg": grid.angle_deg,
        "radius_mm": grid.radius_mm,
    }
    return Clip(
        frames=frame[None],
        labels=renderer.labels_picture(beams)[None] if with_labels else None,
        sector=converter.mask,
        label=plane,
        frame_time_ms=0.0,
        mm_per_pixel=float(converter.mm_per_pixel),
        settings=settings,
        latents=latents,
    )


def draw(plan: Plan, factors: Factors, rendering: Rendering) -> Clip:
    """The still that a plan says."""
    return draw_still(
        factors,
        patient=plan.patient,
        plane=plan.view,
        study=plan.study,
        occasion=plan.occasion,
        acquisition=plan.acquisition,
        size=rendering.size,
        jitter=rendering.jitter,
        with_labels=rendering.with_labels,
    )


def _endocavity(settings: Settings, factors: Factors, patient: int, study: int) -> Settings:
    """The same site's transvaginal probe."""
    own = draw_settings(factors.stream("device", patient, study, "endocavity"), (Site("endocavity"),), 0)
    return replace(own, site=settings.site)


def _in_uterus(
    pen: Pen, fetus: Fetus, plane: str, lie: np.random.Generator
) -> tuple[float, tuple[float, float], dict[str, float | int | str | bool]]:
    """Draw the mother, the neighbors and the plane's subject; returns the depth to show, the center and latents."""
    look = str(lie.choice(list(LOOKS))) if plane == "other" else plane
    draw = LOOKS[look] if plane == "other" else DRAW[plane]
    if look in UPRIGHT:
        turn = float(lie.uniform(-12, 12))
    elif look in FLAT:
        turn = float(lie.uniform(-45, 45))
    else:
        turn = float(lie.uniform(0, 360))
    mirror = bool(lie.uniform() < 0.5)
    # A dry run on a scrap of paper tells how much room the subject takes.
    radius = draw(Pen(np.random.default_rng(0)), fetus, np.random.default_rng(0))
    top = uterus.wall_mm(fetus)
    tall = radius * (0.6 if look in FLAT else 1.0)
    center = (float(lie.uniform(-6, 6)), top + tall + float(lie.uniform(2, 9)))
    bottom = center[1] + tall + float(lie.uniform(4, 14)) + (0 if fetus.placenta_anterior else 0.7 * fetus.placenta_mm)
    uterus.uterus(pen, fetus, bottom_mm=bottom, rng=lie)
    uterus.neighbors(pen, fetus, center, radius, lie, between_mm=(top, bottom))
    subject = Pen(pen.rng, origin_mm=center, turn_deg=turn, mirror=mirror, shapes=pen.shapes)
    draw(subject, fetus, lie)
    if plane == "brain":
        look = planes.brain_plane({shape.structure for shape in pen.shapes})
    return max(bottom + 12, 75.0), center, {"look": look, "turn_deg": turn, "mirror": mirror}
