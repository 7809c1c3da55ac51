"""FETAL_PLANES_DB: 12,400 stills of six fetal and maternal planes.

    FETAL_PLANES_DB_data.csv   separated by semicolons: Image_name (without its extension), Patient_num, Plane,
                               Brain_plane, Operator, US_Machine, Train (1 or 0; its name ends in a space)
    Images/*.png

Source: X. P. Burgos-Artizzu et al., "Evaluation of deep convolutional neural networks for automatic classification of
common maternal fetal ultrasound planes", Scientific Reports 10 (2020); Zenodo 3904280. The plane is the label
(`--label-column Brain_plane` for the brain's planes); operator and machine are kept on request.
"""

from pathlib import Path

from sslecho.data.labels import LabelRow
from sslecho.data.layouts import LAYOUTS
from sslecho.data.layouts.index import (
    below,
    find_home,
    header_of,
    home_of,
    honor_split,
    papers,
    read_index,
    refuse_rows,
    without_repeats,
)
from sslecho.data.layouts.layout import Layout, Wanted
from sslecho.data.patients import PatientFrom

INDEX = "FETAL_PLANES_DB_data.csv"
NEEDS = ("Image_name", "Patient_num", "Plane", "Train")
OFFERED = ("Plane", "Brain_plane", "Operator", "US_Machine")
SPLIT = {"1": "train", "0": "test"}


@LAYOUTS.add("fetal_planes")
class FetalPlanes:
    """FETAL_PLANES_DB."""

    rule = f"it holds Images/ and a {INDEX} with the columns {', '.join(NEEDS)}"

    def recognize(self, root: Path) -> str | None:
        found = find_home(root, _fits)
        return found[1] if found else None

    def read(self, root: Path, wanted: Wanted) -> Layout:
        home, why = home_of(root, _fits, name="fetal_planes", rule=self.rule)
        index = home / INDEX
        offered = [name for name in OFFERED if name in header_of(index)]
        # `device` is the name that a store has for the machine.
        wanted.refuse_unknown(index, [*offered, *(["device"] if "US_Machine" in offered else [])])
        rows, problems = [], []
        for line, said in read_index(index, NEEDS):
            said["device"] = said.get("US_Machine")
            name, split = said["Image_name"], SPLIT.get(said["Train"] or "")
            if name is None or "/" in name or "\\" in name:
                problems.append(f"line {line}: Image_name {name!r} must be the name of a file in Images/")
                continue
            if split is None:
                problems.append(f"line {line}: Train {said['Train']!r} must be 1 or 0")
            rows.append(
                LabelRow(
                    line,
                    path=f"{below(root, home)}Images/{name.removesuffix('.png')}.png",
                    label=wanted.label(said, said["Plane"]),
                    patient=wanted.patient(said, said["Patient_num"]),
                    split=split,
                    kept=wanted.kept(said),
                )
            )
        if problems:
            refuse_rows(index, problems)
        rows, repeats = without_repeats(index, rows)
        rows, divided = honor_split(rows)
        return Layout(
            "fetal_planes",
            why,
            labels=wanted.table(index, rows, [name for name in offered if name != "Plane"]),
            patient_from=PatientFrom("column", wanted.patient_column),
            leave_out=papers(home),
            warnings=repeats + divided,
        )


def _fits(folder: Path) -> str | None:
    if (folder / "Images").is_dir() and set(NEEDS) <= set(header_of(folder / INDEX)):
        return f"it holds Images/ and {INDEX} with Patient_num and Plane"
    return None
