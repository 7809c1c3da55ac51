"""Quality against time: how good the nearest clips of other patients tell a clip's class, looked at now and then."""

import time
from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score
from torch import Tensor
from torch.nn import functional as F

from sslecho.data.store import Store

NEIGHBORS = 5
Embed = Callable[[Tensor], Tensor]  # uint8 frames [n, h, w] -> vectors [n, d]


class Judge:
    """Balanced accuracy of the vote of the nearest clips of *other* patients, on the clips of validation patients.

    A clip is the mean of its frames; near is what has a large cosine; of equally frequent labels the nearest wins.

    Args:
        store: with a split and labels, small enough to be held in memory.
    """

    def __init__(self, store: Store):
        self._frames = torch.from_numpy(store.read(np.arange(len(store))))
        self._clip = torch.from_numpy(store.clip_of_frame)
        self._label = np.unique(store.column("label").astype(str), return_inverse=True)[1]
        patient = store.column("unit_id").astype(str)
        self._asked = np.flatnonzero(store.column("split") == "val")
        self._own = patient[self._asked][:, None] == patient[None, :]

    def __call__(self, embed: Embed) -> float:
        frames = torch.cat([embed(part) for part in self._frames.split(256)]).float().cpu()
        clips = torch.zeros(len(self._label), frames.shape[1]).index_add_(0, self._clip, frames)
        clips = F.normalize(clips, dim=1).numpy()  # of a sum as of a mean
        cosine = clips[self._asked] @ clips.T
        cosine[self._own] = -np.inf
        near = self._label[np.argsort(-cosine, axis=1, kind="stable")[:, :NEIGHBORS]]
        backing = (near[:, :, None] == near[:, None, :]).sum(2)
        said = near[np.arange(len(near)), backing.argmax(1)]
        return float(balanced_accuracy_score(self._label[self._asked], said))


class Curve:
    """Quality against the seconds since it was made; those that looking takes are not counted."""

    def __init__(self, judge: Judge):
        self._judge, self._looking = judge, 0.0
        self._began = time.perf_counter()
        self.points: list[tuple[float, float]] = []  # seconds, quality

    def look(self, embed: Embed) -> None:
        now = time.perf_counter()
        self.points.append((now - self._began - self._looking, self._judge(embed)))
        self._looking += time.perf_counter() - now

    def reached(self, target: float) -> float | None:
        """Seconds until two looks in a row were at least as good; None where they never were."""
        for (_, first), (seconds, second) in zip(self.points, self.points[1:], strict=False):
            if min(first, second) >= target:
                return seconds
        return None
