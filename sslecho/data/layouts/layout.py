"""What a layout says of a source folder: labels, grades, patients, splits, and which files are no ultrasound."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from sslecho.data.labels import LabelRow, LabelTable
from sslecho.data.patients import PatientFrom
from sslecho.errors import InputError
from sslecho.registry import did_you_mean


@dataclass(frozen=True)
class Layout:
    """A source folder, understood.

    Attributes:
        name: one of `LAYOUTS`, or "none".
        why: what it was recognized by, in words for the terminal; may name files.
        labels: the rows that a labels.csv would have, with paths relative to the source; None where there are none.
        patient_from: where patients come from; None leaves it to the user.
        unit: what is independent; None leaves it to the user.
        leave_out: files and folders that are no ultrasound, or that say again what another file says.
        labels_from: "folder" where the first folder below the source is the label.
        true_dates: False where dates were shifted patient by patient, so that they order no two patients.
        warnings: what the user should hear.
    """

    name: str
    why: str
    labels: LabelTable | None = None
    patient_from: PatientFrom | None = None
    unit: str | None = None
    leave_out: tuple[Path, ...] = ()
    labels_from: str | None = None
    true_dates: bool = True
    warnings: list[str] = field(default_factory=list)

    def fingerprint(self) -> str:
        """SHA-256 of all that decides the clips' columns: another index file is another run."""
        digest = hashlib.sha256(repr((self.name, self.patient_from, self.unit, self.labels_from)).encode())
        for row in self.labels.rows if self.labels else []:
            digest.update(repr(row).encode(errors="surrogateescape"))
        return digest.hexdigest()


@dataclass(frozen=True)
class Wanted:
    """What the user wants of a layout's table.

    Attributes:
        keep: further columns to keep as attributes.
        label_column: the column that holds the labels; "label" is the layout's own choice.
        patient_column: the column that holds the patients; "patient" is the layout's own choice.
    """

    keep: tuple[str, ...] = ()
    label_column: str = "label"
    patient_column: str = "patient"

    def refuse_unknown(self, index: Path, offered: Sequence[str]) -> None:
        """Raise InputError for a column that the layout does not offer."""
        named = [("--keep", name) for name in self.keep]
        named += [("--label-column", self.label_column)] if self.label_column != "label" else []
        named += [("--patient-from", self.patient_column)] if self.patient_column != "patient" else []
        for flag, name in named:
            if name not in offered:
                raise InputError(
                    f"{flag} {name!r} is no column that {index} offers{did_you_mean(name, list(offered))}; "
                    f"{'it offers ' + ', '.join(offered) if offered else 'it offers none'}"
                )

    def kept(self, said: dict[str, str | None]) -> dict[str, str | None]:
        return {name: said.get(name) for name in self.keep}

    def label(self, said: dict[str, str | None], own: str | None) -> str | None:
        return own if self.label_column == "label" else said.get(self.label_column)

    def patient(self, said: dict[str, str | None], own: str | None) -> str | None:
        return own if self.patient_column == "patient" else said.get(self.patient_column)

    def table(self, index: Path, rows: list[LabelRow], offered: Sequence[str]) -> LabelTable:
        """The rows as a table whose columns are those that any row fills."""
        names = ("clip", "frame", "label", "grade", "patient", "unit", "split")
        columns = ["path", *(name for name in names if any(getattr(row, name) is not None for row in rows))]
        used = {*self.keep, self.label_column, self.patient_column}
        return LabelTable(index, rows, [*columns, *self.keep], [name for name in offered if name not in used])


@runtime_checkable
class LayoutReader(Protocol):
    """One way in which a data set lies on disk.

    Attributes:
        rule: what a folder must hold, for the one whose folder does not.
    """

    rule: str

    def recognize(self, root: Path) -> str | None:
        """Why `root` is laid out this way, in words; None where it is not. Looks at names and headers only."""
        ...

    def read(self, root: Path, wanted: Wanted) -> Layout:
        """What the index files say.

        Raises:
            InputError: an index file is damaged or contradicts itself, or a column is asked for that it lacks.
        """
        ...
