"""NT-Xent by explicit loops over pairs, from the equation."""

import math

import numpy as np


def slow_nt_xent(first: np.ndarray, second: np.ndarray, clips: list[int], temperature: float) -> float:
    """Mean over all 2n views of -log of the positive's share; other frames of the anchor's clip are left out."""
    views = [("a", i, row) for i, row in enumerate(first)] + [("b", i, row) for i, row in enumerate(second)]
    losses = []
    for name, i, anchor in views:
        similarity = {}
        for other_name, j, other in views:
            cosine = float(np.dot(anchor, other) / (np.linalg.norm(anchor) * np.linalg.norm(other)))
            if j == i and other_name != name:
                similarity["positive"] = cosine / temperature
            elif clips[j] != clips[i]:
                similarity[(other_name, j)] = cosine / temperature
        highest = max(similarity.values())
        total = sum(math.exp(value - highest) for value in similarity.values())
        losses.append(-(similarity["positive"] - highest - math.log(total)))
    return sum(losses) / len(losses)
