"""Propagation: labels of a few items to all that are joined to them, as a scikit-learn estimator.

    graph of neighbors -> diffusion (`diffusion.py`) -> class mass -> abstention (`abstention.py`)

The diffusion is linear in the labels, so it is solved once for each patient and class that labels are given of. Their
sum is the answer; the sum without a patient's own share is what all others say of that patient's labels. From this
come both the threshold below which no label is given and the labels that are in conflict with their neighborhood.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from sslecho.embed.index.exhaustive import search_exhaustively
from sslecho.embed.index.graph import Graph, neighbor_graph
from sslecho.embed.index.vectors import unit_length
from sslecho.errors import InputError
from sslecho.metrics.labels import MISSING, encode_groups
from sslecho.tasks.abstention import Threshold, choose_threshold
from sslecho.tasks.diffusion import SHARPNESS, diffuse, reached, spread_matrix

MOST_COLUMNS = 256  # patients and classes that are solved for one by one; of more patients several share a fold
FEWEST_FOLDS = 5


class Conflict(NamedTuple):
    """A given label that other patients' labels speak against.

    Attributes:
        row: of the item.
        given, said: the class it was given and the one that its neighborhood says.
        given_share, said_share: what these two have of the neighborhood's say.
    """

    row: int
    given: Any
    said: Any
    given_share: float
    said_share: float


class Propagation(ClassifierMixin, BaseEstimator):
    """Semi-supervised classifier: labels diffuse on the graph of nearest neighbors (Zhou et al. 2004).

    Args:
        n_neighbors: edges that each item sends out, by cosine.
        alpha: how far labels spread, in (0, 1). Zhou et al. and Iscen et al. take .99, for classes that lie apart.
            Where classes overlap, labels then leak: on mixtures of 400 to 12,000 items .8 to .9 named 1 to 45 percent
            points more items right, and .8 lost least at worst.
        class_mass: "labels" weighs classes by their share among the given labels over their mean probability among the
            unlabeled items (class mass normalization, Zhu, Ghahramani & Lafferty 2003, section 4): for labels
            drawn at random. "none" leaves them: for labels that were chosen, such as five of each class.
        prior: class -> share in the archive, in place of those among the labels; a class that is not named has
            what is left. It is used with either `class_mass`.
        precision: abstain below the confidence at which this share of labels is right on patients left out; None gives
            every item that is reached a label.
        confidence: of the promise that this holds.
        conflicts: look for given labels that others speak against; costs a solution for each labeled patient and class.
        own_group: whether items of the same group may be neighbors.
        recall: of the graph, see `neighbor_graph`.
        tolerance: of the solution.
        random_state: of the graph and of the folds.
        n_jobs: threads.

    Attributes:
        classes_: the classes, sorted.
        label_distributions_: probabilities `[n, classes]`; a row that no label reaches has zeros.
        confidences_: the highest probability of each item; minus infinity where no label reaches.
        reached_: whether a path leads to a labeled item.
        threshold_: the `Threshold`, or None.
        abstained_: items that get no label: not reached, or below the threshold.
        transduction_: the label of each item: the given one, the propagated one, or -1 (None among strings) where it
            abstains.
        left_out_: of each labeled item (in the order of `labeled_`), what labels of other patients say, `[m, classes]`.
        conflicts_: list of `Conflict`, the plainest first.
        graph_: the graph.
    """

    # Any: scikit-learn wants settings checked in `fit`, and not before.
    def __init__(
        self,
        *,
        n_neighbors: Any = 10,
        alpha: Any = 0.8,
        class_mass: Any = "none",
        prior: Any = None,
        precision: Any = None,
        confidence: Any = 0.95,
        conflicts: Any = True,
        own_group: Any = True,
        recall: Any = 0.98,
        tolerance: Any = 1e-4,
        random_state: Any = 0,
        n_jobs: Any = 1,
    ):
        self.n_neighbors = n_neighbors
        self.alpha = alpha
        self.class_mass = class_mass
        self.prior = prior
        self.precision = precision
        self.confidence = confidence
        self.conflicts = conflicts
        self.own_group = own_group
        self.recall = recall
        self.tolerance = tolerance
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, groups: Any = None, graph: Graph | None = None) -> "Propagation":
        """Spread the labels.

        Args:
            X: one embedding an item, `[n, d]`.
            y: classes; -1 where an item is unlabeled (None or -1 in an array of objects).
            groups: the patient of each item; by default each item is its own.
            graph: the neighbors, where they are known already.

        Raises:
            InputError: a setting breaks its rule, or a prior names an unknown class.
            ValueError: X or y are not what scikit-learn takes, or no item has a label.
        """
        self._check_settings()
        given = self._read(X, y)
        n, labeled = len(self.X_), np.flatnonzero(given != MISSING)
        units = np.arange(n) if groups is None else encode_groups(groups, what="group")
        check_consistent_length(self.X_, units)
        excluded = None if groups is None or self.own_group else units
        if graph is None:
            graph = neighbor_graph(
                self.X_, self.n_neighbors, groups=excluded, recall=self.recall, seed=self.random_state
            )
        self.graph_ = graph
        spread = spread_matrix(self.graph_.ids, self.graph_.similarities)
        self.reached_ = reached(spread, labeled)
        mass, mass_left_out = self._spread(spread, given, labeled, units)
        weights = self._class_weights(mass, given)
        self.label_distributions_ = shares(mass, weights)
        self.labeled_, self.left_out_, self.conflicts_, self.threshold_ = labeled, None, [], None
        if mass_left_out is not None:
            self.left_out_ = shares(mass_left_out, weights)
            self.conflicts_ = self._conflicts(given[labeled]) if self.conflicts else []
            self.threshold_ = self._threshold(given[labeled], units[labeled]) if self.precision is not None else None
        self._label(given)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of new items; it does not abstain, `predict_proba` says how sure it is."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]

    def predict_proba(self, X: Any) -> Float64[np.ndarray, "m c"]:
        """Probabilities of new items: those of their nearest fitted ones, weighed by cosine cubed.

        Bengio, Delalleau & Le Roux 2006, "Label propagation and quadratic criterion", equation 11.7: the cost of a new
        item, given all others, is least there. Where no neighbor is reached the classes have their shares among the
        labels.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        queries = unit_length(X)
        nobody = np.full(len(queries), MISSING, np.int64)
        similarities, ids = search_exhaustively(
            self.X_,
            queries,
            min(self.n_neighbors, len(self.X_)),
            query_codes=nobody,
            codes=np.arange(len(self.X_)),
        )
        weights = np.where(ids >= 0, np.maximum(similarities, 0.0), 0.0).astype(np.float64) ** SHARPNESS
        summed = np.einsum("mk,mkc->mc", weights, self.label_distributions_[np.maximum(ids, 0)].astype(np.float64))
        total = summed.sum(1, keepdims=True)
        return np.where(total > 0, summed / np.where(total > 0, total, 1), self._label_shares)

    def _check_settings(self) -> None:
        problems = [
            f"{name} is {value!r}; it must {rule}"
            for name, value, rule, fits in (
                ("alpha", self.alpha, "lie above 0 and below 1, such as 0.99", 0 < self.alpha < 1),
                ("class_mass", self.class_mass, "be 'labels' or 'none'", self.class_mass in ("labels", "none")),
                (
                    "precision",
                    self.precision,
                    "lie above 0 and below 1, or be None for a label wherever one is reached",
                    self.precision is None or 0 < self.precision < 1,
                ),
                ("confidence", self.confidence, "lie above 0 and below 1, such as 0.95", 0 < self.confidence < 1),
                ("tolerance", self.tolerance, "be above 0, such as 1e-4", self.tolerance > 0),
                ("n_jobs", self.n_jobs, "be at least 1", self.n_jobs >= 1),
            )
            if not fits
        ]
        if problems:
            raise InputError("\n".join(problems))

    def _read(self, X: Any, y: Any) -> Int64[np.ndarray, "n"]:
        """Check X and y, learn the classes, and return the class of each item or -1."""
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        vectors: Any = validate_data(self, X, dtype=np.float32)
        self.X_: np.ndarray = vectors
        y = column_or_1d(y, warn=True)
        check_consistent_length(self.X_, y)
        if y.dtype.kind == "f" and not np.isfinite(y).all():
            raise ValueError("Input y contains NaN or infinity; use -1 where an item is unlabeled")
        if y.dtype.kind == "O":
            is_given = np.array([value is not None and value != -1 for value in y.tolist()], bool)
        else:
            is_given = y != ("-1" if y.dtype.kind in "US" else -1)
        if not is_given.any():
            raise ValueError("y has no label: every item is -1; give at least one")
        check_classification_targets(np.array(y[is_given].tolist()))
        self.classes_, codes = np.unique(np.array(y[is_given].tolist()), return_inverse=True)
        given = np.full(len(y), MISSING, np.int64)
        given[is_given] = codes
        self._label_shares = np.bincount(codes) / len(codes)
        return given

    def _spread(
        self, spread: Any, given: Int64[np.ndarray, "n"], labeled: Int64[np.ndarray, "m"], units: Int64[np.ndarray, "n"]
    ) -> tuple[Float32[np.ndarray, "n c"], Float32[np.ndarray, "m c"] | None]:
        """What each class sends to each item; and to each labeled item without what its own patient sends."""
        n_classes, classes = len(self.classes_), given[labeled]
        mass = np.zeros((len(given), n_classes), np.float32)
        how = {"alpha": self.alpha, "tolerance": self.tolerance, "n_jobs": self.n_jobs}
        if not self.conflicts and self.precision is None:
            for first, columns in diffuse(spread, labeled, classes, n_classes, **how):
                mass[:, first : first + columns.shape[1]] = columns
            return mass, None
        fold = folds(units[labeled], classes, seed=self.random_state)
        pairs, column = np.unique(fold * n_classes + classes, return_inverse=True)
        without = np.zeros((len(labeled), n_classes), np.float32)
        for first, columns in diffuse(spread, labeled, column.astype(np.int64), len(pairs), **how):
            for pair, sent in zip(pairs[first : first + columns.shape[1]].tolist(), columns.T, strict=True):
                of_fold, c = divmod(pair, n_classes)
                mass[:, c] += sent
                others = fold != of_fold
                without[others, c] += sent[labeled[others]]
        return mass, without

    def _class_weights(
        self, mass: Float32[np.ndarray, "n c"], given: Int64[np.ndarray, "n"]
    ) -> Float64[np.ndarray, "c"]:
        """What each class is multiplied by, so that the classes' shares become the wanted ones."""
        wanted = self._label_shares if self.class_mass == "labels" else None
        if self.prior is not None:
            wanted = self._prior()
        told = (given == MISSING) & self.reached_
        if wanted is None or not told.any():
            return np.ones(len(self.classes_))
        found = shares(mass[told], np.ones(len(self.classes_))).sum(0, dtype=np.float64)
        return np.divide(wanted * found.sum(), found, out=np.ones_like(found), where=found > 0)

    def _prior(self) -> Float64[np.ndarray, "c"]:
        """The shares of the classes that `prior` names; the others divide what is left."""
        known = self.classes_.tolist()
        named = {name: float(share) for name, share in (self.prior or {}).items()}
        unknown = sorted(str(name) for name in named if name not in known)
        left = 1 - sum(named.values())
        others = [name for name in known if name not in named]
        if unknown or min(named.values(), default=0) < 0 or left < -1e-6 or (not others and abs(left) > 1e-6):
            raise InputError(
                f"prior is {named}; it must give classes of {known} shares that are not negative and come to 1 "
                "(or to less, where the classes that it does not name are to divide what is left)"
            )
        return np.array([named.get(name, max(0.0, left) / max(1, len(others))) for name in known])

    def _conflicts(self, classes: Int64[np.ndarray, "m"]) -> list[Conflict]:
        left_out: np.ndarray = self.left_out_  # pyright: ignore[reportAssignmentType]
        said = left_out.argmax(1)
        own, top = left_out[np.arange(len(classes)), classes], left_out.max(1)
        against = np.flatnonzero((said != classes) & (top > own))
        against = against[np.argsort(own[against] - top[against], kind="stable")]
        names = self.classes_.tolist()
        return [
            Conflict(int(self.labeled_[i]), names[classes[i]], names[said[i]], float(own[i]), float(top[i]))
            for i in against.tolist()
        ]

    def _threshold(self, classes: Int64[np.ndarray, "m"], units: Int64[np.ndarray, "m"]) -> Threshold:
        left_out: np.ndarray = self.left_out_  # pyright: ignore[reportAssignmentType]
        return choose_threshold(
            confidences_of(left_out),
            left_out.argmax(1) == classes,
            units,
            precision=self.precision,  # pyright: ignore[reportArgumentType]
            confidence=self.confidence,
        )

    def _label(self, given: Int64[np.ndarray, "n"]) -> None:
        """Abstain, and put the given and the propagated labels together."""
        self.confidences_ = confidences_of(self.label_distributions_)
        unlabeled = given == MISSING
        least = self.threshold_.value if self.threshold_ else -np.inf
        self.abstained_ = unlabeled & (~np.isfinite(self.confidences_) | (self.confidences_ < least))
        codes = np.where(unlabeled, self.label_distributions_.argmax(1), given)
        labels = self.classes_[codes]
        if self.abstained_.any():
            labels = labels if labels.dtype.kind in "if" else labels.astype(object)
            labels[self.abstained_] = -1 if labels.dtype.kind in "if" else None
        self.transduction_ = labels


