"""Fans and rectangles to change in tests: two fans of other shapes, a linear probe's rectangle, a whole picture."""

import torch

from sslecho.views.beams import WHOLE, Beams
from sslecho.views.transform import Scan

NAN = float("nan")
OUTLINES = torch.tensor(
    [
        (0.05, -0.95, -0.7, 0.75, 0.0, 1.8, -0.9, -0.9, 1.0, 0.8, 70.0),
        (-0.1, -1.4, -0.45, 0.4, 0.5, 2.2, -1.0, -1.0, 1.0, 1.0, NAN),
        (0.0, -1.0, 0.0, 0.0, 0.0, 0.0, -0.6, -0.8, 0.5, 0.9, 40.0),
        WHOLE,
    ]
)


def scans(size: int = 48, *, outside: float = 0.0, seed: int = 5) -> Scan:
    """A speckled picture of each outline, with one gray level outside."""
    generator = torch.Generator().manual_seed(seed)
    beams = Beams.of_stored(OUTLINES)
    mask = beams.inside(*beams.places(size, size))
    x = 0.15 + 0.7 * torch.rand(len(OUTLINES), 1, size, size, generator=generator)
    return Scan(torch.where(mask, x, torch.tensor(outside)), mask, beams)
