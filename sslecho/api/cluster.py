"""`cluster`: Embeddings -> Predictions, scored against labels and beside baselines."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sslecho.api.cluster_baselines import KMEANS, baseline_encoders, figures, score_baselines
from sslecho.api.cluster_names import name_clusters
from sslecho.api.cluster_network import store_and_encoder, train_network
from sslecho.api.cluster_score_rows import write_scores
from sslecho.api.cluster_scores import more_scores, naming_figures
from sslecho.api.cluster_semantic import beside_semantic, check_semantic, first_lambda, swept, trains_network
from sslecho.api.cluster_sheet import write_sheets
from sslecho.api.method_settings import settings_of_method
from sslecho.api.nouns import groups, relative
from sslecho.api.origin import Origin, find_origin
from sslecho.api.settings import ClusterSettings
from sslecho.config import build, identity, to_toml
from sslecho.embed.embeddings import Embeddings, rows_hash
from sslecho.embed.index.choose import Index, load_index
from sslecho.embed.index.library import import_faiss
from sslecho.errors import InputError
from sslecho.metrics.retrieval import neighbor_purity
from sslecho.rundir import RunDir, sha256_of, warn
from sslecho.tasks.choose_k import Choice, choose_k
from sslecho.tasks.cluster import Assigns, Clustering, check_clusterable, cluster_and_score, make_clusterer
from sslecho.tasks.cluster_model import ClusterModel, Fitted
from sslecho.tasks.clusterers import CLUSTERERS
from sslecho.tasks.clusterers.clusterer import Clusterer
from sslecho.tasks.predictions import Predictions, write_predictions
from sslecho.tasks.team import Team, joined

NEIGHBORS = 10
MOST_QUERIES = 2000  # neighbors are looked up for so many rows: the share is known to a percent then


def cluster(
    embeddings: Embeddings | Path | str, out: Path | str, *, overwrite: bool = False, **options: Any
) -> Predictions:
    """Cluster embeddings for each k and, with `purity=True`, score the clusters against labels.

    Clusters are fitted on the train split and scored on the test split (on all where there is no split), beside
    raw pixels and an untrained encoder on the same frames, and k-means on the same embeddings where it is not the
    method. `ClusterModel.load(out)` assigns new embeddings.

    Args:
        embeddings: the noun, or the folder that `embed` wrote.
        out: the folder to write.
        options: the fields of `ClusterSettings` (`k=(5, 10, 20)`, `purity=True`, `level="clip"`, …).

    Raises:
        InputError: settings, embeddings, labels or folder are not as they must be.
    """
    settings = build(ClusterSettings, options)
    import_faiss()  # before any work: what is missing should not be missed at the end of it
    out = Path(out)
    given = embeddings if isinstance(embeddings, Embeddings) else Embeddings.load(embeddings)
    with joined() as team:
        if team.first:
            with team.leading():
                return _cluster(given, out, settings, team, overwrite=overwrite)
        team.follow(np.asarray((given.per_clip() if settings.level == "clip" else given).vectors))
    return Predictions.load(out)


def _cluster(given: Embeddings, out: Path, settings: ClusterSettings, team: Team, *, overwrite: bool) -> Predictions:
    """All of it, in the first process of those that assign."""
    settings, clusterer, model_hash = _method(given, settings)
    origin = find_origin(given, store=settings.store, encoder=settings.encoder)
    named = origin.with_labels(given, labels=settings.labels, column=settings.label_column)
    if settings.purity and all(label is None for label in named.column("label")):
        raise InputError(
            "--purity needs labels and none is known for these embeddings; give --labels CSV (clip_id,label), or "
            "ingest with --labels; without --purity the clusters are made and not scored"
        )
    items = named.per_clip() if settings.level == "clip" else named
    if not settings.k:
        raise InputError("--k is empty; name at least one number of clusters, such as 10")
    networks = baseline_encoders(given, origin, settings) if settings.purity and clusterer.fits else {}
    check_clusterable(
        len(items),
        ks=settings.k,
        splits=items.column("split"),
        labels=items.column("label") if settings.purity else None,
        fits=clusterer.fits,
    )
    check_semantic(settings, clusterer)
    if trains_network(clusterer):
        store_and_encoder(origin)
    how = {name: value for name, value in identity(settings).items() if name != "method_set"}
    run = RunDir.open(
        out,
        command="cluster",
        identity={
            **how,
            **{f"{settings.method}.{name}": value for name, value in identity(clusterer.settings).items()},
            **({"model": model_hash} if model_hash else {}),
            "labels": sha256_of(Path(settings.labels)) if settings.labels else None,
            "frames": given.meta["frames_hash"],
            "encoder": given.meta["encoder_hash"],
            "rows": rows_hash(items.rows),
            "truth": _hash_of(items.column("label"), items.column("split")),
            "baselines": {name: network.hash() for name, network in networks.items() if network is not None},
        },
        settings=to_toml(settings, "cluster"),
        overwrite=overwrite,
    )
    if run.done:
        return _named(out, settings)
    unit = groups(given.meta["unit"])
    choice = _choose_k(items, settings, unit=unit) if settings.choose_k else None
    own, assign, frozen = clusterer, team.assign, items
    if trains_network(clusterer):
        named, origin, head = train_network(named, origin, settings, clusterer.settings, out)
        given, items = named, named.per_clip() if settings.level == "clip" else named
        own, assign = Fitted(ClusterModel(settings.method, [head])), None  # the team has the frozen embeddings
    clusterings = _clusterings(items, settings, own, unit=unit, assign=assign)
    baselines = score_baselines(
        networks, origin, settings, out, cluster=lambda other: _held_against(other, settings, clusterer, unit=unit)
    )
    if settings.purity and trains_network(clusterer):
        baselines["frozen"] = [figures(c) for c in _held_against(frozen, settings, clusterer, unit=unit)]
    if settings.purity and clusterer.fits and settings.method != KMEANS:
        plain = _held_against(items, settings, make_clusterer(KMEANS), unit=unit, assign=assign)
        baselines[KMEANS] = [figures(c) for c in plain]
    about = {"encoder_hash": given.meta["encoder_hash"], "level": settings.level, "unit": unit}
    ClusterModel(settings.method, [c.clusters for c in clusterings], about).save(out / "model")
    write_predictions(out, _table(items, clusterings), meta=_meta(given, origin, settings, out))
    index = load_index(
        out / "index.faiss",
        np.asarray(items.vectors),
        seed=settings.seed,
        n_queries=MOST_QUERIES,
        groups=items.column("unit_id"),
    )
    if not (out / "index.faiss").exists():
        index.save(out / "index.faiss")  # says why it can't be
    sheets = write_sheets(out, items, clusterings, origin.store, level=settings.level, unit=unit)
    for name, other in swept(settings, clusterer).items() if settings.purity else ():
        baselines[name] = [figures(c) for c in _held_against(items, settings, other, unit=unit, assign=assign)]
    result = _result(items, clusterings, baselines, settings, out, unit=unit, fits=clusterer.fits)
    result["index"] = {"kind": index.kind, "recall": index.recall}
    if choice is not None:
        result["choice"] = choice.to_json()
    if settings.purity:
        _say_whom_it_has_seen(result, items, origin)
        result["neighbors"] = _neighbors(items, index, unit=unit, seed=settings.seed)
        result |= beside_semantic(items, settings, clusterer, unit=unit, split=result["split"])
        more = more_scores(
            items,
            clusterings,
            split=result["split"],
            unit=unit,
            seed=settings.seed,
            other=settings.other,
            store=origin.store,
            baselines=baselines,
        )
        for row, figures_too in zip(result["results"], more.figures, strict=True):
            row.update(figures_too)
        result |= more.result
        write_scores(out, result, settings.seed, more.rows)
    run.finish(result, forms=[path for path in sheets if path.suffix == ".csv"])
    return _named(out, settings)


def _named(out: Path, settings: ClusterSettings) -> Predictions:
    """The finished run; its clusters get names where a person gave them some."""
    if settings.names is not None:
        name_clusters(out, settings.names)
    return Predictions.load(out)


def _clusterings(
    items: Embeddings, settings: ClusterSettings, clusterer: Clusterer, *, unit: str, assign: Assigns | None = None
) -> list[Clustering]:
    """Cluster one set of embeddings; labels reach the scores only."""
    return cluster_and_score(
        np.asarray(items.vectors),
        ks=settings.k,
        seed=settings.seed,
        unit_ids=items.column("unit_id"),
        clip_ids=items.column("clip_id"),
        splits=items.column("split"),
        labels=items.column("label") if settings.purity else None,
        unit=unit,
        clusterer=clusterer,
        assign=assign,
    )


def _held_against(
    items: Embeddings, settings: ClusterSettings, clusterer: Clusterer, *, unit: str, assign: Assigns | None = None
) -> list[Clustering]:
    """A baseline, clustered, with its labeling cost."""
    clusterings = _clusterings(items, settings, clusterer, unit=unit, assign=assign)
    for c in clusterings:
        if c.scores is not None:
            c.scores.update(naming_figures(items, c, split=c.scores["split"], unit=unit, seed=settings.seed))
    return clusterings


def _method(given: Embeddings, settings: ClusterSettings) -> tuple[ClusterSettings, Clusterer, str | None]:
    """The settings and the method that they name; with --model its own method and k, and the hash of its weights."""
    if settings.model is None:
        clusterer_class: type[Clusterer] = CLUSTERERS[settings.method]
        own = settings_of_method(
            clusterer_class.settings_class,
            method=settings.method,
            assignments=settings.method_set,
            values=first_lambda(settings),
        )
        return settings, clusterer_class(own), None
    model = ClusterModel.load(settings.model)
    if model.about["encoder_hash"] != given.meta["encoder_hash"]:
        raise InputError(
            f"--model {settings.model} has clusters of another encoder's embeddings (hash); embed with the encoder "
            "that they were fitted on, or leave --model out and fit anew"
        )
    if settings.method_set or settings.lam or settings.choose_k:
        raise InputError("--model brings clusters that are fitted; leave --method-set, --lam and --choose-k out")
    return replace(settings, method=model.method, k=tuple(model.ks)), Fitted(model), model.hash()


def _choose_k(items: Embeddings, settings: ClusterSettings, *, unit: str) -> Choice:
    """Which of the listed k other patients repeat, decided on the items that clusters are fitted on."""
    splits = items.column("split")
    has_train = (splits == "train").any()
    return choose_k(
        np.asarray(items.vectors),
        ks=settings.k,
        unit_ids=items.column("unit_id"),
        seed=settings.seed,
        rows=np.flatnonzero(splits == "train") if has_train else None,
        unit=unit,
    )


def _result(
    items: Embeddings,
    clusterings: list[Clustering],
    baselines: Mapping[str, Any],
    settings: ClusterSettings,
    out: Path,
    *,
    unit: str,
    fits: bool,
) -> dict[str, Any]:
    split = items.column("split")
    fitted = split == "train" if any(word is not None for word in split) else np.ones(len(items), dtype=bool)
    if settings.purity:
        rows = [figures(c) for c in clusterings]
        about = {name: rows[0][name] for name in ("n", "n_patients", "split")}
    else:
        rows = [
            {"k": c.k, "clusters_used": len(np.unique(c.assignment.clusters)), "n": len(items)} for c in clusterings
        ]
        about = {"n": len(items), "n_patients": len(set(items.column("unit_id"))), "split": "all"}
    labels = [label for label in items.column("label") if label is not None]
    return {
        "results": rows,
        **({"baselines": baselines} if settings.purity else {}),
        "out": str(out),
        "level": settings.level,
        "unit": unit,
        "groups": "patient" if unit == "patient" else f"{unit}s",
        **about,
        "n_fitted": int(fitted.sum()) if fits else 0,
        "n_unlabelled": len(items) - len(labels),
        "classes": {str(label): labels.count(label) for label in sorted(set(labels))},
    }


def _say_whom_it_has_seen(result: dict[str, Any], items: Embeddings, origin: Origin) -> None:
    """Scored patients that the encoder was pretrained on make its figures too good; say how many there are."""
    splits, units = items.column("split"), items.column("unit_id")
    scored = set(units[splits == "test"] if result["split"] == "test" else units)
    result["n_seen_in_pretraining"] = seen = origin.n_seen(scored)
    if seen and result["split"] == "test":
        warning = f"the encoder was pretrained on {seen} of the {len(scored)} scored {result['unit']}s; pretrain anew"
        warn(warning)
        for row in result["results"]:
            row["warning"] = "; ".join(filter(None, [warning, row.get("warning")]))


def _neighbors(items: Embeddings, index: Index, *, unit: str, seed: int) -> dict[str, Any]:
    """How often the nearest items of other patients have the same label."""
    labels, units = items.column("label"), items.column("unit_id")
    labeled = np.flatnonzero([label is not None for label in labels])
    if len(set(units[labeled].tolist())) < 2:
        return {"k": NEIGHBORS, "purity": None, "unit": unit}
    queries = labeled
    if len(queries) > MOST_QUERIES:
        queries = np.sort(np.random.default_rng(seed).choice(labeled, MOST_QUERIES, replace=False))
    _, found = index.search(
        np.asarray(items.vectors)[queries],
        min(NEIGHBORS, len(items) - 1),
        query_groups=units[queries],
        groups=units,
    )
    purity = neighbor_purity(labels[queries], found, gallery_labels=labels)
    return {"k": NEIGHBORS, "purity": purity, "n": len(queries), "unit": unit}


def _table(items: Embeddings, clusterings: list[Clustering]) -> pa.Table:
    table = items.rows
    for c in clusterings:
        table = table.append_column(f"cluster_{c.k}", pa.array(c.assignment.clusters))
        table = table.append_column(f"confidence_{c.k}", pa.array(c.assignment.confidences))
    return table


def _meta(given: Embeddings, origin: Origin, settings: ClusterSettings, out: Path) -> dict[str, Any]:
    return {
        "task": "cluster",
        "method": settings.method,
        "ks": list(settings.k),
        "level": settings.level,
        "unit": groups(given.meta["unit"]),
        "frames_hash": given.meta["frames_hash"],
        "encoder_hash": given.meta["encoder_hash"],
        "store": relative(origin.store.path, out) if origin.store else None,
        "embeddings": relative(given.path, out) if given.path else None,
        "encoder": relative(origin.encoder_path, out) if origin.encoder_path else None,
    }


def _hash_of(*columns: np.ndarray) -> str:
    import hashlib

    return hashlib.sha256(repr([column.tolist() for column in columns]).encode()).hexdigest()
