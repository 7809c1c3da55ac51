"""The graph of nearest neighbors from its definition: all similarities in float64, the own group struck out."""

import numpy as np


def neighbor_graph(vectors, k, groups=None):
    """Ids and similarities, -1 and minus infinity where there are fewer than k of other groups."""
    vectors = np.asarray(vectors, np.float64)
    lengths = np.sqrt((vectors**2).sum(1))
    similarities = vectors @ vectors.T / np.where(lengths > 0, lengths, 1)[:, None] / np.where(lengths > 0, lengths, 1)
    groups = np.arange(len(vectors)) if groups is None else np.asarray(groups)
    for i, own in enumerate(groups):
        similarities[i, groups == own] = -np.inf
    ids = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(similarities, ids, 1)
    ids[np.isneginf(best)] = -1
    missing = ((0, 0), (0, k - ids.shape[1]))
    return np.pad(ids, missing, constant_values=-1), np.pad(best, missing, constant_values=-np.inf)


def recall(ids, true_ids):
    """The share of all true neighbors that are among the found."""
    found = [len(set(mine) & set(true) - {-1}) for mine, true in zip(ids.tolist(), true_ids.tolist(), strict=True)]
    return sum(found) / (true_ids >= 0).sum()
