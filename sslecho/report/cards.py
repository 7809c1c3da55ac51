"""What a card says of each cluster of one k: size, patients, labels, and frames to look at."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int64

from sslecho.data.shown import may_be_shown, standing_for
from sslecho.report.cluster_run import ClusterRun
from sslecho.report.thumbnails import jpeg_address

MOST_FRAMES = 12
FRAME_SIDE = 132  # pixels in the page
MOST_BYTES = 7_000_000  # of frames in one page, which is to stay below 15 MB with everything else
ITEMS_NAMED = 3  # labels that a card spells out


@dataclass(frozen=True)
class Thumbnail:
    """A frame to look at, as a JPEG in a data address, and the label of its item."""

    address: str
    label: str | None


@dataclass(frozen=True)
class Card:
    """One cluster; labels with their counts, the most frequent first."""

    cluster: int
    n: int
    n_units: int
    labels: list[tuple[str, int]]
    rows: list[int]
    thumbnails: list[Thumbnail] = field(default_factory=list)

    @property
    def n_labeled(self) -> int:
        return sum(count for _, count in self.labels)

    @property
    def name(self) -> str | None:
        """The most frequent label."""
        return self.labels[0][0] if self.labels else None

    @property
    def share(self) -> float | None:
        """Of the labeled items, those that have that label."""
        return self.labels[0][1] / self.n_labeled if self.labels else None


def cards_of(run: ClusterRun, k: int) -> list[Card]:
    """A card for each cluster that is not empty: by label, then the purest first; without labels the largest first."""
    clusters = np.array(run.column(f"cluster_{k}"), dtype=np.int64)
    confidence = np.array([-1.0 if value is None else value for value in run.column(f"confidence_{k}")], dtype=float)
    units = [unit if unit is not None else f"item {i}" for i, unit in enumerate(run.column("unit_id"))]
    cards = []
    for cluster in np.unique(clusters):
        items = np.flatnonzero(clusters == cluster)
        counts: dict[str, int] = {}
        for item in items:
            label = run.labels[item]
            if label is not None:
                counts[label] = counts.get(label, 0) + 1
        cards.append(
            Card(
                cluster=int(cluster),
                n=len(items),
                n_units=len({units[item] for item in items}),
                labels=sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])),
                rows=_typical(items, confidence, units)[:MOST_FRAMES],
            )
        )
    return sorted(cards, key=lambda card: (card.name is None, card.name or "", -(card.share or 0), -card.n))


def add_thumbnails(run: ClusterRun, cards: list[Card], *, most_bytes: int = MOST_BYTES) -> None:
    """Fill the cards' frames, first one for each card, then the second, until the page is full."""
    if run.store is None:
        return
    rows = np.array(run.column("row"), dtype=np.int64)
    pictures = standing_for(run.store, rows, level=run.level)
    allowed = may_be_shown(run.store)[run.store.clip_of_frame[rows]]
    for place in range(MOST_FRAMES):
        turn = [card for card in cards if place < len(card.rows) and allowed[card.rows[place]]]
        for start in range(0, len(turn), 64):
            part = turn[start : start + 64]
            frames = run.store.read(np.array([pictures[card.rows[place]] for card in part], dtype=np.int64))
            for card, frame in zip(part, frames, strict=True):
                address = jpeg_address(frame, side=FRAME_SIDE, quality=80)
                most_bytes -= len(address)
                if most_bytes < 0:
                    return
                card.thumbnails.append(Thumbnail(address, run.labels[card.rows[place]]))


def _typical(items: Int64[np.ndarray, " m"], confidence: np.ndarray, units: list[str]) -> list[int]:
    """Items by confidence, the best of every patient before the second best of any."""
    by_confidence = items[np.argsort(-confidence[items], kind="stable")]
    seen: dict[str, int] = {}
    turns = []
    for rank, item in enumerate(by_confidence):
        turn = seen.get(units[item], 0)
        seen[units[item]] = turn + 1
        turns.append((turn, rank, int(item)))
    return [item for _, _, item in sorted(turns)]
