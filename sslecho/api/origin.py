"""Where embeddings come from: the store and the encoder that they record, if both are still there."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError, NounError
from sslecho.models.encoder import Encoder
from sslecho.rundir import warn


@dataclass(frozen=True)
class Origin:
    """Store and encoder of some embeddings; what is gone is None, with the reason in words."""

    store: Store | None
    store_problem: str
    encoder: Encoder | None
    encoder_path: Path | None
    encoder_problem: str

    def with_labels(self, embeddings: Embeddings, *, labels: str | None, column: str) -> Embeddings:
        """The embeddings with today's labels and splits: of the CSV, else of the store, else those recorded.

        Raises:
            InputError: the labels can't be read, or hold no such column.
        """
        if labels is not None:
            from sslecho.data.relabel import labels_of_clips

            clips, frames = labels_of_clips(Path(labels), column=column, store=self.store)
            places = list(zip(embeddings.column("clip_id"), embeddings.column("frame_index"), strict=True))
            # A frame's own label wins over its clip's, as it does in a store.
            values = np.array([frames.get(place, clips.get(place[0])) for place in places], dtype=object)
            said = {*clips, *(clip_id for clip_id, _ in frames)}
            unknown = said - {clip_id for clip_id, _ in places}
            if unknown and len(unknown) < len(said):
                warn(f"{len(unknown)} of the {len(said)} clips of --labels {labels} are not among the embeddings")
            if all(value is None for value in values):
                raise InputError(
                    f"--labels {labels}: none of its {len(said)} clips is among the embeddings; "
                    "its clip_id column must hold the store's clip ids, or its path column the paths that were ingested"
                )
        elif self.store is not None:
            values = self.store.column(column, level="frame")[embeddings.rows["row"].to_numpy()]
        elif column != "label":
            raise InputError(
                f"--label-column {column!r} needs the store, and {self.store_problem}; name it with --store"
            )
        else:
            return embeddings
        if self.store is None:
            return embeddings.with_columns(label=values)
        splits = self.store.column("split", level="frame")[embeddings.rows["row"].to_numpy()]
        return embeddings.with_columns(label=values, split=splits)

    def n_seen(self, units: set[str]) -> int:
        """How many of these units the encoder was pretrained on: figures of them are too good."""
        trained_on = (self.encoder.provenance.get("units") if self.encoder else None) or ()
        return len(units & set(trained_on))


def find_origin(embeddings: Embeddings, *, store: str | None, encoder: str | None) -> Origin:
    """Open what the embeddings record, or what the user names in its place.

    Raises:
        InputError: a store or encoder that the user named is not the one that was embedded.
    """
    found_store, store_problem = _find_store(embeddings, store)
    if found_store is None and store is None:
        warn(f"{store_problem}; the labels and splits recorded when embedding are used")
    found, path, encoder_problem = _find_encoder(embeddings, encoder)
    return Origin(found_store, store_problem, found, path, encoder_problem)


def _find_store(embeddings: Embeddings, named: str | None) -> tuple[Store | None, str]:
    path = Path(named) if named else _recorded(embeddings, "store_path")
    if path is None:
        return None, "the embeddings record no store"
    try:
        store = Store.open(path)
    except NounError as error:
        if named:
            raise
        return None, f"the store that the embeddings record can't be used ({error})"
    if store.frames_hash != embeddings.meta["frames_hash"]:
        problem = f"{path} holds other frames than those that were embedded (hash)"
        if named:
            raise InputError(f"--store {problem}; name the store that was embedded, or embed again")
        return None, problem
    return store, ""


def _find_encoder(embeddings: Embeddings, named: str | None) -> tuple[Encoder | None, Path | None, str]:
    path = Path(named) if named else _recorded(embeddings, "encoder_path")
    if path is None:
        return None, None, "the embeddings record no encoder"
    try:
        encoder = Encoder.load(path)
    except NounError as error:
        if named:
            raise
        return None, None, f"the encoder that the embeddings record can't be used ({error})"
    if encoder.hash() != embeddings.meta["encoder_hash"]:
        problem = f"{path} is another encoder than the one that embedded (hash)"
        if named:
            raise InputError(f"--encoder {problem}; name the one that embedded, or embed again")
        return None, None, problem
    return encoder, path, ""


def _recorded(embeddings: Embeddings, name: str) -> Path | None:
    """A path that was recorded relative to the run that holds the embeddings."""
    recorded = embeddings.meta.get(name)
    if recorded is None or embeddings.path is None:
        return None
    return embeddings.path.parent / recorded
