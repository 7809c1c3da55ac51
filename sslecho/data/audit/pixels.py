"""Findings from the pixels of single clips: blank, nearly empty, saturated, frozen, and stills among videos."""

import numpy as np

from sslecho.data.audit.finding import INFO, WARNING, Example, Finding, Rows
from sslecho.data.audit.scan import BRIGHT, SATURATED, Scan

BLANK = 2.0  # gray levels of standard deviation inside the sector; noise of a black JPEG is less
NEARLY_EMPTY = 0.1  # of the sector's pixels that show anything; of 5,148 real lung frames, all but blank ones show more
MUCH_SATURATED = 0.1  # of the sector's pixels; in 6,846 real frames at most .047 are white
STILL = 0.5  # gray levels of mean change from frame to frame; in real moving clips nine of ten exceed 1.7
VIDEOS = 0.5  # of the clips; where more than that move, a still among them is worth a line


def usable_frames(scanned: Scan) -> np.ndarray:
    """Rows of frames that show something."""
    return np.flatnonzero(scanned.spread >= BLANK)


def pixel_findings(rows: Rows, scanned: Scan) -> list[Finding]:
    """What single clips show, or fail to show."""
    n_frames, first = rows.n_frames, rows.first
    blank_frame = scanned.spread < BLANK
    n_blank = np.add.reduceat(blank_frame.astype(np.int64), first)
    blank = n_blank == n_frames
    brightest = np.maximum.reduceat(scanned.bright, first)
    empty = (brightest < NEARLY_EMPTY) & ~blank
    saturated = np.array([float(np.median(part)) for part in np.split(scanned.saturated, first[1:])])
    # A clip's first frame has none before it; then the clip has moved as much as its liveliest frame.
    moved = np.maximum.reduceat(np.where(np.isfinite(scanned.moved), scanned.moved, 0), first)
    frozen = (n_frames > 1) & (moved < STILL) & ~blank
    stills = (n_frames == 1) & ((n_frames > 1).mean() > VIDEOS)
    some_blank = np.flatnonzero((n_blank > 0) & ~blank)
    found = [
        _of_clips(
            rows,
            blank,
            "blank",
            "Blank clips",
            WARNING,
            f"Every frame's gray varies by less than {BLANK:g} levels inside the sector.",
            "Leave the files out: they show nothing.",
        ),
        _of_clips(
            rows,
            empty,
            "nearly_empty",
            "Sectors with hardly anything in them",
            WARNING,
            f"In no frame are more than {NEARLY_EMPTY:.0%} of the sector's pixels brighter than {BRIGHT} of 255.",
            "Look at them: a probe in air, a gain turned down, or an outline that was taken too wide.",
            brightest,
            "of the sector shows something",
        ),
        _of_clips(
            rows,
            saturated > MUCH_SATURATED,
            "saturated",
            "Saturated clips",
            WARNING,
            f"In half of the frames or more, over {MUCH_SATURATED:.0%} of the sector's pixels are {SATURATED} or more.",
            "Look at them: the gain was too high, or graphics lie inside the sector.",
            saturated,
            "of the sector is white",
        ),
        _of_clips(
            rows,
            frozen,
            "frozen",
            "Frozen clips",
            WARNING,
            f"From no frame to the next does the gray change by {STILL:g} levels on average: a still saved as a video.",
            "Keep one frame of them (--max-frames 1), or leave them out of what is learned from motion.",
            moved,
            "",
        ),
        _of_clips(
            rows,
            stills,
            "single_frame",
            "Single frames among clips",
            INFO,
            f"More than {VIDEOS:.0%} of the clips have several frames; these have one.",
            "None is needed; if these are frames of a clip, name it in the labels' clip column.",
        ),
    ]
    if len(some_blank):
        found.append(_blank_frames(rows, blank_frame, some_blank, n_blank))
    return [finding for finding in found if finding is not None]


def _of_clips(
    rows: Rows,
    chosen: np.ndarray,
    name: str,
    title: str,
    severity: str,
    rule: str,
    cure: str,
    measured: np.ndarray | None = None,
    said: str = "",
) -> Finding | None:
    clips = np.flatnonzero(chosen).tolist()
    if not clips:
        return None
    examples = []
    for clip in clips:
        figures = {} if measured is None else {"measured": round(float(measured[clip]), 4)}
        words = f"{measured[clip]:.0%} {said}" if measured is not None and said else ""
        examples.append(Example(rows.middles([clip]), words, figures))
    return Finding(name, title, severity, len(clips), "clip", rule, cure, tuple(examples))


def _blank_frames(rows: Rows, blank: np.ndarray, clips: np.ndarray, n_blank: np.ndarray) -> Finding:
    examples = []
    for clip in clips.tolist():
        own = slice(int(rows.first[clip]), int(rows.first[clip] + rows.n_frames[clip]))
        first = own.start + int(np.argmax(blank[own]))
        said = f"{n_blank[clip]} of {rows.n_frames[clip]} frames"
        examples.append(Example((first,), said, {"frames": int(n_blank[clip])}))
    return Finding(
        "blank_frames",
        "Blank frames in clips that show something",
        INFO,
        int(n_blank[clips].sum()),
        "frame",
        f"These frames' gray varies by less than {BLANK:g} levels inside the sector; others of their clips' don't.",
        "None is needed for a few; many can be left out by trimming the file.",
        tuple(examples),
    )
