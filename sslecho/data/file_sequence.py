"""A clip that came as files of one frame each."""

from collections.abc import Collection, Iterator, Sequence

from sslecho.data.readers.recording import Frame, Origin, Recording, Unreadable


class FileSequence:
    """Several recordings as one; what the first file says of its origin and regions holds for all.

    Args:
        recordings: one a frame, in order.
        frame_numbers: each one's frame in the source.

    Raises:
        Unreadable: a file holds several frames, or they are of different patients.
    """

    time_source: str | None = None

    def __init__(self, recordings: Sequence[Recording], frame_numbers: Sequence[int]):
        self._recordings = recordings
        if any(recording.n_frames != 1 for recording in recordings):
            raise Unreadable("one of the clip's files has several frames; a clip's files hold one each")
        self._frame_numbers = frame_numbers
        self.n_frames = len(recordings)
        self.origin: Origin = recordings[0].origin
        if any(recording.origin.patient != self.origin.patient for recording in recordings):
            raise Unreadable("the clip's files are of different patients")
        spacings = {recording.spacing_mm for recording in recordings}
        self.spacing_mm = spacings.pop() if len(spacings) == 1 else None
        self.regions = recordings[0].regions
        self.modes = frozenset[str]().union(*(recording.modes for recording in recordings))
        self.hints = recordings[0].hints
        self.is_color = any(recording.is_color for recording in recordings)

    def frames(self, indices: Sequence[int], *, in_color: Collection[int] = ()) -> Iterator[Frame]:
        for index in indices:
            for frame in self._recordings[index].frames([0], in_color=[0] if index in in_color else ()):
                yield frame._replace(index=self._frame_numbers[index], time_s=None)
