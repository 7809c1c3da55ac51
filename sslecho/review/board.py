"""What stands on the table: the groups, their names, what was said of each item, and the labels that follow.

An item's label, the first of these that there is:
1. the label that a person gave it;
2. the name of its group, where a person accepted that for the item;
3. the label that was known before;
4. none, where a person rejected the name of its group, and for items of test patients, whom nobody is to guess;
5. the name of its group.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, Int64

from sslecho.errors import InputError
from sslecho.review.items import ReviewItems
from sslecho.review.log import NOTHING, Change, Event, Log
from sslecho.review.words import clean_label

OPEN, ACCEPTED, REJECTED = NOTHING, 1, 2
DECISIONS = {"accept": ACCEPTED, "reject": REJECTED, "clear": OPEN}
DONE = {"accept": "Accepted", "reject": "Rejected", "clear": "Cleared"}

FIELDS = ("group", "name", "label", "decision")  # all that labels depend on

Ids = Int32[np.ndarray, " m"]


@dataclass(frozen=True)
class Done:
    """An action that is on the disk; `event` is None where nothing had to be changed."""

    event: int | None
    said: str


class Board:
    """The review of one run: `Log` keeps what is done, this says what may be done.

    Attributes:
        known: the label that is known of each item, by its number in the log.
    """

    def __init__(self, items: ReviewItems, log: Log):
        self.items, self.log = items, log
        codes = {word: log.code_of(word) for word in sorted({word for word in items.known if word})}
        self.known = np.array([codes[word] if word else NOTHING for word in items.known], np.int32)

    @staticmethod
    def start(items: ReviewItems, code_of: Callable[[str | None], int]) -> dict[str, Int32[np.ndarray, " _"]]:
        """The fields of the log before anything is done."""
        nothing = np.full(len(items), NOTHING, np.int32)
        empty = np.zeros(0, np.int32)
        return {
            "group": items.groups.of_item,
            "name": _ids([code_of(name) for name in items.groups.names]),
            "label": nothing,
            "decision": nothing,
            **{f"audit_{name}": empty for name in ("item", "label", "answer", "about")},
        }

    @property
    def group(self) -> Int32[np.ndarray, " n"]:
        """The group of each item."""
        return self.log.state["group"]

    @property
    def decision(self) -> Int32[np.ndarray, " n"]:
        """What was said of each item: OPEN, ACCEPTED or REJECTED."""
        return self.log.state["decision"]

    @property
    def own(self) -> Int32[np.ndarray, " n"]:
        """The label that a person gave each item."""
        return self.log.state["label"]

    @property
    def name_of_group(self) -> Int32[np.ndarray, " g"]:
        """The name of each group, -1 where it has none."""
        names, n_groups = self.log.state["name"], int(self.group.max(initial=-1)) + 1
        if n_groups <= len(names):
            return names
        return np.concatenate([names, np.full(n_groups - len(names), NOTHING, np.int32)])

    @property
    def by_name(self) -> Int32[np.ndarray, " n"]:
        """The name of each item's group."""
        return self.name_of_group[self.group]

    @property
    def labels(self) -> Int32[np.ndarray, " n"]:
        """The label of each item, by the rules on top of this file."""
        return self.log.kept("labels", FIELDS, self._labels)

    def _labels(self) -> Int32[np.ndarray, " n"]:
        by_name, decision = self.by_name, self.decision
        guessed = np.where((decision == REJECTED) | self.items.in_test, NOTHING, by_name)
        label = np.where(self.known >= 0, self.known, guessed)
        label = np.where(decision == ACCEPTED, by_name, label)
        return np.where(self.own >= 0, self.own, label).astype(np.int32)

    @property
    def merely_named(self) -> Bool[np.ndarray, " n"]:
        """Items that have their label from the name of their group and nothing else."""
        untouched = (self.own < 0) & (self.decision == OPEN) & (self.known < 0)
        return untouched & ~self.items.in_test & (self.by_name >= 0)

    @property
    def covered(self) -> Bool[np.ndarray, " n"]:
        """Items that naming speaks of: they have a label of their own, or a name that nobody rejected for them."""
        return (self.own >= 0) | ((self.by_name >= 0) & (self.decision != REJECTED))

    @property
    def disputed(self) -> Bool[np.ndarray, " n"]:
        """Items whose known label is not the name of their group, and of which nothing was said."""
        named = (self.known >= 0) & (self.by_name >= 0)
        return named & (self.known != self.by_name) & (self.own < 0) & (self.decision == OPEN)

    def title(self, group: int) -> str:
        """What a group is, in words."""
        titles = self.items.groups.titles
        return titles[group] if group < len(titles) else f"Cluster {group}, split off"

    def members(self, group: int) -> Int64[np.ndarray, " m"]:
        """The items of a group.

        Raises:
            InputError: there is no such group.
        """
        if not 0 <= group < len(self.name_of_group):
            raise InputError(f"there is no cluster {group}; reload the page")
        return np.flatnonzero(self.group == group)

    def name(self, group: int, name: str) -> Done:
        """Give a group its name; "" takes it away."""
        self.members(group)
        word = clean_label(name)
        said = f"Named {self.title(group)} “{word}”" if word else f"Took the name of {self.title(group)} away"
        return self._act("name", said, name=(_ids([group]), _ids([self.log.code_of(word)])))

    def merge(self, groups: list[int], name: str | None = None) -> Done:
        """Put groups together under the largest of them; what was accepted and rejected stands for the name they get.

        Raises:
            InputError: fewer than two, or several names and none is said.
        """
        groups = sorted(set(groups))
        sizes = [len(self.members(group)) for group in groups]
        if len(groups) < 2:
            raise InputError("mark at least two clusters to merge")
        codes = {int(self.name_of_group[group]) for group in groups} - {NOTHING}
        word = clean_label(name) if name is not None else None
        if word is None and len(codes) > 1:
            both = ", ".join(sorted(self.log.words[code] for code in codes))
            raise InputError(f"these clusters have different names ({both}); say which name they are to have")
        target = groups[int(np.argmax(sizes))]
        others = [group for group in groups if group != target]
        moved = np.flatnonzero(np.isin(self.group, others)).astype(np.int32)
        code = self.log.code_of(word) if word is not None else next(iter(codes), NOTHING)
        listed = ", ".join(self.title(group) for group in others)
        return self._act(
            "merge",
            f"Merged {listed} into {self.title(target)}",
            group=(moved, np.full(len(moved), target, np.int32)),
            name=(_ids([target, *others]), _ids([code] + [NOTHING] * len(others))),
        )

    def split(self, group: int, items: Ids) -> Done:
        """Make a group of some of a group's items, without a name; what was said of them spoke of the old name.

        Raises:
            InputError: none of its items, or all of them.
        """
        members = self.members(group)
        items = np.intersect1d(items, members).astype(np.int32)
        if not 0 < len(items) < len(members):
            raise InputError("mark some of the cluster's items to split off, not none and not all")
        fresh = len(self.name_of_group)
        nothing = np.full(len(items), NOTHING, np.int32)
        return self._act(
            "split",
            f"Split {len(items):,} of {len(members):,} off {self.title(group)}",
            group=(items, np.full(len(items), fresh, np.int32)),
            decision=(items, nothing),
        )

    def decide(self, what: str, items: Ids) -> Done:
        """Accept or reject the name of their group for these items, or take back what was said of them.

        Raises:
            InputError: no such decision, or a group has no name yet.
        """
        self._check(items)
        if what not in DECISIONS:
            raise InputError(f"{what!r} is none of: {', '.join(DECISIONS)}")
        if what != "clear" and (self.by_name[items] < 0).any():
            raise InputError(f"name the cluster first: to {what} is to say whether its name is right")
        after = np.full(len(items), DECISIONS[what], np.int32)
        nothing = np.full(len(items), NOTHING, np.int32)
        said = f"{DONE[what]} {_counted(len(items), self.items.level)}"
        return self._act(what, said, decision=(items, after), label=(items, nothing))

    def relabel(self, items: Ids, name: str) -> Done:
        """Give these items a label of their own; "" takes it away."""
        self._check(items)
        word = clean_label(name)
        counted = _counted(len(items), self.items.level)
        said = f"Labeled {counted} “{word}”" if word else f"Took the label of {counted} away"
        codes = np.full(len(items), self.log.code_of(word), np.int32)
        return self._act("label", said, label=(items, codes), decision=(items, np.full(len(items), OPEN, np.int32)))

    def undo(self) -> Done:
        """Take the last action back."""
        return self._turned(self.log.undo(), "Undone", "there is nothing to undo")

    def redo(self) -> Done:
        """Do again what was undone last."""
        return self._turned(self.log.redo(), "Done again", "there is nothing to do again")

    def undo_to(self, event: int) -> Done:
        """Take back every action from this one on, the latest first."""
        n = 0
        while (last := self.log.last) is not None and last >= event:
            self.log.undo()
            n += 1
        return Done(event if n else None, f"Undone: {_counted(n, 'action')}")

    def _turned(self, event: Event | None, word: str, nothing: str) -> Done:
        if event is None:
            raise InputError(nothing)
        return Done(event.id, f"{word}: {event.said}")

    def _act(self, kind: str, said: str, **changes: Change) -> Done:
        event = self.log.act(kind, said, changes)
        return Done(event, said if event is not None else "Nothing to change: it is so already")

    def _check(self, items: Ids) -> None:
        if not len(items):
            raise InputError("mark at least one item")
        if items.min() < 0 or items.max() >= len(self.items):
            raise InputError("there is no such item; reload the page")


def _ids(numbers: list[int]) -> Ids:
    return np.array(numbers, np.int32)


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
