"""What the program knows of a plane besides its drawing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Scene
from sslecho.phantom.tissues import Tissue


@dataclass(frozen=True)
class View:
    """A plane.

    Args:
        draw: (pen, patient, view's generator) -> the plane in template coordinates.
        depth_mm, angle_deg: usual display.
        center_mm: what the probe's rotation turns about.
        window: "parasternal", "apical", "subcostal" or "suprasternal"; "none" for what is no standard plane.
        share: of the B-mode clips of an archive; 0 for planes that only other kinds have as classes.
        tissues: structure -> tissue, in place of the table's.
    """

    draw: Callable[[Pen, Patient, np.random.Generator], Scene]
    depth_mm: float
    angle_deg: float
    center_mm: tuple[float, float]
    window: str
    share: float
    tissues: Mapping[str, Tissue] = field(default_factory=dict)
