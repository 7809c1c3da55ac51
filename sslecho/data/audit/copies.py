"""Findings from pairs of clips: one picture twice, repeats of a view, one picture under two labels or in two splits.

A pair counts once in each finding that it belongs to: a copy across two patients may lie in two splits as well.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sslecho.data.audit.finding import ERROR, INFO, WARNING, Example, Finding, Rows
from sslecho.data.audit.likeness import SAME_DETAIL, SAME_SHADES
from sslecho.data.audit.scan import Scan
from sslecho.data.audit.twins import Twins

WITHIN, ACROSS, UNKNOWN = "within", "across", "unknown"
ALIKE = (
    f"Inside the common sector, gray correlates above {SAME_SHADES:g} and local detail above {SAME_DETAIL:g}: limits "
    "that part repeats of a view from other patients' views in real echo, lung and breast ultrasound."
)
EQUAL = "Frames of two clips are equal in every pixel; blank ones don't count."


class Pair(NamedTuple):
    """Two clips that show the same, and the frames that show it.

    Attributes:
        n_equal: frames that are equal in every pixel; 0 for a pair that is only alike.
        figures: what was measured.
    """

    row_a: int
    row_b: int
    n_equal: int
    figures: dict[str, float]


def copy_findings(rows: Rows, scanned: Scan, twins: Twins, usable: np.ndarray) -> list[Finding]:
    """What pairs of clips show."""
    exact = equal_pairs(rows, scanned, usable)
    alike = [
        Pair(t.row_a, t.row_b, 0, {"r": round(t.likeness.r, 4), "detail_r": round(t.likeness.detail_r, 4)})
        for t in sorted(twins.pairs, key=lambda t: -t.likeness.detail_r)
        if (t.a, t.b) not in exact
    ]
    pairs = [*exact.values(), *alike]
    found = [_in_two_splits(rows, pairs)]
    for same, title, severity in (
        (True, "The same picture under two labels", ERROR),
        (False, "Nearly the same picture under two labels", WARNING),
    ):
        found.append(_under_two_labels(rows, [pair for pair in pairs if bool(pair.n_equal) == same], title, severity))
    for chosen, is_exact in ((list(exact.values()), True), (alike, False)):
        found += [_copies(rows, chosen, how, exact=is_exact) for how in (ACROSS, UNKNOWN, WITHIN)]
    if twins.n_not_compared:
        found.append(_not_compared(twins))
    return [finding for finding in found if finding is not None]


def equal_pairs(rows: Rows, scanned: Scan, usable: np.ndarray) -> dict[tuple[int, int], Pair]:
    """Pairs of clips that share frames, pixel by pixel.

    Of many clips that share one frame only neighbors are paired, in the order of patients: the pairs' number is that
    of the clips, and where two patients, labels or splits share a frame, one pair says so at least.
    """
    _, group, size = np.unique(scanned.checksum[usable], axis=0, return_inverse=True, return_counts=True)
    group = group.ravel()
    shared = usable[size[group] > 1]
    order = np.argsort(group[size[group] > 1], kind="stable")
    group = group[size[group] > 1][order]
    found: dict[tuple[int, int], Pair] = {}
    for members in np.split(shared[order], np.flatnonzero(np.diff(group)) + 1) if len(group) else []:
        clips = {int(rows.clip_of_frame[row]): int(row) for row in members[::-1]}
        chain = sorted(clips, key=lambda clip: (str(rows.patient[clip]), str(rows.label[clips[clip]]), clip))
        for a, b in itertools.pairwise(chain):
            a, b = min(a, b), max(a, b)
            before = found.get((a, b))
            if before is None:
                found[a, b] = Pair(clips[a], clips[b], 1, {"equal_frames": 1})
            else:
                n = before.n_equal + 1
                found[a, b] = before._replace(n_equal=n, figures={"equal_frames": n})
    return found


def _copies(rows: Rows, pairs: list[Pair], how: str, *, exact: bool) -> Finding | None:
    chosen = [pair for pair in pairs if _relation(rows, pair) == how]
    if not chosen:
        return None
    clips = {int(rows.clip_of_frame[row]) for pair in chosen for row in (pair.row_a, pair.row_b)}
    share = len(clips) / len(rows.n_frames)
    twice = "The same picture twice" if exact else "Nearly the same picture twice"
    title, severity, cure = {
        ACROSS: (
            f"{twice}, of two patients",
            WARNING,
            "Look whether a file was copied, or one patient has two ids: then a split by patient leaks. Give both the "
            "same patient in the labels and ingest again.",
        ),
        UNKNOWN: (
            f"{twice}, patients unknown",
            WARNING,
            "These are likely of one patient: a split by clip would test on what was trained on. Give them one "
            "patient, or one unit, in the labels.",
        ),
        WITHIN: (
            f"{twice}, of one patient" if exact else "Repeats of a view in one patient",
            INFO,
            "One of the copies is enough."
            if exact
            else "None is needed: it is how archives are. As negatives of contrastive learning such pairs are false "
            "ones; --positives patient makes them positives.",
        ),
    }[how]
    return Finding(
        f"{'exact' if exact else 'near'}_duplicates_{how}" if exact or how != WITHIN else "repeats_of_a_view",
        title,
        severity,
        len(chosen),
        "pair",
        EQUAL if exact else ALIKE,
        cure,
        _examples(rows, chosen, _said),
        {"clips": len(clips), "share_of_clips": round(share, 4)},
    )


def _in_two_splits(rows: Rows, pairs: list[Pair]) -> Finding | None:
    def splits(pair: Pair) -> list[str | None]:
        return [rows.split[clip] for clip in _clips(rows, pair)]

    chosen = [pair for pair in pairs if None not in splits(pair) and len(set(splits(pair))) > 1]
    if not chosen:
        return None
    return Finding(
        "picture_in_two_splits",
        "The same picture in two splits",
        ERROR,
        len(chosen),
        "pair",
        f"No picture is in two splits, nor nearly the same. {ALIKE}",
        "Give both clips the same patient, or unit, in the labels; ingest and divide anew.",
        _examples(rows, chosen, lambda pair: f"{' and '.join(map(str, splits(pair)))}; {_said(pair)}"),
        {"equal": sum(pair.n_equal > 0 for pair in chosen)},
    )


def _under_two_labels(rows: Rows, pairs: list[Pair], title: str, severity: str) -> Finding | None:
    def labels(pair: Pair) -> list[str | None]:
        return [rows.label[row] for row in (pair.row_a, pair.row_b)]

    chosen = [pair for pair in pairs if None not in labels(pair) and len(set(labels(pair))) > 1]
    if not chosen:
        return None
    exact = severity == ERROR
    return Finding(
        "same_picture_two_labels" if exact else "near_picture_two_labels",
        title,
        severity,
        len(chosen),
        "pair",
        EQUAL if exact else ALIKE,
        "One of the labels is wrong, or both describe it: have both looked at, and mend the labels."
        if exact
        else "Look at both: a view that changes a little may change its label rightly, a diagnosis may not.",
        _examples(rows, chosen, lambda pair: f"{' and '.join(map(str, labels(pair)))}; {_said(pair)}"),
    )


def _not_compared(twins: Twins) -> Finding:
    return Finding(
        "not_compared",
        "Candidates that were not compared",
        INFO,
        twins.n_not_compared,
        "pair",
        f"Of {twins.n_candidates:,} pairs whose hashes are near, the nearest were compared by their pixels; these were "
        "too many, so that there may be more pairs that are alike than are listed.",
        "None is needed where pictures of one kind are all much alike; --embeddings add better candidates.",
    )


def _examples(rows: Rows, pairs: list[Pair], said: Callable[[Pair], str]) -> tuple[Example, ...]:
    """The pairs as examples; one of each clip before the second of any, so that the first few show many."""
    seen: set[int] = set()
    first, later = [], []
    for pair in pairs:
        clips = _clips(rows, pair)
        (later if seen & set(clips) else first).append(pair)
        seen |= set(clips)
    return tuple(Example((pair.row_a, pair.row_b), said(pair), dict(pair.figures)) for pair in [*first, *later])


def _said(pair: Pair) -> str:
    if pair.n_equal:
        return "equal in every pixel" + (f", {pair.n_equal} frames" if pair.n_equal > 1 else "")
    return f"r = {pair.figures['r']:.2f}, detail {pair.figures['detail_r']:.2f}"


def _relation(rows: Rows, pair: Pair) -> str:
    a, b = (rows.patient[clip] for clip in _clips(rows, pair))
    if a is None or b is None:
        return UNKNOWN
    return WITHIN if a == b else ACROSS


def _clips(rows: Rows, pair: Pair) -> tuple[int, int]:
    return int(rows.clip_of_frame[pair.row_a]), int(rows.clip_of_frame[pair.row_b])
