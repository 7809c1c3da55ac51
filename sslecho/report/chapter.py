"""What a page says of one run: its finding, its figures, its warnings, and its parts.

A kind of run is a file in `report/sections/`, named after its command, with a function from `Run` and `Room` to
`Chapter`. The page puts chapters together; it knows nothing of what is in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sslecho.metrics.intervals import FEW_UNITS
from sslecho.report.run_folder import Run
from sslecho.report.wording import sentence


class Room(NamedTuple):
    """What a page leaves to one of its chapters.

    Attributes:
        bytes: of thumbnails, at most.
        shown: folders of runs that have a chapter of their own on this page, so that nothing is drawn twice.
        common: blocks of the provenance that all runs share; the page has them once, at its end.
    """

    bytes: int
    shown: frozenset[Path] = frozenset()
    common: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Figure:
    """A headline figure with its interval; a share is drawn as a bar from 0 to 1.

    Attributes:
        mark: what it must be above: chance, or what needs no look at the picture.
        mark_name: what that is called.
        is_share: whether it lies between 0 and 1.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    mark: float | None = None
    mark_name: str = "chance"
    is_share: bool = True


@dataclass(frozen=True)
class Part:
    """A part of a chapter; `intro` and `body` are HTML, `name` (in the list of contents) and `title` are text."""

    anchor: str
    name: str
    title: str
    intro: str
    body: str


@dataclass(frozen=True)
class Chapter:
    """What is said of one run; all strings are text but those of the parts.

    Attributes:
        kind: what kind of run it is: "Fine-tuning".
        title: the finding in a line.
        lede: the finding in a sentence or two.
        facts: name, value and a remark.
        figures: the headline figures, the one to believe first.
        warnings: what keeps the figures from being believed.
        parts: in the order of reading.
    """

    kind: str
    title: str
    lede: str
    facts: list[tuple[str, str, str]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)


def figure_of(name: str, result: Mapping[str, Any], key: str, **more: Any) -> Figure:
    """A figure of a result, with the interval that stands beside it; `more` are the figure's other fields."""
    return Figure(name, result.get(key), result.get(f"{key}_low"), result.get(f"{key}_high"), **more)


def warnings_of(run: Run, *more: str) -> list[str]:
    """What must be said loudly of a run: whose independence it assumes, too few patients, its own warnings, gaps."""
    said = [sentence(run.stamp)] if run.stamp else []
    own = [sentence(str(warning)) for warning in run.result.get("warnings") or []]
    n = run.result.get("n_patients")
    if isinstance(n, int) and n < FEW_UNITS and not any(str(n) in one and "narrow" in one for one in (*own, *more)):
        said.append(f"Only {n} {run.unit}s: an interval over fewer than {FEW_UNITS} is too narrow to trust.")
    return list(dict.fromkeys([*said, *own, *map(sentence, more), *run.problems]))
