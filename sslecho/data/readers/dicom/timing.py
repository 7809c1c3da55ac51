"""When each frame of a cine was taken. Unknown stays unknown: there is no default frame rate.

Source: DICOM PS3.3 C.7.6.5, Cine Module; C.7.6.6, Multi-frame Module.
"""

from itertools import accumulate

from pydicom import Dataset

from sslecho.data.readers.dicom.header import numbers, value

FRAME_TIME = 0x00181063
FRAME_TIME_VECTOR = 0x00181065


def frame_times(header: Dataset, n_frames: int) -> tuple[list[float] | None, str | None]:
    """Seconds since the first frame, one value a frame, and the attribute that they come from.

    What FrameIncrementPointer points at comes first, then FrameTimeVector, FrameTime, CineRate and
    RecommendedDisplayFrameRate. A vector of another length than the cine is not believed.
    """
    if n_frames < 2:
        return None, None
    order = ["FrameTimeVector", "FrameTime", "CineRate", "RecommendedDisplayFrameRate"]
    pointed = value(header, "FrameIncrementPointer")
    if pointed in (FRAME_TIME, [FRAME_TIME]):
        order = ["FrameTime", *order]
    for name in order:
        said = numbers(header, name)
        if name == "FrameTimeVector":
            # Its first value is 0 by the standard, but some writers repeat the increment there.
            if len(said) == n_frames and all(step >= 0 for step in said) and any(said):
                return [ms / 1000 for ms in accumulate([0.0, *said[1:]])], name
        elif len(said) == 1 and said[0] > 0:
            step_s = said[0] / 1000 if name == "FrameTime" else 1 / said[0]
            return [index * step_s for index in range(n_frames)], name
    return None, None
