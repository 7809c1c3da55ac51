"""MIMIC-IV-ECHO: DICOM studies of patients of MIMIC-IV.

    echo-record-list.csv   subject_id, study_id, acquisition_datetime, dicom_filepath
    echo-study-list.csv    one row a study; left out
    files/p10/p10000000/s90000000/90000000_0001.dcm

Source: B. Gow et al., "MIMIC-IV-ECHO: Echocardiogram Matched Subset", PhysioNet. There are no labels. The patient is
the subject. Every subject's dates were shifted by an amount of its own, so that they order no two subjects, and none
of the columns can be kept: each is an id or a date.
"""

from pathlib import Path, PurePosixPath

from sslecho.data.labels import LabelRow
from sslecho.data.layouts import LAYOUTS
from sslecho.data.layouts.index import (
    below,
    find_home,
    header_of,
    home_of,
    papers,
    read_index,
    refuse_rows,
    without_repeats,
)
from sslecho.data.layouts.layout import Layout, Wanted
from sslecho.data.patients import PatientFrom

INDEX = "echo-record-list.csv"
NEEDS = ("subject_id", "study_id", "dicom_filepath")


@LAYOUTS.add("mimic_echo")
class MimicEcho:
    """MIMIC-IV-ECHO."""

    rule = f"it holds files/ and an {INDEX} with the columns {', '.join(NEEDS)}"

    def recognize(self, root: Path) -> str | None:
        found = find_home(root, _fits)
        return found[1] if found else None

    def read(self, root: Path, wanted: Wanted) -> Layout:
        home, why = home_of(root, _fits, name="mimic_echo", rule=self.rule)
        index = home / INDEX
        wanted.refuse_unknown(index, ())
        rows, problems = [], []
        nothing: dict[str, str | None] = {}
        for line, said in read_index(index, NEEDS):
            path, subject, study = said["dicom_filepath"], said["subject_id"], said["study_id"]
            parts = PurePosixPath(path or "").parts
            if not parts or parts[0] == "/" or ".." in parts:
                problems.append(f"line {line}: dicom_filepath {path!r} must be relative and stay inside the data set")
            # A row that was shifted against the others would give a recording to another person.
            elif f"p{subject}" not in parts or f"s{study}" not in parts:
                problems.append(f"line {line}: dicom_filepath {path!r} is not of subject {subject} and study {study}")
            else:
                rows.append(LabelRow(line, path=f"{below(root, home)}{'/'.join(parts)}", patient=subject, kept=nothing))
        if problems:
            refuse_rows(index, problems)
        rows, repeats = without_repeats(index, rows)
        return Layout(
            "mimic_echo",
            why,
            labels=wanted.table(index, rows, ()),
            patient_from=PatientFrom("column", "patient"),
            leave_out=papers(home),
            true_dates=False,
            warnings=[*repeats, "MIMIC shifts each subject's dates, so that they say nothing of who came first"],
        )


def _fits(folder: Path) -> str | None:
    if (folder / "files").is_dir() and set(NEEDS) <= set(header_of(folder / INDEX)):
        return f"it holds files/ and MIMIC-IV-ECHO's {INDEX}"
    return None
