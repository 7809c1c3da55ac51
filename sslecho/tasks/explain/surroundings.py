"""Does a network use what lies outside the sector? Its surroundings are exchanged for those of another clip.

Black in their place would be the simplest test, but a network that always saw text there may stumble over its absence
without ever having read it. So each clip is shown twice: with the surroundings of a clip of its own label, and with
those of a clip of another label, both of other patients. Both pictures have the same seams; only what the surroundings
say of the label differs. A network that doesn't read them does as well with both.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8

NOBODY = -1


class Donors(NamedTuple):
    """Whose surroundings each item gets, as places of items; NOBODY where there is none."""

    alike: Int64[np.ndarray, " n"]
    unlike: Int64[np.ndarray, " n"]


def draw_donors(labels: Int64[np.ndarray, " n"], units: Int64[np.ndarray, " n"], *, rng: np.random.Generator) -> Donors:
    """For each item one of its label and one of another label, of other patients, each as likely as any."""
    alike, unlike = np.full(len(labels), NOBODY), np.full(len(labels), NOBODY)
    for item in range(len(labels)):
        others = units != units[item]
        for drawn, fits in ((alike, labels == labels[item]), (unlike, labels != labels[item])):
            candidates = np.flatnonzero(others & fits)
            if len(candidates):
                drawn[item] = rng.choice(candidates)
    return Donors(alike, unlike)


def exchanged(
    frames: UInt8[np.ndarray, "n h w"],
    inside: Bool[np.ndarray, "n h w"],
    donors: UInt8[np.ndarray, "n h w"],
    inside_donors: Bool[np.ndarray, "n h w"],
) -> UInt8[np.ndarray, "n h w"]:
    """Frames whose surroundings are those of other frames, black where those have their sector."""
    return np.where(inside, frames, np.where(inside_donors, np.uint8(0), donors))


def beside(rows: Sequence[int], donor_rows: Sequence[int]) -> dict[int, int]:
    """Of each frame of a clip the frame of another one that lends its surroundings, at the same share of its length."""
    last = len(donor_rows) - 1
    return {row: donor_rows[round(place * last / max(1, len(rows) - 1))] for place, row in enumerate(rows)}
