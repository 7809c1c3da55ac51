"""`--patient-from`: where it is written whose recording a file is. Unknown must be said; it is never assumed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sslecho.data.containers.archive import peek
from sslecho.data.containers.member import Member
from sslecho.data.labels import LabelTable
from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import LOOKED_AT, reader_by_content, reader_of
from sslecho.errors import InputError

CHOICES = """choose one of
  column:NAME   a column of --labels
  folder        the first folder below the source; the second where the first is the label
  regex:…       a pattern for the path below the source; its first group, or all of it, is the patient
  dicom         each file's PatientID
  clip          every clip is a patient of its own; figures are stamped "groups = clips"
  unknown       nobody knows; figures are stamped, and splits by patient are refused"""
KINDS = ("column", "folder", "regex", "dicom", "clip", "unknown")


@dataclass(frozen=True)
class PatientFrom:
    """A way to learn of the patient.

    Attributes:
        kind: one of KINDS.
        argument: the column's name, or the pattern; empty for the others.
    """

    kind: str
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.argument}" if self.argument else self.kind

    @classmethod
    def parse(cls, said: str) -> "PatientFrom":
        """Read what the user said.

        Raises:
            InputError: an unknown way, or one without what it needs.
        """
        kind, _, argument = said.partition(":")
        needs = kind in ("column", "regex")
        if kind not in KINDS or bool(argument) != needs:
            raise InputError(f"--patient-from {said!r} is not understood; {CHOICES}")
        if kind == "regex":
            try:
                re.compile(argument)
            except re.error as error:
                raise InputError(f"--patient-from {said!r} is no regular expression: {error}") from None
        return cls(kind, argument)

    @classmethod
    def choose(
        cls,
        said: str | None,
        *,
        unit: str,
        labels: LabelTable | None,
        files: Sequence[Path],
        members: Sequence[Member] = (),
    ) -> "PatientFrom":
        """What the user said; else the labels' `patient` column; else PatientID where all files are DICOM.

        Args:
            said: as `parse` takes it; None where nothing was said.
            unit: what is independent.
            labels: the labels' table, where there is one.
            files: all files that lie on the disk as they are.
            members: all files that lie in archives.

        Raises:
            InputError: none of these, and the patient is the unit; or a column is asked for that isn't there.
        """
        chosen = cls.parse(said) if said is not None else None
        if chosen is None and labels is not None and "patient" in labels.columns:
            chosen = cls("column", "patient")
        if chosen is None and unit == "patient" and _all_dicom(files, members):
            chosen = cls("dicom")
        if chosen is None and unit != "patient":
            chosen = cls("unknown")
        if chosen is None:
            raise InputError(f"--patient-from is missing: nothing here says which patient a file is of; {CHOICES}")
        if chosen.kind == "column" and labels is None:
            raise InputError(f"--patient-from column:{chosen.argument} needs --labels")
        return chosen

    def from_path(self, path: str, *, labelled_folder: bool) -> str | None:
        """The patient as the path below the source tells; None where it tells none.

        Args:
            path: relative to the source.
            labelled_folder: the first folder is the label, so that the patient is the second.
        """
        if self.kind == "folder":
            folders = PurePosixPath(path).parts[:-1]
            return folders[labelled_folder] if len(folders) > labelled_folder else None
        if self.kind == "regex":
            found = re.search(self.argument, path)
            if found is None:
                return None
            return found.group(1) if found.re.groups else found.group()
        return None

    def why_not(self) -> str:
        """Why a file has no patient, for the one who asked for this way."""
        return {
            "column": "the labels name no patient for it",
            "folder": "it lies in no folder that could be the patient",
            "regex": "its path does not match the pattern of --patient-from",
            "dicom": "it has no PatientID; say where patients come from with --patient-from",
        }[self.kind]


def _all_dicom(files: Sequence[Path], members: Sequence[Member]) -> bool:
    """Whether each file that can be used at all is DICOM, and at least one is."""
    found = False
    for file in files:
        try:
            if reader_of(file) != "dicom_file":
                return False
        except Unreadable:
            continue
        found = True
    for member in members:
        try:
            reader = reader_by_content(peek(member, LOOKED_AT)) if member.refused is None else None
        except Unreadable:
            continue
        if reader not in (None, "dicom_file"):
            return False
        found = found or reader == "dicom_file"
    return found
