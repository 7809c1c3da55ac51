"""What decides an archive's bytes, and its rules."""

from dataclasses import asdict, dataclass
from typing import Any

from sslecho.errors import SettingsError
from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.kinds import KINDS
from sslecho.phantom.sizes import SIZES

FORMATS = ("dicom", "video", "png")
MASKS = ("sector", "labels")
FANS = ("device", "same")


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
    classes: tuple[str, ...] = ()
    fan: str = "device"
    sizes: str = ""

    def plain(self) -> dict[str, Any]:
        """As a JSON file gives it back."""
        return {**asdict(self), "classes": list(self.classes)}

    def check(self) -> None:
        """Raise SettingsError with all problems at once."""
        problems = []
        for name, value, known in (
            ("kind", self.kind, KINDS),
            ("format", self.format, FORMATS),
            ("masks", self.masks, MASKS),
            ("fan", self.fan, FANS),
            ("sizes", self.sizes, ("", *SIZES)),
        ):
            if value not in known:
                problems.append(f"{name} {value!r} is not known; take one of {', '.join(filter(None, known))}")
        if (self.kind, self.masks) == ("archive", "labels"):
            problems.append(
                "masks 'labels' is of the kinds echo and fetal; an archive's panes have none, take 'sector'"
            )
        known = KINDS[self.kind].classes if self.kind in KINDS else {}
        for name in self.classes if known else ():
            if name not in known:
                problems.append(f"class {name!r} is not of kind {self.kind}; take some of {', '.join(known)}")
        problems += self._sizes_problems()
        if self.fan == "same" and self.kind in ("fetal", "archive"):
            problems.append(f"fan 'same' is not of kind {self.kind}, whose fans are its devices'; take 'device'")
        for name in ("patients", "views_per_patient", "clips_per_view", "frames_per_clip"):
            if getattr(self, name) < 1:
                problems.append(f"{name} {getattr(self, name)} must be at least 1")
        if not 32 <= self.size <= 1024:
            problems.append(f"size {self.size} must lie between 32 and 1024 pixels")
        if not 0 <= self.jitter <= 3:
            problems.append(f"jitter {self.jitter} must lie between 0 and 3; {JITTER} is the usual spread")
        if problems:
            raise SettingsError(problems)

    def _sizes_problems(self) -> list[str]:
        """Of named class sizes, which have their own kind and classes."""
        if self.sizes not in SIZES:
            return []
        sizes, problems = SIZES[self.sizes], []
        if self.kind != sizes.kind:
            problems.append(
                f"sizes {self.sizes!r} are of kind {sizes.kind}, but kind {self.kind!r} was asked for; leave the kind "
                "out, or the sizes"
            )
        if self.classes:
            problems.append(
                f"sizes {self.sizes!r} have all of their classes, but classes {','.join(self.classes)} were asked for; "
                "leave out one or the other"
            )
        if self.patients < sizes.fewest:
            problems.append(
                f"patients {self.patients} are too few for sizes {self.sizes!r}: each split needs one of every class; "
                f"take at least {sizes.fewest} of the published {sizes.people}"
            )
        return problems
