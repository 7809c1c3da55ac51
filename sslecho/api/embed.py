"""`embed`: Store + Encoder -> Embeddings."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from sslecho.api.nouns import as_store, counts, relative
from sslecho.api.settings import EmbedSettings
from sslecho.config import build, to_toml
from sslecho.data.store import Store
from sslecho.embed.embed import Encodes, embed_frames
from sslecho.embed.embeddings import Embeddings, write_rows
from sslecho.models.baselines import PixelEncoder, random_encoder
from sslecho.models.encoder import Encoder
from sslecho.rundir import RunDir
from sslecho.train.device import choose_device


def embed(
    store: Store | Path | str,
    out: Path | str,
    *,
    encoder: Encoder | Path | str = "random",
    overwrite: bool = False,
    **options: Any,
) -> Embeddings:
    """Embed every frame of a store; the same call again goes on where it stopped.

    Args:
        encoder: an encoder, the folder of a pretraining run, or a baseline that learned nothing:
            "random" (a network with random weights) or "pixels" (24 x 24).
        out: the folder to write.
        options: the other fields of `EmbedSettings`.

    Raises:
        InputError: settings, store, encoder or folder are not as they must be.
    """
    named = str(encoder) if isinstance(encoder, (str, Path)) else None
    settings = build(EmbedSettings, {**options, "encoder": named or "given"})
    store, out = as_store(store), Path(out)
    if settings.workers:
        torch.set_num_threads(settings.workers)
    network = load_encoder(encoder, seed=settings.seed)
    run = RunDir.open(
        out,
        command="embed",
        identity={"frames": store.frames_hash, "encoder": network.hash()},
        settings=to_toml(settings, "embed"),
        overwrite=overwrite,
    )
    if not run.done:
        write_embeddings(
            store,
            network,
            out / "embeddings",
            batch_size=settings.batch_size,
            device=settings.device,
            meta={
                "encoder": settings.encoder if named in ("random", "pixels") else None,
                "encoder_path": relative(Path(named), out) if named and Path(named).is_dir() else None,
                "store_path": relative(store.path, out),
            },
        )
        clips = np.arange(store.clips.num_rows)
        run.finish(
            {
                "out": str(out),
                **counts(store, clips),
                "n_frames": len(store),
                "dim": network.dim,
                "split": "all",
                "encoder": named if named in ("random", "pixels") else "trained",
            }
        )
    return Embeddings.load(out)


def load_encoder(encoder: Encoder | Path | str, *, seed: int = 0) -> Encodes:
    """The encoder itself, the one in a folder, or a baseline by name."""
    if isinstance(encoder, Encoder):
        return encoder
    if encoder == "pixels":
        return PixelEncoder()
    if encoder == "random":
        return random_encoder(seed=seed)
    return Encoder.load(encoder)


def write_embeddings(
    store: Store,
    encoder: Encodes,
    folder: Path,
    *,
    batch_size: int,
    device: str,
    meta: dict[str, Any],
    rows: np.ndarray | None = None,
) -> None:
    """Write the noun into `folder`, for all frames of a store or for these rows of them, ascending."""
    table = frame_rows(store)
    table = table if rows is None else table.take(pa.array(rows))
    chosen, _ = choose_device(device)
    embed_frames(store.read, table["row"].to_numpy(), encoder, folder=folder, batch_size=batch_size, device=chosen)
    described = {
        "frames_hash": store.frames_hash,
        "encoder_hash": encoder.hash(),
        "unit": store.unit,
        "dim": encoder.dim,
    }
    write_rows(folder, table, meta={**described, **meta})


def frame_rows(store: Store) -> pa.Table:
    """The rows that name all frames of a store, as embeddings have them."""
    columns = {
        "row": pa.array(np.arange(len(store), dtype=np.int64)),
        "clip_id": store.frames["clip_id"],
        "frame_index": store.frames["frame_index"],
    }
    for name in ("patient_id", "unit_id", "label", "split"):
        columns[name] = pa.array(store.column(name, level="frame").tolist(), pa.string())
    return pa.table(columns)
