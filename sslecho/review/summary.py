"""What the naming bought: how much of the archive has a label, by how many names, and how right they are."""

from typing import Any

import numpy as np

from sslecho.review.audit import Audit
from sslecho.review.board import ACCEPTED, REJECTED, Board


def figures(board: Board, audit: Audit) -> dict[str, Any]:
    """The figures, JSON-ready. The archive is all items but those of test patients.

    `coverage` is what names and hands reached of it, `n_labeled` the rows of labels.csv, in which labels that were
    known before stand, too; `known_agreement` the share of known labels that the names agree with.
    """
    items = board.items
    pool = ~items.in_test
    if not pool.any():
        pool = np.ones(len(items), bool)
    labels, used = board.labels, np.bincount(board.group, minlength=len(board.name_of_group)) > 0
    names = board.name_of_group[used]
    n_pool, n_covered = int(pool.sum()), int((board.covered & pool).sum())
    both = board.covered & pool & (board.known >= 0)
    said = np.where(board.own >= 0, board.own, board.by_name)
    found = board.log.words
    counts = np.bincount(labels[labels >= 0], minlength=len(found))
    return {
        "task": items.task,
        "k": items.k or None,
        "level": items.level,
        "unit": items.unit,
        "split": "all but test" if items.in_test.any() else "all",
        "n": n_pool,
        "n_patients": int((np.bincount(items.units[pool]) > 0).sum()),
        "n_labeled": int((labels >= 0).sum()),
        "n_covered": n_covered,
        "coverage": n_covered / n_pool,
        "n_by_name": int(board.merely_named[pool].sum()),
        "n_accepted": int(((board.decision == ACCEPTED) & (board.own < 0)).sum()),
        "n_rejected": int(((board.decision == REJECTED) & (board.own < 0)).sum()),
        "n_by_hand": int((board.own >= 0).sum()),
        "n_known": int((board.known >= 0).sum()),
        "known_agreement": float((said == board.known)[both].mean()) if both.any() else None,
        "n_disputed": int((board.disputed & pool).sum()),
        "clusters": int(used.sum()),
        "clusters_named": int((names >= 0).sum()),
        "names": len(set(names[names >= 0].tolist())),
        "labels": {found[code]: int(counts[code]) for code in np.flatnonzero(counts).tolist()},
        "audit": audit.figures(),
    }


def sentence(said: dict[str, Any]) -> str:
    """The figures as one sentence."""
    n_named, names, counted = said["clusters_named"], said["names"], f"{said['n']:,} {said['level']}s"
    if not said["n_covered"]:
        return f"No cluster has a name yet: {counted} of {said['n_patients']:,} {said['unit']}s"
    named = f"{names} name{'' if names == 1 else 's'}"
    if n_named != names:
        named += f" on {n_named} clusters"
    text = f"{named} → {percent(said['coverage'])} of {counted}"
    if said["known_agreement"] is not None:
        text += f"; known labels agree in {percent(said['known_agreement'])}"
    found = said["audit"]
    if found is None:
        return f"{text}; not audited yet"
    low, high = 100 * found["precision_low"], percent(found["precision_high"])
    text += f"; audited precision {percent(found['precision'])}, 95 % interval {low:.0f}–{high}"
    text += f" ({found['errors']} of {found['checked']} wrong)"
    return text + ("; names have changed since" if found["out_of_date"] else "")


def percent(share: float) -> str:
    """A share in whole percent; never "100 %" of what is not all, nor "0 %" of what is not nothing."""
    rounded = f"{100 * share:.0f} %"
    if rounded == "100 %" and share < 1:
        return "> 99 %"
    return "< 1 %" if rounded == "0 %" and share > 0 else rounded
