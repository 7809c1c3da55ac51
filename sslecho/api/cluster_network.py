"""`cluster --method fusc --method-set train=network`: an encoder that learned to cluster, and its embeddings.

DIR/encoder      the trained encoder
DIR/embeddings   all frames of the store, embedded with it
DIR/network      checkpoints and logs of its training
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from sslecho.api.embed import write_embeddings
from sslecho.api.nouns import relative
from sslecho.api.origin import Origin
from sslecho.api.settings import ClusterSettings
from sslecho.config import identity
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.tasks.clusterers.clusterer import Items
from sslecho.tasks.clusterers.fusc import VAL_NEIGHBORS, mined
from sslecho.tasks.fusc.fit import fit_fusc
from sslecho.tasks.fusc.model import SemanticModel
from sslecho.tasks.fusc.network import Neighborhood, fit_network
from sslecho.tasks.fusc.settings import FuscSettings
from sslecho.train.device import choose_device, choose_precision, make_fabric


def store_and_encoder(origin: Origin) -> tuple[Store, Encoder]:
    """What the network is trained on, and what it begins with.

    Raises:
        InputError: one of them is gone.
    """
    if origin.store is None:
        raise InputError(f"--method-set train=network needs the store: {origin.store_problem}; name it with --store")
    if origin.encoder is None:
        raise InputError(
            f"--method-set train=network needs the encoder: {origin.encoder_problem}; name it with --encoder"
        )
    return origin.store, origin.encoder


def train_network(
    frames: Embeddings, origin: Origin, settings: ClusterSettings, fusc: FuscSettings, out: Path
) -> tuple[Embeddings, Origin, SemanticModel]:
    """Train the encoder that embedded the frames; the same call again goes on where it stopped.

    Args:
        frames: a row a frame, with today's splits: train is learned from, val chosen by.

    Returns:
        The new encoder's embeddings, where they come from, and the clusters.

    Raises:
        InputError: store or encoder are gone, or the training frames don't allow k.
        Interrupted: the user stopped it; the state was saved.
    """
    store, encoder = store_and_encoder(origin)
    (k,) = settings.k
    splits = frames.column("split")
    has_split = any(word is not None for word in splits)
    train = np.flatnonzero(splits == "train") if has_split else np.arange(len(frames))
    items = Items(
        frames.vectors, train, np.flatnonzero(splits == "val"), frames.column("unit_id"), frames.column("clip_id")
    )
    rows_of = frames.rows["row"].to_numpy().astype(np.int64)
    learned = mined(items, items.fitted, n_neighbors=fusc.neighbors, exclude=fusc.exclude, seed=settings.seed)
    held = None
    if len(items.held):
        held = mined(items, items.held, n_neighbors=VAL_NEIGHBORS, exclude=fusc.exclude, seed=settings.seed)
    if held is not None and (held.ids < 0).all():
        held = None
    start = fit_fusc(
        learned.vectors,
        learned.ids,
        k=k,
        settings=fusc,
        seed=settings.seed,
        val=None if held is None else (held.vectors, held.ids),
    )
    device, _ = choose_device(settings.device)
    encoder, head = fit_network(
        store,
        encoder,
        start,
        train=Neighborhood(rows_of[learned.rows], learned.ids),
        val=None if held is None else Neighborhood(rows_of[held.rows], held.ids),
        settings=fusc,
        seed=settings.seed,
        fabric=make_fabric(device=device, devices=1, nodes=1, precision=choose_precision("auto", device)[0]),
        folder=out / "network",
    )
    units = {*(encoder.provenance.get("units") or ()), *items.unit_ids[learned.rows].tolist()}
    encoder.provenance |= {"fusc": identity(fusc), "units": sorted(units)}
    encoder.save(out / "encoder")
    if not (out / "embeddings" / "meta.json").exists():
        meta = {"encoder": None, "encoder_path": "encoder", "store_path": relative(store.path, out)}
        write_embeddings(store, encoder, out / "embeddings", batch_size=256, device=settings.device, meta=meta)
    embedded = origin.with_labels(
        Embeddings.load(out / "embeddings"), labels=settings.labels, column=settings.label_column
    )
    return embedded, replace(origin, encoder=encoder, encoder_path=out / "encoder", encoder_problem=""), head
