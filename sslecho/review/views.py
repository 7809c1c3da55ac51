"""What each page shows, as plain values for its template."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sslecho.errors import InputError
from sslecho.metrics.audit_sample import sample_size
from sslecho.review.audit import MOST_ERRORS, TARGET
from sslecho.review.board import ACCEPTED, REJECTED
from sslecho.review.desk import Desk
from sslecho.review.listing import GROUP_ORDERS, ORDERS, SHOWS

GROUPS_A_PAGE = 24
ITEMS_A_PAGE = 60
EVENTS_A_PAGE = 100
NEAREST = 12


class Tile(NamedTuple):
    """An item as a small picture.

    Attributes:
        item: its number.
        label: as it stands; "" for none.
        state: "accepted", "rejected", "labeled", "known", "named" or "open".
        known: the label that was known before, where it is another; "" else.
        where: the name or title of its group.
        about: a line for those who can't see the picture.
    """

    item: int
    label: str
    state: str
    known: str
    where: str
    about: str


class Page(NamedTuple):
    """One page of a long list; pages count from 1."""

    number: int
    n_pages: int
    n: int

    @property
    def before(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def after(self) -> int | None:
        return self.number + 1 if self.number < self.n_pages else None


class Views:
    """The values of the pages of one review."""

    def __init__(self, desk: Desk):
        self._desk = desk

    def frame(self) -> dict[str, Any]:
        """What stands on every page."""
        desk = self._desk
        undo, redo = desk.log.can
        items = desk.items
        title = f"{items.k} clusters" if items.k else "propagated labels"
        stamp = "" if items.unit == "patient" else f"groups = {items.unit}s, not patients"
        used = {*desk.figures()["labels"], *map(desk.log.word, desk.board.name_of_group.tolist())}
        return {
            "can_undo": undo,
            "can_redo": redo,
            "figures": desk.figures(),
            "level": items.level,
            "unit": items.unit,
            "run_title": title,
            "stamp": stamp,
            "notes": items.notes,
            "known_names": sorted(word for word in used if word),
            "has_pictures": items.store is not None,
        }

    def overview(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """The groups, a card each."""
        order = _one_of(asked.get("order"), GROUP_ORDERS, "size")
        cards = self._desk.listing.cards(order=order)
        page, some = _page(cards, asked, GROUPS_A_PAGE)
        return {"cards": some, "page": page, "order": order, "orders": GROUP_ORDERS}

    def group(self, group: int, asked: Mapping[str, str]) -> dict[str, Any]:
        """One group's items."""
        desk = self._desk
        show, order = _one_of(asked.get("show"), SHOWS, "all"), _one_of(asked.get("order"), ORDERS, "typical")
        rows = desk.listing.items(group, show=show, order=order)
        page, some = _page(rows, asked, ITEMS_A_PAGE)
        before, after = desk.listing.beside(group)
        return {
            "group": group,
            "title": desk.board.title(group),
            "name": desk.log.word(int(desk.board.name_of_group[group])) or "",
            "card": desk.listing.card(group),
            "tiles": self.tiles(some.tolist()),
            "page": page,
            "show": show,
            "shows": SHOWS,
            "order": order,
            "orders": ORDERS,
            "group_before": before,
            "group_after": after,
        }

    def item(self, item: int) -> dict[str, Any]:
        """One item: its clip, what is known of it, and its nearest."""
        desk = self._desk
        (tile,) = self.tiles([item])
        group = int(desk.board.group[item])
        near = desk.neighbors.nearest(item, NEAREST).tolist()
        return {
            "tile": tile,
            "group": group,
            "title": desk.board.title(group),
            "name": desk.log.word(int(desk.board.name_of_group[group])) or "",
            "confidence": float(desk.items.confidences[item]),
            "known_label": desk.items.known[item] or "",
            "in_test": bool(desk.items.in_test[item]),
            "patient": int(desk.items.units[item]) + 1,
            "clip_id": desk.items.clip_ids[item],
            "frame_index": desk.items.frames[item],
            "nearest": self.tiles(near),
        }

    def audit(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """The audit sample, one item at a time: the first that is open, or the one that is asked for."""
        sample = self._desk.audit.sample
        shared = {
            "target": TARGET,
            "sizes": [(errors, sample_size(TARGET, errors=errors)) for errors in range(4)],
            "most_errors": MOST_ERRORS,
        }
        if sample is None:
            return {"sample": None, **shared}
        still = np.flatnonzero(sample.answers < 0)
        place = int(still[0]) if len(still) else 0
        at = asked.get("at", "")
        if at.isascii() and at.isdigit() and int(at) < len(sample.items):
            place = int(at)
        later = still[still > place]
        (tile,) = self.tiles([int(sample.items[place])])
        return {
            "sample": sample,
            "n": len(sample.items),
            "n_told": len(sample.items) - len(still),
            "place": place,
            "next": int(later[0]) if len(later) else int(still[0]) if len(still) else None,
            "tile": tile,
            "label": self._desk.log.word(int(sample.labels[place])),
            "answer": int(sample.answers[place]),
            "answers": sample.answers.tolist(),
            **shared,
        }

    def history(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """The actions, the latest first."""
        before = asked.get("before", "")
        bound = int(before) if before.isascii() and before.isdigit() and len(before) < 10 else None
        events = self._desk.log.events(most=EVENTS_A_PAGE, before=bound)
        return {"events": events, "older": events[-1].id if events and events[-1].id > 1 else None}

    def tiles(self, rows: list[int]) -> list[Tile]:
        """Items as small pictures.

        Raises:
            InputError: there is no such item.
        """
        desk = self._desk
        board, log = desk.board, desk.log
        some = np.array(rows, np.int64)
        if len(some) and not 0 <= some.min() <= some.max() < len(desk.items):
            raise InputError("there is no such item")
        labels, names = board.labels, board.name_of_group
        tiles = []
        for row in rows:
            label = log.word(int(labels[row])) or ""
            state = self._state(row, label)
            group = int(board.group[row])
            name = log.word(int(names[group]))
            known = desk.items.known[row] or ""
            said = f"{desk.items.level} {row + 1} of {desk.items.unit} {int(desk.items.units[row]) + 1}, "
            tiles.append(
                Tile(
                    item=row,
                    label=label,
                    state=state,
                    known=known if known not in ("", label) or (known and name and known != name) else "",
                    where=name or board.title(group),
                    about=said + (f"{state}: {label}" if label else f"{state}, no label"),
                )
            )
        return tiles

    def _state(self, row: int, label: str) -> str:
        board = self._desk.board
        if board.own[row] >= 0:
            return "labeled"
        if board.decision[row] == ACCEPTED:
            return "accepted"
        if board.decision[row] == REJECTED:
            return "rejected"
        if board.known[row] >= 0:
            return "known"
        return "named" if label else "open"


def _one_of(word: str | None, choices: Mapping[str, str], default: str) -> str:
    return word if word is not None and word in choices else default


def _page(entries: Any, asked: Mapping[str, str], size: int) -> tuple[Page, Any]:
    word = asked.get("page", "1")
    n_pages = max(1, -(-len(entries) // size))
    number = min(n_pages, max(1, int(word) if word.isascii() and word.isdigit() and len(word) < 8 else 1))
    return Page(number, n_pages, len(entries)), entries[(number - 1) * size : number * size]
