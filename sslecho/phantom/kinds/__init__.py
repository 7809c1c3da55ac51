"""The kinds of archive: which classes each has, and who draws them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from sslecho.phantom.echo import Clip
from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal import still
from sslecho.phantom.kinds import archive, cactus, chartsias, echo, echo9, motion
from sslecho.phantom.plan import Plan, Rendering, draw_plans


@dataclass(frozen=True)
class Kind:
    """One kind.

    Args:
        classes: name -> share of the clips.
        draw: what a plan says; None for "archive", whose screens `screens.draw` makes.
        still: every file has one frame.
        again: see `plan.draw_plans`.
        columns: of labels.csv beside the common ones.
        unit: what is independent: "patient", or "sweep" where one body was scanned many times.
    """

    classes: Mapping[str, float]
    draw: Callable[[Plan, Factors, Rendering], Clip] | None
    still: bool = False
    again: bool = False
    columns: tuple[str, ...] = ()
    unit: str = "patient"


KINDS: dict[str, Kind] = {
    "echo": Kind(echo.CLASSES, echo.draw),
    "echo9": Kind(echo9.CLASSES, echo9.draw),
    "cactus": Kind(cactus.CLASSES, cactus.draw, columns=cactus.COLUMNS, unit="sweep"),
    "chartsias": Kind(chartsias.CLASSES, chartsias.draw),
    "fetal": Kind(still.PLANE_SHARES, still.draw, still=True, again=True),
    "motion": Kind(motion.CLASSES, motion.draw),
    "archive": Kind(archive.CLASSES, None, columns=("kind",)),
}


def plans_of(
    kind: str,
    factors: Factors,
    *,
    patients: int,
    views_per_patient: int,
    clips_per_view: int,
    classes: Collection[str] = (),
) -> list[Plan]:
    """All clips of an archive of a kind (`plan.draw_plans`); of sweeps as many as patients.

    Args:
        classes: those of the kind that are drawn; all if empty.
    """
    known = KINDS[kind]
    if known.unit == "sweep":  # one clip of one view
        views_per_patient = clips_per_view = 1
    return draw_plans(
        factors,
        kind=kind,
        shares={name: share for name, share in known.classes.items() if not classes or name in classes},
        patients=patients,
        views_per_patient=views_per_patient,
        clips_per_view=clips_per_view,
        again=known.again,
        modes=known.draw is None,
    )
