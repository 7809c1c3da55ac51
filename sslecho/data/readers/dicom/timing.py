"""When each frame of a cine was taken. Unknown stays unknown: there is no default frame rate.

Source: DICOM PS3.3 C.7.6.5, Cine Module; C.7.6.6, Multi-frame Module.
"""

from collections.abc import Callable
from itertools import accumulate

from pydicom import Dataset

from sslecho.data.readers.dicom.header import numbers

POINTED = {0x00181063: "FrameTime", 0x00181065: "FrameTimeVector"}
ORDER = ("FrameTimeVector", "FrameTime", "CineRate", "RecommendedDisplayFrameRate")

Clock = Callable[[int], float]


def frame_clock(header: Dataset, n_frames: int) -> tuple[Clock | None, str | None]:
    """A function from frame to seconds since the first, and the attribute that the times come from.

    What FrameIncrementPointer points at comes first, then FrameTimeVector, FrameTime, CineRate and
    RecommendedDisplayFrameRate. A vector of another length than the cine is not believed. Where the pointer names
    only attributes that are no time (the slices of a volume, say), the frames do not follow each other in time.
    """
    if n_frames < 2:
        return None, None
    pointers = [int(tag) for tag in numbers(header, "FrameIncrementPointer") if tag > 0]
    first = [POINTED[tag] for tag in pointers if tag in POINTED]
    if pointers and not first:
        return None, None
    for name in (*first, *ORDER):
        said = numbers(header, name)
        if name == "FrameTimeVector":
            # Its first value is 0 by the standard, but some writers repeat the increment there.
            if len(said) == n_frames and all(step >= 0 for step in said) and any(said[1:]):
                return [ms / 1000 for ms in accumulate([0.0, *said[1:]])].__getitem__, name
        elif len(said) == 1 and said[0] > 0:
            step_s = said[0] / 1000 if name == "FrameTime" else 1 / said[0]
            return step_s.__mul__, name
    return None, None
