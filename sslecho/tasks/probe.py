"""Probes: what frozen embeddings tell of classes, as scikit-learn estimators.

`LinearProbe` is logistic regression on embeddings of length 1, each dimension standardized; `NeighborProbe` lets the
nearest labeled embeddings vote. How strong and how many is chosen by balanced accuracy, on validation patients where
they are given, else over folds of the training patients; never on those that results are scored on. Of equals the
smoother one is taken, the stronger penalty or the larger number: its confidence says more.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from sslecho.embed.index.exhaustive import search_exhaustively
from sslecho.embed.index.vectors import unit_length
from sslecho.errors import InputError
from sslecho.metrics.labels import MISSING, encode_groups
from sslecho.metrics.paired import balanced_accuracy

STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # scikit-learn's C: the higher, the weaker the penalty
NEIGHBORS = (1, 5, 10, 20, 50)
MOST_TO_CHOOSE = 20_000  # items that a choice is made on; more take minutes and change little
FEWEST_TO_CHOOSE = 50  # of them from each class, where it has so many
FOLDS = 5
ITERATIONS = 500

BALANCES = {"weights": "balanced", "none": None}

Held = tuple[Any, Any]


class _Probe(ClassifierMixin, BaseEstimator, ABC):
    """What both have: classes, the choice of one number, probabilities to classes."""

    classes_: np.ndarray
    n_features_in_: int
    random_state: Any

    def fit(self, X: Any, y: Any, groups: Any = None, val: Held | None = None) -> Any:
        """Choose, then learn from all of X.

        Args:
            X: one embedding an item, `[n, d]`.
            y: the class of each.
            groups: the patient of each, for the folds that the choice is made over without `val`; by default each item
                is its own.
            val: X and y of other patients to choose on. Those of a class that `y` has not are left out.

        Raises:
            ValueError: X or y are not what scikit-learn takes, or there is one class only.
            InputError: a setting breaks its rule.
        """
        points, codes = self._read(X, y)
        units = np.arange(len(codes)) if groups is None else encode_groups(groups, what="group")
        tried = self._candidates(len(points))
        scores = list(self._scores(points, codes, units, tried, val)) if len(tried) > 1 else []
        self.was_chosen_ = len(tried) == 1 or bool(scores)
        self.chosen_ = tried[int(np.mean(scores, axis=0).argmax())] if scores else tried[len(tried) // 2]
        self._learn(points, codes, self.chosen_)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each item."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]

    def predict_proba(self, X: Any) -> Float64[np.ndarray, "m c"]:
        """Probabilities, in the order of `classes_`."""
        check_is_fitted(self, "chosen_")
        vectors: Any = validate_data(self, X, dtype=np.float32, reset=False)
        return self._probabilities(unit_length(vectors))

    def _read(self, X: Any, y: Any) -> tuple[Float32[np.ndarray, "n d"], Int64[np.ndarray, " n"]]:
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        X, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        self.classes_, codes = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"a probe needs two classes or more and all {len(codes)} items are of one class "
                f"({self.classes_[0]}); label items of another"
            )
        return unit_length(X), codes.astype(np.int64)

    def _scores(
        self,
        points: Float32[np.ndarray, "n d"],
        codes: Int64[np.ndarray, " n"],
        units: Int64[np.ndarray, " n"],
        tried: Sequence[float | int],
        val: Held | None,
    ) -> Iterator[list[float]]:
        """Balanced accuracy of each candidate, a row a validation set."""
        rng = np.random.default_rng(self.random_state)
        kept = _some_of_each(codes, rng=rng)
        points, codes, units = points[kept], codes[kept], units[kept]
        if val is not None:
            others = unit_length(np.asarray(val[0], dtype=np.float32))
            place = {name: code for code, name in enumerate(self.classes_.tolist())}
            truth = np.array([place.get(name, MISSING) for name in np.asarray(val[1]).tolist()])
            parts = [(points, codes, others[truth != MISSING], truth[truth != MISSING])]
        else:
            parts = [
                (points[fitted], codes[fitted], points[asked], codes[asked])
                for fitted, asked in folds(codes, units, seed=int(rng.integers(2**31)))
            ]
        for x, y, others, truth in parts:
            if len(truth) and len(np.unique(y)) == len(self.classes_):
                yield [balanced_accuracy(truth, said == truth) for said in self._answers(x, y, others, tried)]

    def _answers(self, x: Any, y: Any, others: Any, tried: Sequence[float | int]) -> Iterator[np.ndarray]:
        for value in tried:
            self._learn(x, y, value)
            yield self._probabilities(others).argmax(1)

    @abstractmethod
    def _candidates(self, n: int) -> Sequence[float | int]:
        """What to choose from, with n items to learn from; the smoothest first."""

    @abstractmethod
    def _learn(self, points: Float32[np.ndarray, "n d"], codes: Int64[np.ndarray, " n"], value: float | int) -> None:
        """Learn from all of these items, with what was chosen."""

    @abstractmethod
    def _probabilities(self, points: Float32[np.ndarray, "m d"]) -> Float64[np.ndarray, "m c"]:
        """Of each class, for embeddings of length 1."""


class LinearProbe(_Probe):
    """Logistic regression with an L2 penalty.

    Args:
        strengths: values of scikit-learn's C to choose from; a tuple of one is taken as it is.
        balance: whether classes count alike ("weights") or as they are frequent ("none").
        random_state: of the folds.

    Attributes:
        classes_: the classes, sorted.
        chosen_: the C that was chosen.
        was_chosen_: False where nothing could be scored, and the middle one of `strengths` stands.
        coef_, intercept_: `[c, d]` and `[c]`, of embeddings of length 1.
    """

    def __init__(self, *, strengths: Any = STRENGTHS, balance: Any = "weights", random_state: Any = 0):
        self.strengths = strengths
        self.balance = balance
        self.random_state = random_state

    def to_tensors(self) -> Mapping[str, np.ndarray]:
        """What it has learned, as named arrays."""
        return {"coef": self.coef_, "intercept": self.intercept_}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, np.ndarray], *, classes: Sequence[str], chosen: float | int
    ) -> "LinearProbe":
        """A fitted probe from what `to_tensors` gave."""
        probe = cls(strengths=(chosen,))
        probe.coef_, probe.intercept_ = tensors["coef"], tensors["intercept"]
        probe.classes_, probe.chosen_, probe.n_features_in_ = np.array(classes), chosen, probe.coef_.shape[1]
        return probe

    def _candidates(self, n: int) -> Sequence[float | int]:
        if self.balance not in BALANCES:
            raise InputError(f"balance is {self.balance!r}; it must be one of {', '.join(BALANCES)}")
        return sorted(_checked("strengths", self.strengths, least=1e-12, such_as="(0.1, 1.0)"))

    def _learn(self, points: Float32[np.ndarray, "n d"], codes: Int64[np.ndarray, " n"], value: float | int) -> None:
        mean, spread = points.mean(0, dtype=np.float64), points.std(0, dtype=np.float64)
        spread[spread < 1e-12] = 1  # a dimension that never varies tells nothing
        model = LogisticRegression(C=value, class_weight=BALANCES[self.balance], max_iter=ITERATIONS)
        with warnings.catch_warnings():
            # A weak penalty may take longer; what is reached by then is told as it is.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(((points - mean) / spread).astype(np.float32), codes)
        coef, bias = model.coef_.astype(np.float64), np.ravel(model.intercept_).astype(np.float64)
        if len(coef) == 1:  # two classes: scikit-learn has one row, the logit of the second
            coef, bias = np.concatenate([-coef / 2, coef / 2]), np.concatenate([-bias / 2, bias / 2])
        self.coef_ = coef / spread
        self.intercept_ = bias - self.coef_ @ mean

    def _logits(self, points: Float32[np.ndarray, "m d"]) -> Float64[np.ndarray, "m c"]:
        return points @ self.coef_.T + self.intercept_

    def _probabilities(self, points: Float32[np.ndarray, "m d"]) -> Float64[np.ndarray, "m c"]:
        logits = self._logits(points)
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)


class NeighborProbe(_Probe):
    """The nearest labeled embeddings by cosine vote, each class by its share among them.

    Args:
        neighbors: numbers of them to choose from; a tuple of one is taken as it is.
        random_state: of the folds.

    Attributes:
        classes_: the classes, sorted.
        chosen_: the number that was chosen.
        was_chosen_: False where nothing could be scored, and the middle one of `neighbors` stands.
    """

    def __init__(self, *, neighbors: Any = NEIGHBORS, random_state: Any = 0):
        self.neighbors = neighbors
        self.random_state = random_state

    def to_tensors(self) -> Mapping[str, np.ndarray]:
        """The labeled embeddings and their classes."""
        return {"points": self._points, "codes": self._codes}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, np.ndarray], *, classes: Sequence[str], chosen: float | int
    ) -> "NeighborProbe":
        """A fitted probe from what `to_tensors` gave."""
        probe = cls(neighbors=(chosen,))
        probe._learn(tensors["points"], tensors["codes"], chosen)
        probe.classes_, probe.chosen_, probe.n_features_in_ = np.array(classes), chosen, probe._points.shape[1]
        return probe

    def _candidates(self, n: int) -> Sequence[float | int]:
        tried = _checked("neighbors", self.neighbors, least=1.0, such_as="(5, 20)")
        return sorted({min(int(k), n) for k in tried}, reverse=True)

    def _learn(self, points: Float32[np.ndarray, "n d"], codes: Int64[np.ndarray, " n"], value: float | int) -> None:
        self._points, self._codes, self._k = points, codes, int(value)

    def _probabilities(self, points: Float32[np.ndarray, "m d"]) -> Float64[np.ndarray, "m c"]:
        return self._shares(points, [self._k])[0]

    def _answers(self, x: Any, y: Any, others: Any, tried: Sequence[float | int]) -> Iterator[np.ndarray]:
        """One search serves all numbers."""
        self._learn(x, y, max(tried))
        for shares in self._shares(others, [min(int(k), len(x)) for k in tried]):
            yield shares.argmax(1)

    def _shares(self, points: Float32[np.ndarray, "m d"], numbers: Sequence[int]) -> list[Float64[np.ndarray, "m c"]]:
        nobody = np.full(len(points), MISSING, np.int64)
        most = min(max(numbers), len(self._points))
        _, ids = search_exhaustively(self._points, points, most, query_codes=nobody, codes=np.arange(len(self._points)))
        said = self._codes[ids]
        return [np.stack([(said[:, :k] == c).mean(1) for c in range(len(self.classes_))], axis=1) for k in numbers]


def _checked(name: str, values: Any, *, least: float, such_as: str) -> list[float | int]:
    """The candidates.

    Raises:
        InputError: they are none, or one is too small.
    """
    numbers = list(values) if isinstance(values, Sequence | np.ndarray) else []
    if not numbers or not all(np.isfinite(value) and value >= least for value in numbers):
        raise InputError(f"{name} is {values!r}; it must be numbers of at least {least:g}, such as {such_as}")
    return numbers


def _some_of_each(codes: Int64[np.ndarray, " n"], *, rng: np.random.Generator) -> Int64[np.ndarray, " m"]:
    """At most `MOST_TO_CHOOSE` rows at random, `FEWEST_TO_CHOOSE` of each class first, in their order."""
    order = rng.permutation(len(codes))
    by_class = np.argsort(codes[order], kind="stable")
    sizes = np.bincount(codes)
    place = np.empty(len(codes), np.int64)
    place[by_class] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[np.argsort(place >= FEWEST_TO_CHOOSE, kind="stable")][:MOST_TO_CHOOSE])


def folds(
    codes: Int64[np.ndarray, " n"], units: Int64[np.ndarray, " n"], *, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to learn from and rows of other units, in turn."""
    n_folds = min(FOLDS, len(np.unique(units)))
    if n_folds < 2:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer items than folds: its folds are left out
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        try:
            yield from splitter.split(np.zeros(len(codes)), codes, units)
        except ValueError:  # every class has fewer items than folds
            return
