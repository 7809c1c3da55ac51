"""Frames of a store that are changed on the way to the network: covered, blanked, or given other surroundings."""

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from sslecho.api.explain_hearts import Hearts
from sslecho.api.explain_items import Items
from sslecho.data.sector.evidence import dilated
from sslecho.data.store import Store
from sslecho.data.stored_sectors import StoredSectors, reach_of
from sslecho.progress import track
from sslecho.tasks.explain.masks import Pair, covered, pair_of
from sslecho.tasks.explain.subject import Read
from sslecho.tasks.explain.surroundings import beside, exchanged


class Places:
    """The sectors of some clips, and where the heart is in their frames.

    Attributes:
        sector: of each clip, by its row, its mask; None where it isn't known.
        shows_outside: whether the store has anything outside a clip's sector.
    """

    def __init__(self, store: Store, clips: Int64[np.ndarray, " n"], hearts: Hearts):
        self.store, self.hearts = store, hearts
        self._clip_of_frame, self._reach = store.clip_of_frame, reach_of(store)
        found = StoredSectors(store)
        self.sector: dict[int, Bool[np.ndarray, "h w"] | None] = {}
        self.shows_outside: dict[int, bool] = {}
        self._inside: dict[int, Bool[np.ndarray, "h w"]] = {}
        self._pairs: dict[int, UInt8[np.ndarray, "2 bytes"] | None] = {}  # as bits: there may be many frames
        unique = np.unique(clips).tolist()
        with track("sectors", total=len(unique), unit="clips") as progress:
            for clip in unique:
                mask, frames = found.of(clip)
                self.sector[clip], self.shows_outside[clip] = mask, frames is not None
                progress.advance()

    def sector_of(self, row: int) -> Bool[np.ndarray, "h w"]:
        """Of a frame; the whole picture where nothing is known."""
        mask = self.sector[int(self._clip_of_frame[row])]
        return np.ones(self.store.frame_shape, bool) if mask is None else mask

    def visible(self, row: int) -> Bool[np.ndarray, "h w"]:
        """What of a frame a figure may show: all of it where nothing outside a sector was stored, else the sector
        alone; nothing where it isn't known."""
        clip = int(self._clip_of_frame[row])
        if self.sector[clip] is None and self.shows_outside[clip]:
            return np.zeros(self.store.frame_shape, bool)
        return self.sector_of(row) if self.shows_outside[clip] else np.ones(self.store.frame_shape, bool)

    def inside(self, row: int) -> Bool[np.ndarray, "h w"]:
        """All that doesn't count as outside the sector."""
        clip = int(self._clip_of_frame[row])
        if clip not in self._inside:
            self._inside[clip] = dilated(self.sector_of(row), self._reach)
        return self._inside[clip]

    def pair(self, row: int) -> Pair | None:
        """What is covered in a frame."""
        key = row if self.hearts.by_frame else int(self._clip_of_frame[row])
        if key not in self._pairs:
            sector = self.sector_of(row)
            # Without a sector names and scales would be taken for background.
            heart = self.hearts.of(row, sector) if self.visible(row).any() else None
            pair = None if heart is None else pair_of(heart, sector)
            self._pairs[key] = None if pair is None else np.packbits(np.stack(pair).reshape(2, -1), axis=1)
        bits, shape = self._pairs[key], self.store.frame_shape
        if bits is None:
            return None
        whole = np.unpackbits(bits, axis=1, count=shape[0] * shape[1]).astype(bool).reshape(2, *shape)
        return Pair(whole[0], whole[1])

    def covering(self, part: str) -> Read:
        """A reader with the "heart" or the "background" of each frame covered."""

        def read(rows: Int64[np.ndarray, " n"]) -> UInt8[np.ndarray, "n h w"]:
            pairs = [self.pair(row) for row in rows.tolist()]
            assert all(pair is not None for pair in pairs)  # items without are left out
            masks = np.stack([getattr(pair, part) for pair in pairs])
            return covered(self.store.read(rows), masks, np.stack([self.sector_of(row) for row in rows.tolist()]))

        return read

    def blanked(self, rows: Int64[np.ndarray, " n"]) -> UInt8[np.ndarray, "n h w"]:
        """Frames with black outside their sectors."""
        return self.store.read(rows) * np.stack([self.inside(row) for row in rows.tolist()])

    def with_surroundings(self, items: Items, donors: Int64[np.ndarray, " n"]) -> Read:
        """A reader that gives each item the surroundings of another one.

        Args:
            donors: of each item the other one, all of them given.
        """
        lender: dict[int, int] = {}
        rows_of = [items.rows_of(item).tolist() for item in range(len(items))]
        for item, donor in enumerate(donors.tolist()):
            lender |= beside(rows_of[item], rows_of[donor])

        def read(rows: Int64[np.ndarray, " n"]) -> UInt8[np.ndarray, "n h w"]:
            lent = np.array([lender[row] for row in rows.tolist()], np.int64)
            inside, inside_lent = (np.stack([self.inside(row) for row in of.tolist()]) for of in (rows, lent))
            return exchanged(self.store.read(rows), inside, self.store.read(lent), inside_lent)

        return read
