"""Which items of a group are shown, and in which order; which groups come first."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from sslecho.metrics.naming_cost import viewing_order
from sslecho.review.board import ACCEPTED, FIELDS, OPEN, REJECTED, Board
from sslecho.review.neighbors import Neighbors

ORDERS = {
    "typical": "Most typical first, a patient at a time",
    "uncertain": "Least certain first",
    "disagreement": "Most disagreement first",
}
SHOWS = {
    "all": "All but test patients",
    "open": "Still open",
    "disputed": "Known label differs",
    "accepted": "Accepted",
    "rejected": "Rejected",
    "labeled": "Labeled one by one",
    "test": "Test patients",
}
GROUP_ORDERS = {
    "size": "Largest first",
    "unnamed": "Without a name first",
    "uncertain": "Least certain first",
    "disagreement": "Most disagreement first",
    "number": "By number",
}
EXEMPLARS = 6


class GroupCard(NamedTuple):
    """A group at a glance.

    Attributes:
        n, n_units: its items and their patients.
        n_settled: those that were accepted, rejected or labeled.
        n_disputed: those whose known label is not the group's name.
        confidence: their mean.
        disagreement: the mean share of their surroundings that is in groups of other names.
        known: the most frequent known label, and its share of those known.
        shown: the most typical items, of different patients, none of a test patient where there are others.
    """

    group: int
    title: str
    name: str
    n: int
    n_units: int
    n_settled: int
    n_disputed: int
    confidence: float
    disagreement: float
    known: tuple[str, float] | None
    shown: list[int]


class Listing:
    """Items and groups in the orders that people ask for; what is slow is kept until a group changes."""

    def __init__(self, board: Board, neighbors: Neighbors):
        self._board, self._neighbors = board, neighbors
        self._ordered = np.full(len(board.items), -1, np.int32)  # the groups that `_typical` was made of
        self._typical: dict[int, Int64[np.ndarray, " m"]] = {}
        self._n_units: dict[int, int] = {}

    def items(self, group: int, *, show: str, order: str) -> Int64[np.ndarray, " m"]:
        """The items of a group that `show` names, in this order."""
        self._board.members(group)
        self._refresh()
        rows = self._typical.get(group, np.zeros(0, np.int64))
        rows = rows[self._may_show(rows, show)]
        if order == "uncertain":
            return rows[np.argsort(self._board.items.confidences[rows], kind="stable")]
        if order == "disagreement":
            said = self._disagreement(rows) + self._board.disputed[rows]
            return rows[np.argsort(-said, kind="stable")]
        return rows

    def cards(self, *, order: str) -> list[GroupCard]:
        """All groups that have items."""
        cards = self._board.log.kept("cards", FIELDS, lambda: self._cards(np.arange(len(self._board.items))))
        keys = {
            "size": lambda card: -card.n,
            "unnamed": lambda card: (bool(card.name), -card.n),
            "uncertain": lambda card: card.confidence,
            "disagreement": lambda card: -card.disagreement,
            "number": lambda card: card.group,
        }
        return sorted(cards, key=keys[order])

    def card(self, group: int) -> GroupCard | None:
        """One group; None where it has no items."""
        return next(iter(self._cards(self._board.members(group))), None)

    def beside(self, group: int) -> tuple[int | None, int | None]:
        """The next larger and the next smaller group, of those that have items."""
        n = np.bincount(self._board.group)
        ordered = np.argsort(-n, kind="stable")[: int((n > 0).sum())].tolist()
        if group not in ordered:
            return None, None
        place = ordered.index(group)
        return ordered[place - 1] if place else None, ordered[place + 1] if place + 1 < len(ordered) else None

    def _cards(self, rows: Int64[np.ndarray, " m"]) -> list[GroupCard]:
        """The groups of these items, which are all that their groups have."""
        self._refresh()
        board, n_groups = self._board, len(self._board.name_of_group)
        group, disputed = board.group[rows], board.disputed[rows]
        settled = (board.decision[rows] != OPEN) | (board.own[rows] >= 0)
        n, n_settled, n_disputed = (
            np.bincount(group[mask], minlength=n_groups) for mask in (slice(None), settled, disputed)
        )
        weights = (board.items.confidences[rows], self._disagreement(rows))
        sums = [np.bincount(group, weights=w, minlength=n_groups) for w in weights]
        known = _most_frequent(group, board.known[rows], n_groups)
        return [
            GroupCard(
                group=g,
                title=board.title(g),
                name=board.log.word(int(board.name_of_group[g])) or "",
                n=int(n[g]),
                n_units=self._n_units[g],
                n_settled=int(n_settled[g]),
                n_disputed=int(n_disputed[g]),
                confidence=float(sums[0][g] / n[g]),
                disagreement=float(sums[1][g] / n[g]),
                known=(board.log.words[known[g][0]], known[g][1]) if g in known else None,
                shown=self._shown(self._typical[g]),
            )
            for g in np.flatnonzero(n).tolist()
        ]

    def _shown(self, rows: Int64[np.ndarray, " m"]) -> list[int]:
        first = rows[:256]
        seen = first[~self._board.items.in_test[first]]
        return (seen if len(seen) else first)[:EXEMPLARS].tolist()

    def _may_show(self, rows: Int64[np.ndarray, " m"], show: str) -> Bool[np.ndarray, " m"]:
        board = self._board
        in_test, decision, own = board.items.in_test[rows], board.decision[rows], board.own[rows]
        if show == "test":
            return in_test
        masks = {
            "all": np.ones(len(rows), bool),
            "open": (decision == OPEN) & (own < 0),
            "disputed": board.disputed[rows],
            "accepted": decision == ACCEPTED,
            "rejected": decision == REJECTED,
            "labeled": own >= 0,
        }
        return masks[show] & ~in_test

    def _disagreement(self, rows: Int64[np.ndarray, " m"]) -> np.ndarray:
        return self._neighbors.disagreement(self._board.group, self._board.name_of_group, rows)

    def _refresh(self) -> None:
        """Order the items of groups anew whose members have changed since the last time."""
        group, before, items = self._board.group, self._ordered, self._board.items
        if group is before:
            return
        changed = group != before
        touched = {*group[changed].tolist(), *before[changed].tolist()}
        for number in touched:
            self._typical.pop(number, None)
        rows = np.flatnonzero(np.isin(group, list(touched)))
        rows = rows[viewing_order(group[rows], items.confidences[rows], items.units[rows])]
        starts = np.flatnonzero(np.diff(group[rows], prepend=-1))
        for part in np.split(rows, starts[1:]):
            if len(part):
                self._typical[int(group[part[0]])] = part
                self._n_units[int(group[part[0]])] = len(np.unique(items.units[part]))
        self._ordered = group


def _most_frequent(group: np.ndarray, known: np.ndarray, n_groups: int) -> dict[int, tuple[int, float]]:
    """Of each group with known labels the most frequent one and its share."""
    rows = np.flatnonzero(known >= 0)
    if not len(rows):
        return {}
    counts = np.zeros((n_groups, int(known.max()) + 1), np.int64)
    np.add.at(counts, (group[rows], known[rows]), 1)
    totals = counts.sum(1)
    return {g: (int(counts[g].argmax()), float(counts[g].max() / totals[g])) for g in np.flatnonzero(totals).tolist()}
