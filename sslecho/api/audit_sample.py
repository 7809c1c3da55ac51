"""audit.csv: the propagated labels to check by hand, and what may be claimed once they are checked.

They are drawn at random, each label as likely as another: so the exact bound holds for the labels of this archive,
however alike the items of a patient are. A limit a patient would break that. How many patients the sample counts for,
as evidence on patients of elsewhere, is said beside it.
"""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sslecho.api.propagated_labels import PROPAGATED, Propagated, place_columns, write_csv
from sslecho.data.labels import MAX_SAID, delimiter_of, read_text
from sslecho.errors import InputError
from sslecho.metrics.audit_sample import checked, effective_units, lower_bound
from sslecho.tasks.predictions import Predictions

ANSWERS = {
    **dict.fromkeys(("yes", "y", "true", "1", "right", "correct"), True),
    **dict.fromkeys(("no", "n", "false", "0", "wrong"), False),
}


class Answer(NamedTuple):
    """A row of the sheet; `right` is None where nothing was filled in."""

    line: int
    clip_id: str
    frame: int | None
    label: str
    right: bool | None


def draw_audit(path: Path, found: Propagated, *, size: int, level: str, seed: int) -> int:
    """Write the sample with an empty column `correct` to be filled in; returns how many labels it has.

    The label stands there, the confidence does not: it would tell the reader what to answer.
    """
    rows = np.flatnonzero((found.states == PROPAGATED) & (found.items.column("split") != "test"))
    drawn = np.random.default_rng(seed).permutation(rows)[:size].tolist()
    cells = [
        [*place, found.names[found.probable[row]], ""]
        for row, place in zip(drawn, found.places(drawn, level=level), strict=True)
    ]
    write_csv(path, [*place_columns(level), "label", "correct"], cells)
    return len(drawn)


def read_checked(path: Path) -> list[Answer]:
    """Read a sheet that was filled in.

    Raises:
        InputError: it can't be read, lacks a column, or rows are bad; these are named by line number.
    """
    lines = read_text(path).splitlines(keepends=True)
    reader = csv.reader(lines, delimiter=delimiter_of(lines[0] if lines else ""), strict=True)
    answers: list[Answer] = []
    problems: list[str] = []
    try:
        columns = [name.strip() for name in next(reader, [])]
        missing = [name for name in ("clip_id", "label", "correct") if name not in columns]
        if missing:
            raise InputError(
                f"--checked {path} has no column {', '.join(map(repr, missing))}; its header has: "
                f"{', '.join(columns)}; fill in the audit.csv that `sslecho propagate` wrote"
            )
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                problems.append(f"line {reader.line_num}: {len(cells)} cells under {len(columns)} columns")
                continue
            said = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
            word, frame = said["correct"].lower(), said.get("frame", "")
            if word and word not in ANSWERS:
                problems.append(f"line {reader.line_num}: correct is {said['correct']!r}; write yes or no")
            if frame and not (frame.isascii() and frame.isdigit()):
                problems.append(f"line {reader.line_num}: frame {frame!r} must be a whole number, 0 for the first")
                frame = ""
            at = int(frame) if frame else None
            answers.append(Answer(reader.line_num, said["clip_id"], at, said["label"], ANSWERS.get(word)))
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}")
    _refuse(path, problems)
    return answers


def audited(
    answers: list[Answer],
    path: Path,
    predictions: Predictions,
    *,
    target: float,
    errors_allowed: int,
    confidence: float,
) -> dict[str, Any]:
    """What a filled-in sheet shows.

    Args:
        answers: the rows of the sheet.
        path: of the sheet, for messages.
        predictions: those of the run that wrote it.
        target: the precision to be claimed.
        errors_allowed: how many wrong ones were to allow the claim, chosen before the check.

    Returns:
        `checked`, `errors`, `precision` with its exact 95 % interval, `at_least` (the one-sided bound at `confidence`),
        `claimed` (whether it reaches the target), `n_patients`, `effective_patients`, `at_least_elsewhere` (the bound
        with patients as trials) and `said`, a sentence.

    Raises:
        InputError: nothing is filled in, or rows are not of the run's labels; these are named by line number.
    """
    units = _units(answers, path, predictions)
    told = [answer for answer in answers if answer.right is not None]
    if not told:
        raise InputError(f"--checked {path}: no row is filled in; write yes or no under `correct`")
    population = predictions.scores["n_propagated"]
    n, errors = len(told), sum(not answer.right for answer in told)
    figures = checked(errors, n, population=population, confidence=confidence)
    of_told = np.unique(np.array([units[answer.line] for answer in told]), return_inverse=True)[1]
    effective = effective_units(of_told)
    whole = n == len(answers)
    claimed = whole and figures.at_least >= target
    return {
        "checked": n,
        "unchecked": len(answers) - n,
        "errors": errors,
        "precision": figures.value,
        "precision_low": figures.low,
        "precision_high": figures.high,
        "at_least": figures.at_least,
        "claimed": claimed,
        "n_patients": len(np.unique(of_told)),
        "effective_patients": effective,
        "at_least_elsewhere": lower_bound(errors / n * effective, effective, confidence=confidence),
        "said": _sentence(figures.at_least, n, errors, len(answers), target, errors_allowed, confidence),
    }


def _sentence(
    at_least: float, n: int, errors: int, size: int, target: float, errors_allowed: int, confidence: float
) -> str:
    found = (
        f"{errors} of {n} checked labels are wrong: at least {at_least:.1%} are right at {confidence:.0%} confidence"
    )
    if n < size:
        return f"{found}; {size - n} rows are not filled in, and the claim needs all of them"
    if at_least >= target:
        return f"{found}, so that {target:.0%} may be claimed"
    if errors > errors_allowed:
        return (
            f"{found}, too few for {target:.0%}; propagate with a higher --precision, or draw a new sample with "
            f"--audit-errors {errors} and another --seed: it must be chosen before the check"
        )
    return f"{found}, too few for {target:.0%}: the sample is too small"


def _units(answers: list[Answer], path: Path, predictions: Predictions) -> dict[int, str]:
    """The patient of each row, by its line."""
    table = predictions.table
    at_frames = predictions.meta["level"] == "frame"
    frames = table["frame_index"].to_pylist() if at_frames else [None] * table.num_rows
    keys = list(zip(table["clip_id"].to_pylist(), frames, strict=True))
    place_of = {key: place for place, key in enumerate(keys)}
    labels, units = table["propagated"].to_pylist(), table["unit_id"].to_pylist()
    problems: list[str] = []
    seen: dict[tuple[str, int | None], int] = {}
    found: dict[int, str] = {}
    for answer in answers:
        key = (answer.clip_id, answer.frame if at_frames else None)
        place = place_of.get(key)
        if key in seen:
            problems.append(f"line {answer.line}: the same item as line {seen[key]}")
        elif place is None or labels[place] is None:
            problems.append(f"line {answer.line}: this item got no propagated label in this run")
        elif labels[place] != answer.label:
            problems.append(f"line {answer.line}: label {answer.label!r}, and this run propagated {labels[place]!r}")
        else:
            found[answer.line] = units[place]
        seen.setdefault(key, answer.line)
    _refuse(path, problems)
    return found


def _refuse(path: Path, problems: list[str]) -> None:
    if problems:
        more = f"\n  and {len(problems) - MAX_SAID} more" if len(problems) > MAX_SAID else ""
        raise InputError(f"--checked {path} has bad rows; mend them:\n  " + "\n  ".join(problems[:MAX_SAID]) + more)
