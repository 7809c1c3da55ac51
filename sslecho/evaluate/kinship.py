"""Whose clip lies nearest: can a patient be known again in the embedding?"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int64

from sslecho.embed.index.exhaustive import search_exhaustively
from sslecho.embed.index.vectors import unit_length
from sslecho.metrics.against_chance import AgainstChance, kinship_against_chance
from sslecho.metrics.labels import MISSING


class Kinship(NamedTuple):
    """How often the nearest clip is of the same patient; None where there is no such clip.

    Attributes:
        any_clip: of all other clips.
        other_label: of the clips of other labels. Repeats of a view in one patient are alike by right; that its other
            views are alike too is what the patient, the device or the study has left in the embedding.
    """

    any_clip: AgainstChance | None
    other_label: AgainstChance | None


def kinship(
    vectors: Float[np.ndarray, "n d"],
    *,
    units: Int[np.ndarray, " n"],
    labels: Int[np.ndarray, " n"],
    seed: int,
    n_draws: int,
) -> Kinship:
    """Nearest neighbors by cosine among these clips, the clip itself left out.

    Chance deals patients to clips of the same label only: views that lie together are no sign of the patient.

    Args:
        vectors: one a clip.
        units: the patient of each, codes.
        labels: codes, -1 where there is none.
        n_draws: deals that chance is made of.
    """
    rng = np.random.default_rng(seed)
    nearest = _nearest(vectors, np.arange(len(vectors)))
    any_clip = kinship_against_chance(units, nearest, among=labels, rng=rng, n_draws=n_draws)
    known = np.flatnonzero(labels != MISSING)
    if len(np.unique(labels[known])) < 2:
        return Kinship(any_clip, None)
    nearest = _nearest(vectors[known], labels[known])
    other = kinship_against_chance(units[known], nearest, among=labels[known], rng=rng, n_draws=n_draws)
    return Kinship(any_clip, other)


def _nearest(vectors: Float[np.ndarray, "n d"], own: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """The nearest clip that differs in `own`; -1 where there is none."""
    _, ids = search_exhaustively(vectors, unit_length(vectors), 1, query_codes=own, codes=own)
    return ids[:, 0]