def shares(mass: Float32[np.ndarray, "n c"], weights: Float64[np.ndarray, "c"]) -> Float32[np.ndarray, "n c"]:
    """Each row's classes as probabilities after weighing them; a row of zeros stays."""
    total = mass.sum(1, keepdims=True)
    weighed = np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)  # first, as Zhu et al. weigh shares
    weighed *= weights.astype(np.float32)
    total = weighed.sum(1, keepdims=True)
    return np.divide(weighed, total, out=weighed, where=total > 0)


def confidences_of(distributions: Float32[np.ndarray, "n c"]) -> Float32[np.ndarray, "n"]:
    """The highest probability of each row; minus infinity where nothing reached it."""
    top = distributions.max(1)
    return np.where(top > 0, top, np.float32(-np.inf))


def folds(
    units: Int64[np.ndarray, "m"], classes: Int64[np.ndarray, "m"], *, seed: int, most: int = MOST_COLUMNS
) -> Int64[np.ndarray, "m"]:
    """What is left out together: each patient alone, where patients and classes make at most `most` columns.

    With more, patients are drawn into as many folds as keep to it, and at least `FEWEST_FOLDS`.
    """
    _, unit = np.unique(units, return_inverse=True)
    n_classes = int(classes.max()) + 1
    if len(np.unique(unit * n_classes + classes)) <= most:
        return unit.astype(np.int64)
    n_units = int(unit.max()) + 1
    n_folds = min(n_units, max(FEWEST_FOLDS, most // n_classes))
    return (np.random.default_rng(seed).permutation(n_units) % n_folds)[unit].astype(np.int64)
