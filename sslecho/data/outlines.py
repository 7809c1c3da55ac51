"""Sectors that were found with confidence, by device and picture size, for clips whose own sector is in doubt."""

from collections.abc import Iterable, Mapping
from typing import Any

from sslecho.data.sector import Outline, consensus

MOST = 256  # of one device and size that are remembered: the first ones, so that the order of files alone decides


class OutlinesByDevice:
    """What the journal of a run knows of sectors.

    Args:
        entries: of the journal; those of accepted clips have {"outline": {"group", "outline"}}.
    """

    def __init__(self, entries: Iterable[Mapping[str, Any]]):
        found: dict[tuple[Any, ...], list[Outline]] = {}
        for entry in entries:
            note = entry.get("outline")
            if note is not None:
                known = found.setdefault(tuple(note["group"]), [])
                if len(known) < MOST:
                    known.append(Outline(**{name: _tuple(value) for name, value in note["outline"].items()}))
        self._candidates = {group: consensus(outlines) for group, outlines in found.items()}

    def of(self, group: Iterable[Any]) -> tuple[Outline, ...]:
        """Candidates for a clip of this device, height and width; none where the device is new."""
        return tuple(self._candidates.get(tuple(group), ()))


def _tuple(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(value) if isinstance(value, list) else value
