"""A probe that decides which frames of a clip count: attention over frozen frame embeddings, then a linear classifier.

With frames h_f of a clip, of length 1 and standardized,

    a_f = softmax_f(u . h_f),   z = sum_f a_f h_f,   p = softmax(W z + b)

At u = 0 this is the mean over frames, where the linear probe stands: learning begins there, with its W and b, and goes
down the class-weighted log loss with the penalties |W|^2 / (2 C n) and |u|^2 / (2 U n), over n clips. It is
attention-based pooling (Ilse, Tomczak & Welling 2018, "Attention-based deep multiple instance learning", equation 8)
with a linear score in place of a network: few labels can't hold more. C is the linear probe's; U is chosen as all
probes choose, by balanced accuracy on patients who are not learned from, with the plain mean among the candidates: of
equals the mean is taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int, Int64
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import Tensor
from torch.nn import functional as F

from sslecho.embed.index.vectors import unit_length
from sslecho.errors import InputError
from sslecho.metrics.labels import MISSING, encode_groups
from sslecho.metrics.paired import balanced_accuracy
from sslecho.tasks.probe import BALANCES, STRENGTHS, LinearProbe, folds

FREEDOMS = (0.0, 0.01, 0.1, 1.0)  # U: 0 is the mean over frames
STEPS = 100  # of L-BFGS


class AttentionProbe(ClassifierMixin, BaseEstimator):
    """Named clips from the embeddings of their frames.

    Args:
        strengths: of the linear probe, see there.
        freedoms: values of U to choose from; 0 is the mean over frames.
        balance: whether classes count alike ("weights") or as they are frequent ("none").
        random_state: of the folds.

    Attributes:
        classes_: the classes, sorted.
        chosen_: the U that was chosen.
        was_chosen_: False where nothing could be scored, and the mean over frames stands.
        query_: u, `[d]`; coef_, intercept_: `[c, d]` and `[c]`; all of frames of length 1.
    """

    def __init__(
        self, *, strengths: Any = STRENGTHS, freedoms: Any = FREEDOMS, balance: Any = "weights", random_state: Any = 0
    ):
        self.strengths = strengths
        self.freedoms = freedoms
        self.balance = balance
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, clips: Any, groups: Any = None, val: tuple[Any, Any, Any] | None = None) -> Any:
        """Choose, then learn from all clips.

        Args:
            X: one embedding a frame, `[f, d]`.
            y: the class of each clip.
            clips: of each frame, its clip's place in `y`.
            groups: the patient of each clip, for the folds that the choice is made over without `val`.
            val: X, y and clips of other patients to choose on.

        Raises:
            InputError: a setting breaks its rule, a clip has no frame, or there is one class only.
        """
        points, clip = _bags(X, clips, len(y))
        if not all(np.isfinite(value) and value >= 0 for value in self.freedoms) or not len(self.freedoms):
            raise InputError(f"freedoms is {self.freedoms!r}; it must be numbers of at least 0, such as (0, 0.1)")
        linear = LinearProbe(strengths=self.strengths, balance=self.balance, random_state=self.random_state)
        means = _means(points, clip, len(y))
        units = np.arange(len(y)) if groups is None else encode_groups(groups, what="group")
        pooled_val = None if val is None else (_means(*_bags(val[0], val[2], len(val[1])), len(val[1])), val[1])
        linear.fit(means, y, groups=units, val=pooled_val)
        self.classes_, self.n_features_in_ = linear.classes_, points.shape[1]
        codes = np.searchsorted(self.classes_, np.asarray(y))
        tried = sorted(float(value) for value in self.freedoms)
        scores = list(self._scores(points, clip, codes, units, tried, val, strength=float(linear.chosen_)))
        self.was_chosen_ = len(tried) == 1 or bool(scores)
        self.chosen_ = tried[int(np.mean(scores, axis=0).argmax())] if scores else tried[0]
        self._learn(points, clip, codes, freedom=self.chosen_, strength=float(linear.chosen_))
        return self

    def predict(self, X: Any, *, clips: Any) -> np.ndarray:
        """The likeliest class of each clip."""
        return self.classes_[self.predict_proba(X, clips=clips).argmax(1)]

    def predict_proba(self, X: Any, *, clips: Any) -> Float64[np.ndarray, "c k"]:
        """Probabilities of each clip, in the order of `classes_`.

        Args:
            clips: of each frame, its clip, numbered from 0 without a gap.
        """
        points, clip = _bags(X, clips, int(np.max(clips)) + 1)
        return self._probabilities(points, clip)

    def attention(self, X: Any, *, clips: Any) -> Float64[np.ndarray, " f"]:
        """How much each frame counts in its clip; these sum to 1 over a clip's frames."""
        points, clip = _bags(X, clips, int(np.max(clips)) + 1)
        scores = points @ self.query_
        highest = np.full(clip.max() + 1, -np.inf)
        np.maximum.at(highest, clip, scores)
        powers = np.exp(scores - highest[clip])
        return powers / np.bincount(clip, weights=powers)[clip]

    def to_tensors(self) -> Mapping[str, np.ndarray]:
        """What it has learned, as named arrays."""
        return {"query": self.query_, "coef": self.coef_, "intercept": self.intercept_}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, np.ndarray], *, classes: Sequence[str], chosen: float | int
    ) -> "AttentionProbe":
        """A fitted probe from what `to_tensors` gave."""
        probe = cls(freedoms=(chosen,))
        probe.query_, probe.coef_, probe.intercept_ = (tensors[name] for name in ("query", "coef", "intercept"))
        probe.classes_, probe.chosen_, probe.n_features_in_ = np.array(classes), chosen, probe.coef_.shape[1]
        return probe

    def _scores(
        self,
        points: Float64[np.ndarray, "f d"],
        clip: Int64[np.ndarray, " f"],
        codes: Int64[np.ndarray, " c"],
        units: Int64[np.ndarray, " c"],
        tried: Sequence[float],
        val: tuple[Any, Any, Any] | None,
        *,
        strength: float,
    ) -> Iterator[list[float]]:
        """Balanced accuracy of each candidate, a row a validation set."""
        if len(tried) == 1:
            return
        if val is not None:
            others, other_clip = _bags(val[0], val[2], len(val[1]))
            place = {name: code for code, name in enumerate(self.classes_.tolist())}
            truth = np.array([place.get(name, MISSING) for name in np.asarray(val[1]).tolist()])
            parts = [(points, clip, codes, others, other_clip, truth)]
        else:
            rng = np.random.default_rng(self.random_state)
            parts = [
                (*_part(points, clip, fitted), codes[fitted], *_part(points, clip, asked), codes[asked])
                for fitted, asked in folds(codes, units, seed=int(rng.integers(2**31)))
            ]
        for x, of, y, others, other_clip, truth in parts:
            known = truth != MISSING
            if not known.any() or len(np.unique(y)) < len(self.classes_):
                continue
            row = []
            for freedom in tried:
                self._learn(x, of, y, freedom=freedom, strength=strength)
                said = self._probabilities(others, other_clip).argmax(1)
                row.append(balanced_accuracy(truth[known], said[known] == truth[known]))
            yield row

    def _learn(
        self,
        points: Float64[np.ndarray, "f d"],
        clip: Int64[np.ndarray, " f"],
        codes: Int64[np.ndarray, " c"],
        *,
        freedom: float,
        strength: float,
    ) -> None:
        """The best W at u = 0, then both from there; a freedom of 0 stays there."""
        mean, spread = points.mean(0), points.std(0)
        spread[spread < 1e-12] = 1  # a dimension that never varies tells nothing
        x, of, y = torch.from_numpy((points - mean) / spread), torch.from_numpy(clip), torch.from_numpy(codes)
        n, n_classes = len(codes), int(codes.max()) + 1
        weight = torch.ones(n_classes, dtype=torch.float64)
        if BALANCES[self.balance]:
            weight = n / (n_classes * torch.bincount(y, minlength=n_classes).double())
        u, w, b = (torch.zeros(size, dtype=torch.float64) for size in (x.shape[1], (n_classes, x.shape[1]), n_classes))

        def descend(learned: Sequence[Tensor]) -> None:
            for tensor in learned:
                tensor.requires_grad_(True)
            optimizer = torch.optim.LBFGS(learned, max_iter=STEPS, line_search_fn="strong_wolfe")

            def loss() -> Any:
                optimizer.zero_grad()
                logits = pooled(x, of, u, n) @ w.T + b
                total = F.cross_entropy(logits, y, weight=weight, reduction="sum") + (w**2).sum() / (2 * strength)
                if freedom > 0:
                    total = total + (u**2).sum() / (2 * freedom)
                (total / n).backward()
                return total / n

            optimizer.step(loss)

        descend([w, b])
        if freedom > 0:
            descend([u, w, b])
        self.query_ = u.detach().numpy() / spread
        self.coef_ = w.detach().numpy() / spread
        self.intercept_ = b.detach().numpy() - self.coef_ @ mean

    def _probabilities(
        self, points: Float64[np.ndarray, "f d"], clip: Int64[np.ndarray, " f"]
    ) -> Float64[np.ndarray, "c k"]:
        tensors = (torch.from_numpy(points), torch.from_numpy(clip), torch.from_numpy(self.query_))
        z = pooled(*tensors, int(clip.max()) + 1).numpy()
        return softmax(z @ self.coef_.T + self.intercept_, axis=1)


