"""What a verb hands to the training loop, kept for a test to look at."""

from types import SimpleNamespace

import numpy as np

from sslecho.train import supervised


def spy(monkeypatch) -> SimpleNamespace:
    """`fit` as it is, with its arguments kept from the next call on."""
    kept, fit = SimpleNamespace(), supervised.fit

    def noted(encoder, objective, frames, makers, plan, **more):
        kept.__dict__.update(objective=objective, frames=frames, plan=plan, watch=more["watch"])
        return fit(encoder, objective, frames, makers, plan, **more)

    monkeypatch.setattr(supervised, "fit", noted)
    return kept


def splits_of(store, rows) -> set:
    """The splits of some frames."""
    return set(store.column("split", level="frame")[np.asarray(rows)].tolist())
