"""EchoNet-Dynamic: 10,030 apical four-chamber videos with ejection fractions.

    FileList.csv        FileName (without its extension), EF, ESV, EDV, FrameHeight, FrameWidth, FPS, NumberOfFrames,
                        Split (TRAIN, VAL, TEST)
    VolumeTracings.csv  outlines of the ventricle; left out
    Videos/*.avi        112 x 112

Source: D. Ouyang et al., "Video-based AI for beat-to-beat assessment of cardiac function", Nature 580 (2020). Each
video is of another person, so that the file's name is the patient. The ejection fraction, in percent, is the grade;
all videos are of one view, so that there is no label unless `--label-column` names one.
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
    number,
    papers,
    read_index,
    refuse_rows,
    without_repeats,
)
from sslecho.data.layouts.layout import Layout, Wanted
from sslecho.data.patients import PatientFrom

INDEX = "FileList.csv"
# EchoNet-Pediatric has a FileList.csv too, with several videos a person and folds for a Split: without ESV and EDV.
NEEDS = ("FileName", "EF", "ESV", "EDV", "NumberOfFrames", "Split")
OFFERED = ("EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames")
SPLIT = {"TRAIN": "train", "VAL": "val", "TEST": "test"}


@LAYOUTS.add("echonet")
class EchoNet:
    """EchoNet-Dynamic."""

    rule = f"it holds Videos/ and a FileList.csv with the columns {', '.join(NEEDS)}"

    def recognize(self, root: Path) -> str | None:
        found = find_home(root, _fits)
        return found[1] if found else None

    def read(self, root: Path, wanted: Wanted) -> Layout:
        home, why = home_of(root, _fits, name="echonet", rule=self.rule)
        index = home / INDEX
        offered = [name for name in OFFERED if name in header_of(index)]
        wanted.refuse_unknown(index, offered)
        rows, problems = [], []
        for line, said in read_index(index, NEEDS):
            name, split = said["FileName"], SPLIT.get((said["Split"] or "").upper())
            if name is None or "/" in name or "\\" in name:
                problems.append(f"line {line}: FileName {name!r} must be the name of a file in Videos/")
                continue
            if split is None:
                problems.append(f"line {line}: Split {said['Split']!r} must be TRAIN, VAL or TEST")
            stem = name.removesuffix(".avi")
            rows.append(
                LabelRow(
                    line,
                    path=f"{below(root, home)}Videos/{stem}.avi",
                    label=wanted.label(said, None),
                    grade=number(said["EF"]),
                    patient=wanted.patient(said, stem),
                    split=split,
                    kept=wanted.kept(said),
                )
            )
        if problems:
            refuse_rows(index, problems)
        rows, repeats = without_repeats(index, rows)
        rows, divided = honor_split(rows)
        return Layout(
            "echonet",
            why,
            labels=wanted.table(index, rows, [name for name in offered if name != "EF"]),
            patient_from=PatientFrom("column", wanted.patient_column),
            leave_out=papers(home),
            warnings=repeats + divided,
        )


def _fits(folder: Path) -> str | None:
    if (folder / "Videos").is_dir() and set(NEEDS) <= set(header_of(folder / INDEX)):
        return "it holds Videos/ and EchoNet-Dynamic's FileList.csv with EF, ESV, EDV and Split"
    return None
