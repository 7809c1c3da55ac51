"""All findings of a store, the worst first."""

from collections.abc import Iterable
from typing import NamedTuple

from sslecho.data.audit.copies import copy_findings
from sslecho.data.audit.finding import SEVERITIES, Finding, Rows, numbered
from sslecho.data.audit.pixels import pixel_findings, usable_frames
from sslecho.data.audit.scan import scan
from sslecho.data.audit.tables import table_findings
from sslecho.data.audit.twins import find_twins
from sslecho.data.store import ANEW, Store
from sslecho.errors import NounError


class Audit(NamedTuple):
    """What was found.

    Attributes:
        findings: the worst first; an empty list is a store with nothing to say against it.
        rows: names the frames of an example.
    """

    findings: list[Finding]
    rows: Rows

    def counts(self) -> dict[str, int]:
        """How many findings of each severity."""
        return {word: sum(finding.severity == word for finding in self.findings) for word in SEVERITIES}


def audit(store: Store, *, neighbors: Iterable[tuple[int, int]] = (), workers: int = 1, seed: int = 0) -> Audit:
    """Look at every frame once and at pairs that may be alike.

    Args:
        store: the store; it is not changed.
        neighbors: pairs of clips, by row, that embeddings bring together: more candidates for what is alike.
        workers: threads.
        seed: decides which bits the search of hashes draws.

    Raises:
        NounError: the tables count different numbers of frames.
        SslechoError: a shard can't be read.
    """
    n_frames = int(store.clips["n_frames"].to_numpy().sum())
    if n_frames != len(store):
        raise NounError(
            f"{store.path}: the clips' table counts {n_frames} frames and the frames' table {len(store)}; {ANEW}"
        )
    rows = Rows(store)
    scanned = scan(store, workers=workers)
    usable = usable_frames(scanned)
    twins = find_twins(
        store,
        scanned,
        patients=numbered(rows.patient),
        neighbors=neighbors,
        usable=usable,
        workers=workers,
        seed=seed,
    )
    found = [*table_findings(rows), *copy_findings(rows, scanned, twins, usable), *pixel_findings(rows, scanned)]
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Audit(found, rows)
