"""The audit sample: labels that clusters got by their names, drawn at random and checked one by one by hand.

Each label that nobody looked at is as likely to be drawn as another, so the exact bounds of Clopper & Pearson hold for
the archive. How many wrong ones are to allow the claim is chosen before the check. A group that is named anew, merged
or split after the draw makes other labels than those that were checked: the sample is out of date then, and says so.

After `sslecho propagate` the sample is the audit.csv that it drew, and `propagate --checked` reads the answers.
"""

import csv
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32

from sslecho.errors import InputError
from sslecho.metrics.audit_sample import checked, effective_units, sample_size
from sslecho.review.board import Board, Done
from sslecho.review.items import ReviewItems
from sslecho.review.log import NOTHING

TARGET = 0.95
MOST_ERRORS = 10
RIGHT, WRONG = 1, 0
POPULATION, ERRORS, KEY = range(3)  # the places of `audit_about`


@dataclass(frozen=True)
class Sample:
    """What was drawn.

    Attributes:
        items, labels, answers: of each place of the sample; an answer is RIGHT, WRONG or -1.
        population: how many labels it was drawn from.
        errors_allowed: as chosen before the check.
        out_of_date: whether names or groups have changed since.
    """

    items: Int32[np.ndarray, " m"]
    labels: Int32[np.ndarray, " m"]
    answers: Int32[np.ndarray, " m"]
    population: int
    errors_allowed: int
    out_of_date: bool


class Audit:
    """The audit sample of a board."""

    def __init__(self, board: Board):
        self._board = board

    @property
    def sample(self) -> Sample | None:
        """The sample that stands; None where none was drawn."""
        state = self._board.log.state
        about = state["audit_about"]
        if len(about) <= KEY or about[POPULATION] < 0:
            return None
        there = state["audit_item"] >= 0
        labels = state["audit_label"][there]
        items = state["audit_item"][there]
        answers = np.full(len(state["audit_item"]), NOTHING, np.int32)
        answers[: len(state["audit_answer"])] = state["audit_answer"]
        return Sample(
            items,
            labels,
            answers[there],
            int(about[POPULATION]),
            int(about[ERRORS]),
            out_of_date=int(about[KEY]) != self._key(),
        )

    def draw(self, *, errors_allowed: int = 0, seed: int = 0) -> Done:
        """Draw a sample; an earlier one and its answers are put away (and undone they come back).

        Raises:
            InputError: there is no label to check, or `errors_allowed` is out of range.
        """
        if not 0 <= errors_allowed <= MOST_ERRORS:
            raise InputError(f"{errors_allowed} errors to allow: choose between 0 and {MOST_ERRORS}")
        board = self._board
        if board.items.task == "propagate":
            rows, labels = self._of_propagation()
            population = int(board.items.scores["n_propagated"])
        else:
            named = np.flatnonzero(board.merely_named)
            population = len(named)
            size = sample_size(TARGET, errors=errors_allowed)
            rows = np.random.default_rng([seed, board.log.last or 0]).permutation(named)[:size].astype(np.int32)
            labels = board.labels[rows]
        if not len(rows):
            raise InputError(
                "there is no label to check: name a cluster first; those whose label was known, or that were "
                "looked at one by one, are not audited"
            )
        before = len(board.log.state["audit_item"])
        places = np.arange(max(before, len(rows)), dtype=np.int32)
        padded = [np.full(len(places), NOTHING, np.int32) for _ in range(3)]
        padded[0][: len(rows)], padded[1][: len(rows)] = rows, labels
        event = board.log.act(
            "audit",
            f"Drew {len(rows)} of {population:,} labels to check by hand",
            {
                "audit_item": (places, padded[0]),
                "audit_label": (places, padded[1]),
                "audit_answer": (places, padded[2]),
                "audit_about": (
                    np.arange(3, dtype=np.int32),
                    np.array([population, errors_allowed, self._key()], np.int32),
                ),
            },
        )
        return Done(event, f"Drew {len(rows)} of {population:,} labels to check")

    def answer(self, place: int, right: bool | None) -> Done:
        """Say whether the label at this place of the sample is right; None takes the answer back.

        Raises:
            InputError: there is no such place.
        """
        sample = self.sample
        if sample is None or not 0 <= place < len(sample.items):
            raise InputError("there is no such place in the audit sample; reload the page")
        value = NOTHING if right is None else int(right)
        word = self._board.log.word(int(sample.labels[place]))
        said = f"Checked “{word}”: {'taken back' if right is None else 'right' if right else 'wrong'}"
        one = np.array([place], np.int32)
        event = self._board.log.act("answer", said, {"audit_answer": (one, np.array([value], np.int32))})
        return Done(event, said)

    def figures(self) -> dict[str, Any] | None:
        """What the check shows so far; None where nothing was checked.

        `precision` with its exact two-sided 95 % interval, `at_least` (one-sided), whether `claimed`, and how many
        patients the sample counts for.
        """
        sample = self.sample
        if sample is None or not (sample.answers >= 0).any():
            return None
        told = sample.answers >= 0
        n, errors = int(told.sum()), int((sample.answers == WRONG).sum())
        found = checked(errors, n, population=max(sample.population, n))
        units = np.unique(self._board.items.units[sample.items[told]], return_inverse=True)[1]
        whole = n == len(sample.items)
        return {
            "checked": n,
            "unchecked": len(sample.items) - n,
            "errors": errors,
            "precision": found.value,
            "precision_low": found.low,
            "precision_high": found.high,
            "at_least": found.at_least,
            "target": TARGET,
            "errors_allowed": sample.errors_allowed,
            "claimed": whole and not sample.out_of_date and found.at_least >= TARGET,
            "out_of_date": sample.out_of_date,
            "n_patients": int(units.max()) + 1,
            "effective_patients": effective_units(units),
        }

    def _key(self) -> int:
        """A number for the groups and their names: another where labels by name are others."""
        board = self._board
        if board.items.task == "propagate":
            return 0  # its labels are the run's, whatever is named here
        names = board.name_of_group.astype("<i4").tobytes()
        return zlib.crc32(board.group.astype("<i4").tobytes() + names) & 0x7FFFFFFF

    def _of_propagation(self) -> tuple[Int32[np.ndarray, " m"], Int32[np.ndarray, " m"]]:
        """The sample that `propagate` drew, from its audit.csv."""
        board, items = self._board, self._board.items
        place_of = {key: row for row, key in enumerate(zip(items.clip_ids, _frames(items), strict=True))}
        rows, labels = [], []
        for cells in read_audit(items.path / "audit.csv"):
            frame = int(cells["frame"]) if items.level == "frame" else None
            row = place_of.get((cells["clip_id"], frame))
            if row is None:
                raise InputError("audit.csv is not of this run: propagate anew, or put its own file back")
            rows.append(row)
            labels.append(board.log.code_of(cells["label"]))
        return np.array(rows, np.int32), np.array(labels, np.int32)


def read_audit(path: Path) -> list[dict[str, str]]:
    """The rows of the sheet that `propagate` wrote.

    Raises:
        InputError: it is not there.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"{path.name} can't be read ({error.strerror}); run `sslecho propagate` again") from None


def _frames(items: ReviewItems) -> Sequence[int | None]:
    return items.frames if items.level == "frame" else [None] * len(items)
