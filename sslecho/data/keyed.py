"""Random numbers that depend on what they are for, not on when they are drawn.

A frame's numbers are a pure function of (seed, epoch, frame, use, position): the same for any number of processes
or workers, in any batch, and after a resume in the middle of an epoch. The hash is SplitMix64's finalizer
(Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"), a bijection with full avalanche.
"""

import numpy as np
from jaxtyping import Float32, Int

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniforms(
    seed: int, epoch: int, frames: Int[np.ndarray, "n"], view: int, count: int
) -> Float32[np.ndarray, "n count"]:
    """Numbers in [0, 1), one row a frame.

    Args:
        seed, epoch, view: what the numbers are for; a view counts from 0, other uses have numbers of their own.
        frames: the frames' rows in their store.
        count: how many numbers a frame needs.
    """
    with np.errstate(over="ignore"):  # the wrap-around is the arithmetic of the hash
        state = np.zeros(1, np.uint64)
        for part in (seed, epoch, view):
            state = _mix(state + _GOLDEN + np.uint64(part))
        rows = _mix(state + _GOLDEN * (frames.astype(np.uint64) + np.uint64(1)))
        bits = _mix(rows[:, None] + _GOLDEN * np.arange(1, count + 1, dtype=np.uint64))
    # 24 bits fill a float32's mantissa: more would round some numbers up to 1.
    return np.multiply(bits >> np.uint64(40), np.float32(2**-24), dtype=np.float32)


def _mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
