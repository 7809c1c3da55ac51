"""The heart's beats along the time axis of a still: where every column of a trace lies in its beat."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from sslecho.phantom.clock import Rhythm


@dataclass(frozen=True)
class Beats:
    """One value per column of the trace.

    Args:
        since_ms: since the last R wave.
        length_ms: of that beat.
        fibrillation: no atrial contraction.
    """

    since_ms: Float[np.ndarray, " w"]
    length_ms: Float[np.ndarray, " w"]
    fibrillation: bool

    @property
    def phase(self) -> Float[np.ndarray, " w"]:
        """0..1 from R wave to R wave."""
        return self.since_ms / self.length_ms

    @property
    def rate(self) -> Float[np.ndarray, " w"]:
        """Per minute."""
        return 60_000 / self.length_ms

    # Systolic time intervals as in `clock.beat_courses` (Weissler et al. 1968).
    @cached_property
    def ejection_ms(self) -> tuple[np.ndarray, np.ndarray]:
        """When the aortic valve opens and closes."""
        return 131 - 0.4 * self.rate, 546 - 2.1 * self.rate

    @cached_property
    def mitral_opens_ms(self) -> Float[np.ndarray, " w"]:
        return self.ejection_ms[1] + 75

    @cached_property
    def a_peak_ms(self) -> Float[np.ndarray, " w"]:
        return self.length_ms - 100


def draw_beats(rng: np.random.Generator, rhythm: Rhythm, *, duration_s: float, width: int) -> Beats:
    """Beats of a rhythm from a random start on."""
    t_ms = np.linspace(0, 1000 * duration_s, width, endpoint=False)
    mean = 60_000 / rhythm.rate_per_min
    count = max(4, int(np.ceil(2 * t_ms[-1] / mean)) + 2)
    lengths = mean * np.clip(1 + rhythm.beat_sd * rng.standard_normal(count), 0.5, 1.6)
    starts = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    t_ms = t_ms + rng.uniform() * lengths[0]
    beat = np.clip(np.searchsorted(starts, t_ms, side="right") - 1, 0, count - 1)
    return Beats(t_ms - starts[beat], lengths[beat], rhythm.fibrillation)
