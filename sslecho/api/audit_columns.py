"""Which attributes of clips an audit asks about: columns of the store that are neither ids nor labels."""

import numpy as np

from sslecho.api.audit_settings import AuditSettings
from sslecho.api.origin import Origin
from sslecho.data.schema import CLIPS
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError
from sslecho.registry import did_you_mean

USUAL = ("device", "site", "text_inside")
ATTRIBUTES = (*USUAL, "kind", "period", "frame_time_source")  # of the columns that every store has


def attributes_of(items: Embeddings, origin: Origin, settings: AuditSettings) -> dict[str, np.ndarray]:
    """Values of each attribute, one a clip, None where unknown; empty without a store.

    Raises:
        InputError: a column that the user names isn't there, is no attribute, or has fewer than two values.
    """
    store, named = origin.store, settings.columns
    if store is None:
        if named:
            raise InputError(
                f"--columns {','.join(named)} needs the store, and {origin.store_problem}; name it with --store"
            )
        return {}
    for name in named:
        _refuse(name, store, settings)
    clips = store.clip_of_frame[items.rows["row"].to_numpy()]
    found = {name: store.column(name)[clips] for name in dict.fromkeys(named or USUAL)}
    for name in named:
        values = {value for value in found[name] if value is not None}
        if len(values) < 2:
            has = f"all have {next(iter(values))!r}" if values else "none is known"
            raise InputError(
                f"--columns {name}: of {len(clips)} clips {has}, and two values are needed to tell them apart; "
                "leave the column out"
            )
    return found


def _refuse(name: str, store: Store, settings: AuditSettings) -> None:
    known = [
        column
        for column in store.clips.column_names
        if (column in ATTRIBUTES or column not in CLIPS.names) and column != settings.label_column
    ]
    if name not in known:
        raise InputError(
            f"--columns {name}: the store has no such attribute{did_you_mean(name, known)}; it has: "
            f"{', '.join(known)}; further columns of the labels come with `sslecho ingest --keep`"
        )
