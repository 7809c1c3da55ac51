"""What decides an archive's bytes, and its rules."""

from dataclasses import dataclass

from sslecho.errors import SettingsError
from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.plan import KINDS

FORMATS = ("dicom", "video", "png")
MASKS = ("sector", "labels")


@dataclass(frozen=True)
class ArchiveSettings:
    """What decides an archive's bytes."""

    kind: str
    patients: int
    views_per_patient: int
    clips_per_view: int
    frames_per_clip: int
    format: str
    seed: int
    size: int
    overlays: bool
    jitter: float
    masks: str

    def check(self) -> None:
        """Raise SettingsError with all problems at once."""
        problems = []
        for name, value, known in (
            ("kind", self.kind, KINDS),
            ("format", self.format, FORMATS),
            ("masks", self.masks, MASKS),
        ):
            if value not in known:
                problems.append(f"{name} {value!r} is not known; take one of {', '.join(known)}")
        if (self.kind, self.masks) == ("archive", "labels"):
            problems.append(
                "masks 'labels' is of the kinds echo and fetal; an archive's panes have none, take 'sector'"
            )
        for name in ("patients", "views_per_patient", "clips_per_view", "frames_per_clip"):
            if getattr(self, name) < 1:
                problems.append(f"{name} {getattr(self, name)} must be at least 1")
        if not 32 <= self.size <= 1024:
            problems.append(f"size {self.size} must lie between 32 and 1024 pixels")
        if not 0 <= self.jitter <= 3:
            problems.append(f"jitter {self.jitter} must lie between 0 and 3; {JITTER} is the usual spread")
        if problems:
            raise SettingsError(problems)
