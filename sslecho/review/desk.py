"""One review at work: the board and what belongs to it, and the actions by the names that the page uses."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32

from sslecho.errors import InputError
from sslecho.review.audit import Audit
from sslecho.review.board import Board, Done
from sslecho.review.export import write_labels
from sslecho.review.halves import two_halves
from sslecho.review.items import ReviewItems
from sslecho.review.listing import SHOWS, Listing
from sslecho.review.log import Log
from sslecho.review.neighbors import Neighbors
from sslecho.review.pictures import Pictures
from sslecho.review.summary import figures, sentence
from sslecho.rundir import disk_error


class Desk:
    """Everything that a page is drawn from; make it with `open` and close it."""

    def __init__(self, items: ReviewItems, log: Log, neighbors: Neighbors, folder: Path):
        self.items, self.log, self.neighbors, self.folder = items, log, neighbors, folder
        self.board = Board(items, log)
        self.audit = Audit(self.board)
        self.listing = Listing(self.board, neighbors)
        self.pictures = Pictures(items.store)
        self._actions: dict[str, Callable[[Mapping[str, Any]], Done]] = {
            "name": lambda said: self.board.name(_number(said, "group"), _text(said, "name")),
            "merge": self._merge,
            "split": self._split,
            "accept": lambda said: self.board.decide("accept", self._items(said)),
            "reject": lambda said: self.board.decide("reject", self._items(said)),
            "clear": lambda said: self.board.decide("clear", self._items(said)),
            "label": lambda said: self.board.relabel(self._items(said), _text(said, "name")),
            "undo": lambda _: self.board.undo(),
            "redo": lambda _: self.board.redo(),
            "undo_to": lambda said: self.board.undo_to(_number(said, "event")),
            "draw_audit": lambda said: self.audit.draw(errors_allowed=_number(said, "errors")),
            "answer": self._answer,
            "export": lambda _: self._export(),
        }

    @classmethod
    def open(cls, items: ReviewItems, folder: Path) -> "Desk":
        """Go on with the review that stands in `folder`, or begin one there.

        Raises:
            InputError: the folder can't be written, holds another review, or another process has it open.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(folder, error) from error
        name = f"review_{items.k}" if items.k else "review"
        log = Log.open(
            folder / f"{name}.sqlite", identity=items.identity, start=lambda code_of: Board.start(items, code_of)
        )
        try:
            return cls(items, log, Neighbors.of(items, folder / f"{name}_neighbors.npz"), folder)
        except BaseException:
            log.close()
            raise

    def close(self) -> None:
        """Let the next process in."""
        self.log.close()

    def do(self, said: Mapping[str, Any]) -> Done:
        """Do what a page asks for: `do` names the action, the rest says of what.

        Raises:
            InputError: it can't be done, or was not asked for as it must be.
            SslechoError: it can't be saved, and was not done.
        """
        action = self._actions.get(said.get("do", "")) if isinstance(said.get("do"), str) else None
        if action is None:
            raise InputError(f"there is no action {said.get('do')!r}; choose one of: {', '.join(self._actions)}")
        return action(said)

    def figures(self) -> dict[str, Any]:
        """What the naming bought, with `said`, a sentence."""
        found = self.log.kept("figures", list(self.log.state), lambda: figures(self.board, self.audit))
        return {**found, "said": sentence(found)}

    def export(self) -> dict[str, Any]:
        """Write labels.csv and what belongs to it."""
        return write_labels(self.board, self.audit, self.folder)

    def _export(self) -> Done:
        result = self.export()
        return Done(self.log.last, f"Wrote {result['n_labeled']:,} labels to {self.folder.name}/labels.csv")

    def _merge(self, said: Mapping[str, Any]) -> Done:
        name = _text(said, "name") if said.get("name") is not None else None
        return self.board.merge(_numbers(said, "groups"), name)

    def _split(self, said: Mapping[str, Any]) -> Done:
        group = _number(said, "group")
        if "items" in said:
            return self.board.split(group, np.array(_numbers(said, "items"), np.int32))
        return self.board.split(group, two_halves(self.items, self.board.members(group)))

    def _answer(self, said: Mapping[str, Any]) -> Done:
        right = said.get("right")
        if right not in (True, False, None):
            raise InputError("right must be true, false or null")
        return self.audit.answer(_number(said, "place"), right)

    def _items(self, said: Mapping[str, Any]) -> Int32[np.ndarray, " m"]:
        """The items that an action is of: those listed, or all that a page of a group lists."""
        if "items" in said:
            return np.array(_numbers(said, "items"), np.int32)
        show = _text(said, "show")
        if show not in SHOWS:
            raise InputError(f"show is {show!r}; choose one of: {', '.join(SHOWS)}")
        return self.listing.items(_number(said, "group"), show=show, order="typical").astype(np.int32)


def _number(said: Mapping[str, Any], name: str) -> int:
    value = said.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 31:
        raise InputError(f"{name} must be a whole number of at least 0, not {value!r}")
    return value


def _numbers(said: Mapping[str, Any], name: str) -> list[int]:
    values = said.get(name)
    if not isinstance(values, list):
        raise InputError(f"{name} must be a list of whole numbers")
    return [_number({name: value}, name) for value in values]


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str):
        raise InputError(f"{name} must be text, not {value!r}")
    return value
