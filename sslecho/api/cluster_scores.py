"""What `cluster --purity` says beyond its table: intervals, labeling cost, and for whom the clusters hold.

Everything is scored on the same items as the table: the test split, or all where there is no split.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64, Shaped

from sslecho.api.cluster_score_rows import group_rows, naming_rows, patient_row
from sslecho.data.schema import CLIPS
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.metrics.by_group import by_group
from sslecho.metrics.clustering import evaluate, purity_shuffled
from sslecho.metrics.clustering_intervals import clustering_intervals
from sslecho.metrics.intervals import percentiles
from sslecho.metrics.naming_cost import AGREEMENT, NamingCost, naming_cost
from sslecho.metrics.transfer import held_out
from sslecho.report.cluster_run import nearest_k
from sslecho.report.headline import name_of
from sslecho.tasks.cluster import Clustering

M = 3  # images of each cluster in the sentence that is printed
AGREEMENTS = (0.0, AGREEMENT, 1.0)  # every cluster is named; two thirds must agree; all must
MOST_GROUPS = 50  # a column with more values is a description, no group
ATTRIBUTES = ("device", "site", "kind")  # beside every column that the user kept


@dataclass(frozen=True)
class MoreScores:
    """What is added to a clustering's result.

    Attributes:
        figures: for each clustering, entries to add to its figures: bounds (`purity_low`, `purity_high`, …), and those
            of `naming_figures`.
        result: entries of result.json: `naming`, `by`, `patients` and, where there are such labels, `without_other`.
        rows: tidy rows for scores.parquet, those of single patients among them.
    """

    figures: list[dict[str, Any]]
    result: dict[str, Any]
    rows: list[dict[str, Any]]


def more_scores(
    items: Embeddings,
    clusterings: Sequence[Clustering],
    *,
    split: str,
    unit: str,
    seed: int,
    other: Sequence[str] = (),
    store: Store | None = None,
    baselines: Mapping[str, Sequence[Mapping[str, Any]] | None] | None = None,
) -> MoreScores:
    """Score each clustering beyond `sslecho.metrics.clustering.evaluate`.

    Args:
        items: what was clustered, with labels and splits.
        clusterings: one a k.
        split: which items are scored: "test", or "all" of them.
        unit: what intervals resample: "patient", "sweep" or "clip".
        seed: decides halves and draws.
        other: labels that are no class; upper and lower case are the same.
        store: gives device, site and the columns that were kept; None for scores by class and patient alone.
        baselines: their figures, with those of `naming_figures` to compare the labeling cost with.
    """
    scored = _scored(items, split=split, unit=unit, seed=seed, other=other)
    columns = {"label": scored.labels, **(_attributes(items, scored.rows, store) if store is not None else {})}
    about = {"source": "encoder", "seed": seed, "split": split}
    costs = [scored.naming(c, agreements=AGREEMENTS, others=scored.others) for c in clusterings]
    points = [{"k": c.k, **point} for c, cost in zip(clusterings, costs, strict=True) for point in _points(cost)]
    figures = [scored.bounds(c) | _at_m(_points(cost)) for c, cost in zip(clusterings, costs, strict=True)]
    groups, patients, of_patients = [], [], []
    for c in clusterings:
        of_columns, each = scored.groups(c, columns)
        groups += of_columns
        patients.append({"k": c.k, **_spread([row["transfer_purity"] for row in each])})
        of_patients += [patient_row(row, unit=unit, about=about) for row in each]
    k = nearest_k([c.k for c in clusterings], len({label for label in items.column("label") if label is not None}))
    held_against = {
        name_of(name): next((row for row in rows or () if row["k"] == k), {})
        for name, rows in (baselines or {}).items()
    }
    result: dict[str, Any] = {
        "naming": {
            "k": k,
            "m": M,
            "agreement": AGREEMENT,
            "others": scored.others,
            "said": naming_sentence(points, k=k, others=scored.others, unit=unit, baselines=held_against),
            "warning": costs[0].warning,
            "points": points,
        },
        "by": groups,
        "patients": patients,
    }
    if scored.others and any(label is not None and label not in scored.others for label in scored.labels):
        result["without_other"] = [scored.without_other(c) for c in clusterings]
    rows = [*group_rows(groups, about), *naming_rows(points, about), *of_patients]
    return MoreScores(figures, result, rows)


def naming_figures(items: Embeddings, clustering: Clustering, *, split: str, unit: str, seed: int) -> dict[str, Any]:
    """The labeling cost of three images per cluster, to be added to a baseline's figures; empty for one unit.

    `naming_images` is how many images are looked at, `naming_coverage` and `naming_precision` are as in
    `sslecho.metrics.naming_cost`, with intervals.
    """
    scored = _scored(items, split=split, unit=unit, seed=seed, other=())
    return _at_m(_points(scored.naming(clustering, ms=(M,), agreements=(AGREEMENT,))))


def naming_sentence(
    points: Sequence[Mapping[str, Any]],
    *,
    k: int,
    others: Sequence[str],
    unit: str,
    baselines: Mapping[str, Mapping[str, Any]],
) -> str | None:
    """The labeling cost in a sentence; None where it could not be had."""
    point = next((p for p in points if (p["k"], p["m"], p["agreement"]) == (k, M, AGREEMENT)), None)
    if point is None:
        return None
    looked = f"{point['n_images']:.0f} in all, k = {k}"
    said = f"name {M} images per cluster ({looked}) and {_percent(point, 'coverage')} of the archive is named"
    said += ": no cluster’s images agree" if point["precision"] is None else (
        f" at {_percent(point, 'precision')} precision, measured on other {unit}s"
    )  # fmt: skip
    if others and point["class_precision"] is not None:
        said += (
            f"; with {' and '.join(others)} as no name, {_percent(point, 'class_coverage')} of the rest at "
            f"{_percent(point, 'class_precision')}"
        )
    for name, row in baselines.items():
        if row.get("naming_precision") is not None:
            said += f"; {name}: {100 * row['naming_coverage']:.0f} % at {100 * row['naming_precision']:.0f} %"
    return said


@dataclass(frozen=True)
class _Scored:
    """The scored items, and each score of them with random numbers of its own."""

    rows: Int64[np.ndarray, " m"]
    labels: Shaped[np.ndarray, " m"]
    units: Shaped[np.ndarray, " m"]
    clips: Shaped[np.ndarray, " m"]
    others: list[str]
    split: str
    unit: str
    seed: int

    def naming(self, c: Clustering, **options: Any) -> NamingCost:
        a, rng = c.assignment, self._rng(c, 0)
        how = {"unit_ids": self.units, "rng": rng, "unit": self.unit, **options}
        return naming_cost(self.labels, a.clusters[self.rows], a.confidences[self.rows], **how)

    def bounds(self, c: Clustering) -> dict[str, float]:
        clusters = c.assignment.clusters[self.rows]
        bounds = clustering_intervals(self.labels, clusters, unit_ids=self.units, rng=self._rng(c, 1))
        shuffled = purity_shuffled(self.labels, clusters, clip_ids=self.clips, rng=self._rng(c, 2))
        bounds["purity_chance"] = percentiles(shuffled)
        return {f"{name}_{end}": b[i] for name, b in bounds.items() for i, end in enumerate(("low", "high"))}

    def groups(
        self, c: Clustering, columns: Mapping[str, Shaped[np.ndarray, " m"]]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """A row for each group of each column, and one for each unit."""
        clusters, rng = c.assignment.clusters[self.rows], self._rng(c, 3)
        scores = held_out(self.labels, clusters, unit_ids=self.units, rng=rng)
        renamed = {"n_units": "n_patients", "low": "transfer_purity_low", "high": "transfer_purity_high"}
        of_columns, of_units = [], []
        for name, values in {**columns, self.unit: self.units}.items():
            rows = of_units if name == self.unit else of_columns
            for score in by_group(
                self.labels, clusters, values, scores=scores, unit_ids=self.units, rng=rng, unit=self.unit
            ):
                figures = {renamed.get(field, field): value for field, value in score._asdict().items()}
                rows.append({"k": c.k, "column": name, **figures})
        return of_columns, of_units

    def without_other(self, c: Clustering) -> dict[str, Any]:
        """All figures once more, with the items of no class left out."""
        known = np.array([None if label in self.others else label for label in self.labels], dtype=object)
        a = c.assignment
        clusters, confidences = a.clusters[self.rows], a.confidences[self.rows]
        figures, _ = evaluate(
            known,
            clusters,
            k=c.k,
            unit_ids=self.units,
            clip_ids=self.clips,
            split=self.split,
            unit=self.unit,
            seed=self.seed,
        )
        cost = naming_cost(known, clusters, confidences, unit_ids=self.units, rng=self._rng(c, 0), unit=self.unit)
        return figures | _at_m(_points(cost))

    def _rng(self, c: Clustering, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, c.k, number])


def _scored(items: Embeddings, *, split: str, unit: str, seed: int, other: Sequence[str]) -> _Scored:
    rows = np.flatnonzero(items.column("split") == "test") if split == "test" else np.arange(len(items))
    labels, units, clips = (items.column(name)[rows] for name in ("label", "unit_id", "clip_id"))
    wanted = {word.lower() for word in other}
    others = sorted({label for label in labels if label is not None and label.lower() in wanted})
    return _Scored(rows, labels, units, clips, others, split, unit, seed)


def _attributes(items: Embeddings, rows: Int64[np.ndarray, " m"], store: Store) -> dict[str, np.ndarray]:
    """The columns of the store's clips that tell a few groups apart, one value an item."""
    clip = store.clip_of_frame[items.rows["row"].to_numpy()[rows]]
    found = {}
    for name in store.clips.column_names:
        if name in ATTRIBUTES or name not in CLIPS.names:
            values = store.column(name)[clip]
            if 2 <= len({value for value in values if value is not None}) <= MOST_GROUPS:
                found[name] = values
    return found


def _points(cost: NamingCost) -> list[dict[str, Any]]:
    return [{**point._asdict(), "n": cost.n, "n_patients": cost.n_units} for point in cost.points]


def _at_m(points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of the printed m and agreement, under names of their own."""
    point = next((p for p in points if (p["m"], p["agreement"]) == (M, AGREEMENT)), None)
    if point is None:
        return {}
    names = [f"{metric}{end}" for metric in ("coverage", "precision") for end in ("", "_low", "_high")]
    return {"naming_images": point["n_images"], **{f"naming_{name}": point[name] for name in names}}


def _spread(shares: Sequence[float | None]) -> dict[str, Any]:
    """How transfer purity differs between patients: a tenth of them lie below `low`, a tenth above `high`."""
    known = [share for share in shares if share is not None]
    low, median, high = np.quantile(known, [0.1, 0.5, 0.9]).tolist() if known else (None, None, None)
    return {"n_patients": len(known), "low": low, "median": median, "high": high}


def _percent(point: Mapping[str, Any], name: str) -> str:
    low, high = point[f"{name}_low"], point[f"{name}_high"]
    return f"{100 * point[name]:.0f} % ({100 * low:.0f}–{100 * high:.0f})"
