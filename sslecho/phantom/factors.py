"""Separate random factors: each has its own seed and, per key, its own stream.

    patient -> study -> device -> view -> acquisition -> clip -> frame

A stream depends on the factor's seed, the factor's name and the keys only, so that a new seed for one
factor leaves every draw of the others alone, and an object can be drawn without drawing its neighbors.
"""

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

FACTORS = ("patient", "study", "device", "view", "acquisition", "clip", "frame")


@dataclass(frozen=True)
class Factors:
    """One seed per factor.

    Example:
        factors = Factors.from_seed(0)
        rng = factors.stream("acquisition", 3, "a4c", 1)   # patient 3, view a4c, second repeat
    """

    patient: int = 0
    study: int = 0
    device: int = 0
    view: int = 0
    acquisition: int = 0
    clip: int = 0
    frame: int = 0

    @classmethod
    def from_seed(cls, seed: int) -> "Factors":
        """The same seed for all factors; their streams differ all the same, because the name is a key."""
        return cls(**dict.fromkeys(FACTORS, seed))

    def reseeded(self, **seeds: int) -> "Factors":
        """A copy in which the named factors have new seeds."""
        return replace(self, **seeds)

    def stream(self, factor: str, *keys: int | str) -> np.random.Generator:
        """The generator of one factor for one object; the same call gives the same draws.

        Args:
            factor: one of FACTORS.
            keys: what the draw is for, outermost first: patient number, view name, repeat.
        """
        spawn_key = (crc32(factor.encode()), *(crc32(key.encode()) if isinstance(key, str) else key for key in keys))
        return np.random.default_rng(np.random.SeedSequence(getattr(self, factor), spawn_key=spawn_key))
