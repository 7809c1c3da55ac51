"""What a clustering is held against: encoders that learned nothing, those that the user names, and plain k-means."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sslecho.api.embed import load_encoder, write_embeddings
from sslecho.api.origin import Origin
from sslecho.api.settings import ClusterSettings
from sslecho.embed.embed import Encodes
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError
from sslecho.models.baselines import random_encoder
from sslecho.models.encoder import Encoder
from sslecho.rundir import warn
from sslecho.tasks.cluster import Clustering

Clusters = Callable[[Embeddings], list[Clustering]]
KMEANS = "kmeans"  # beside any other method: the same embeddings, clustered plainly


def baseline_encoders(given: Embeddings, origin: Origin, settings: ClusterSettings) -> dict[str, Encodes | None]:
    """Encoders that learned nothing, and those that the user names; None for what can't be had, with a word.

    Raises:
        InputError: a `--baseline` that does not read NAME=ENCODER with a name of its own.
        NounError: one that holds no encoder.
    """
    networks: dict[str, Encodes | None] = {
        "pixels": load_encoder("pixels"),
        "random": _untrained(given, origin, settings.seed),
    }
    for text in settings.baseline:
        name, equals, path = text.partition("=")
        # The name becomes a folder's.
        if not equals or name in (*networks, KMEANS) or not re.fullmatch(r"[\w-]+", name):
            raise InputError(f"--baseline {text!r} must read NAME=ENCODER with a name of its own, such as old=run1")
        networks[name] = load_encoder(path)
    if origin.store is None:
        warn(f"baselines are left out: {origin.store_problem}")
        return dict.fromkeys(networks)
    if networks["random"] is None:
        warn(f"the baseline of an untrained encoder is left out: {origin.encoder_problem}")
    return networks


def score_baselines(
    networks: Mapping[str, Encodes | None],
    origin: Origin,
    settings: ClusterSettings,
    out: Path,
    *,
    cluster: Clusters,
) -> dict[str, list[dict[str, Any]] | None]:
    """The same clustering and scores for the baselines, on the same frames."""
    scored: dict[str, list[dict[str, Any]] | None] = {}
    for name, network in networks.items():
        if network is None or origin.store is None:
            scored[name] = None
            continue
        folder = out / "baselines" / name
        if not (folder / "meta.json").exists():
            write_embeddings(
                origin.store, network, folder, batch_size=256, device=settings.device, meta={"encoder": name}
            )
        embedded = origin.with_labels(Embeddings.load(folder), labels=settings.labels, column=settings.label_column)
        scored[name] = [figures(c) for c in cluster(embedded.per_clip() if settings.level == "clip" else embedded)]
    return scored


def figures(clustering: Clustering) -> dict[str, Any]:
    """The scores of one k as a row of the result, with what the user should know of them."""
    warning = {"warning": "; ".join(clustering.warnings)} if clustering.warnings else {}
    return {**(clustering.scores or {}), **warning}


def _untrained(given: Embeddings, origin: Origin, seed: int) -> Encoder | None:
    """An untrained network of the encoder's own architecture; of the usual one where a baseline was clustered."""
    if origin.encoder is not None:
        return random_encoder(origin.encoder, seed=seed)
    return random_encoder(seed=seed) if given.meta.get("encoder") in ("random", "pixels") else None
