"""What a finding is: a rule that something in the store breaks, how often, where, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sslecho.data.store import Store

ERROR, WARNING, INFO = "error", "warning", "info"
SEVERITIES = (ERROR, WARNING, INFO)  # the worst first


@dataclass(frozen=True)
class Example:
    """One place where a rule is broken.

    Attributes:
        rows: the frames that show it, as rows of the store; none where there is nothing to look at.
        said: what is to be said of it, in words; ids are the store's own.
        figures: what was measured, JSON-ready.
    """

    rows: tuple[int, ...]
    said: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One rule and all places where it is broken.

    Attributes:
        name: for programs.
        title: for readers, a few words.
        severity: "error" where a figure made of the store would be wrong; "warning" where it may be; "info" else.
        n: how many, and
        noun: of what, in the singular.
        rule: what was looked for, with thresholds.
        cure: what to do.
        examples: all places, the clearest first; a finding of counts alone has none.
        counts: further figures, JSON-ready.
    """

    name: str
    title: str
    severity: str
    n: int
    noun: str
    rule: str
    cure: str
    examples: tuple[Example, ...] = ()
    counts: dict[str, Any] = field(default_factory=dict)


class Rows:
    """The columns that findings are about, read once, and how an example is named in JSON."""

    def __init__(self, store: Store):
        self.store = store
        self.n_frames = store.clips["n_frames"].to_numpy().astype(np.int64)
        self.first = np.cumsum(self.n_frames) - self.n_frames
        self.clip_of_frame = store.clip_of_frame
        self.clip_id, self.patient, self.unit, self.split = (
            store.column(name) for name in ("clip_id", "patient_id", "unit_id", "split")
        )
        self.label = store.column("label", level="frame")
        self._frame_index = store.frames["frame_index"].to_numpy()

    def middle(self, clip: int) -> int:
        """The row of a clip's middle frame."""
        return int(self.first[clip] + self.n_frames[clip] // 2)

    def middles(self, clips: Iterable[int]) -> tuple[int, ...]:
        return tuple(self.middle(clip) for clip in clips)

    def said(self, row: int) -> dict[str, Any]:
        """A frame by name: `clip_id`, `frame_index`, `patient_id`, `label`, `split`."""
        clip = int(self.clip_of_frame[row])
        return {
            "clip_id": self.clip_id[clip],
            "frame_index": int(self._frame_index[row]),
            "patient_id": self.patient[clip],
            "label": self.label[row],
            "split": self.split[clip],
        }


def numbered(values: Iterable[Any]) -> np.ndarray:
    """A number for each value in the order of first appearance; -1 for None."""
    known: dict[Any, int] = {}
    return np.array([-1 if v is None else known.setdefault(v, len(known)) for v in values], dtype=np.int64)