def pooled(
    x: Float[Tensor, "f d"], clip: Int[Tensor, " f"], query: Float[Tensor, " d"], n_clips: int
) -> Float[Tensor, "c d"]:
    """The attention-weighted mean of each clip's frames."""
    scores = x @ query
    highest = torch.full((n_clips,), -torch.inf, dtype=x.dtype).scatter_reduce(0, clip, scores.detach(), "amax")
    powers = (scores - highest[clip]).exp()
    share = powers / torch.zeros(n_clips, dtype=x.dtype).index_add(0, clip, powers)[clip]
    return torch.zeros((n_clips, x.shape[1]), dtype=x.dtype).index_add(0, clip, share[:, None] * x)


def _bags(X: Any, clips: Any, n_clips: int) -> tuple[Float64[np.ndarray, "f d"], Int64[np.ndarray, " f"]]:
    """Frames of length 1, and the clip of each.

    Raises:
        InputError: their numbers differ, or a clip has no frame.
    """
    points, clip = unit_length(np.asarray(X, dtype=np.float32)).astype(np.float64), np.asarray(clips, np.int64)
    if len(points) != len(clip):
        raise InputError(f"{len(points)} frames and {len(clip)} numbers of clips; each frame needs its clip's number")
    if missing := np.setdiff1d(np.arange(n_clips), clip).tolist():
        raise InputError(f"{len(missing)} of {n_clips} clips have no frame, the first is number {missing[0]}")
    return points, clip


def _part(
    points: Float64[np.ndarray, "f d"], clip: Int64[np.ndarray, " f"], wanted: Int64[np.ndarray, " m"]
) -> tuple[Float64[np.ndarray, "g d"], Int64[np.ndarray, " g"]]:
    """The frames of some clips, which are numbered anew in that order."""
    number = np.full(int(clip.max()) + 1, MISSING, np.int64)
    number[wanted] = np.arange(len(wanted))
    inside = number[clip] != MISSING
    return points[inside], number[clip[inside]]


def _means(points: Float64[np.ndarray, "f d"], clip: Int64[np.ndarray, " f"], n: int) -> Float64[np.ndarray, "c d"]:
    sums = np.zeros((n, points.shape[1]))
    np.add.at(sums, clip, points)
    return sums / np.bincount(clip, minlength=n)[:, None]
