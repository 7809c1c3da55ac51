"""CAMUS: apical two- and four-chamber sequences of 500 patients, with the operator's word on image quality.

    patient0001/patient0001_2CH_half_sequence.nii.gz    from end-diastole to end-systole; `_sequence.mhd` of old
               /patient0001_2CH_ED.nii.gz, _ES.nii.gz   its first and last frame once more
               /…_gt.nii.gz                             outlines
               /Info_2CH.cfg                            ED, ES, NbFrame, Sex, Age, ImageQuality, EF, FrameRate
    database_split/subgroup_training.txt, _validation.txt, _testing.txt

Source: S. Leclerc et al., "Deep learning for segmentation using an open large-scale dataset in 2D echocardiography",
IEEE TMI 38 (2019). The view is the label. ImageQuality is the grade: Poor 0, Medium 1, Good 2. Of a view that has
its sequence the two stills are left out: they would be seen twice. The patients' folders lie in the source itself, in
`database_nifti`, or, in the first release, in `training` and `testing`: there patient0001 is two persons.
"""

import re
from pathlib import Path

from sslecho.data.labels import LabelRow
from sslecho.data.layouts import LAYOUTS
from sslecho.data.layouts.index import below, find_home, folders_of, home_of, honor_split, papers, read_lines
from sslecho.data.layouts.layout import Layout, Wanted
from sslecho.data.patients import PatientFrom

FOLDERS = ("", "database_nifti", "training", "testing")
FIRST_RELEASE = {"training": "train", "testing": "test"}
LISTS = {"subgroup_training.txt": "train", "subgroup_validation.txt": "val", "subgroup_testing.txt": "test"}
PATIENT = re.compile(r"patient\d{4}")
FILE = re.compile(r"patient\d{4}_(2CH|4CH)_(half_sequence|sequence|ED|ES)(_gt)?\.(nii\.gz|nii|mhd|raw|zraw)")
STILLS = ("ED", "ES")
READ = ("nii.gz", "nii", "mhd")  # an mhd leads to its raw
QUALITY = {"poor": 0.0, "medium": 1.0, "good": 2.0}
OFFERED = ("ImageQuality", "EF", "Sex", "Age", "FrameRate", "NbFrame", "ED", "ES")


@LAYOUTS.add("camus")
class Camus:
    """CAMUS, in NIfTI or MetaImage."""

    rule = "it holds folders patient0001, patient0002, … with files such as patient0001_2CH_half_sequence.nii.gz"

    def recognize(self, root: Path) -> str | None:
        found = find_home(root, _fits)
        return found[1] if found else None

    def read(self, root: Path, wanted: Wanted) -> Layout:
        home, why = home_of(root, _fits, name="camus", rule=self.rule)
        wanted.refuse_unknown(home, OFFERED)
        splits, split_warnings = _official_split(home)
        rows: list[LabelRow] = []
        left_out = list(papers(home))
        left_out += [home / "database_split"] if (home / "database_split").is_dir() else []
        ungraded = stills = 0
        for group in _groups(home):
            left_out += papers(group) if group != home else ()
            for folder in folders_of(group):
                if not PATIENT.fullmatch(folder.name):
                    continue
                split = FIRST_RELEASE.get(group.name) or splits.get(folder.name)
                person = f"{group.name}/{folder.name}" if group.name in FIRST_RELEASE else folder.name
                taken, others = _choose(folder)
                left_out += others
                stills += sum(_is_still(path) for path in others)
                for view, path in taken:
                    said = _info(folder / f"Info_{view}.cfg")
                    grade = QUALITY.get((said.get("ImageQuality") or "").lower())
                    ungraded += grade is None
                    rows.append(
                        LabelRow(
                            0,
                            path=below(root, home) + path.relative_to(home).as_posix(),
                            label=wanted.label(said, view),
                            grade=grade,
                            patient=wanted.patient(said, person),
                            split=split,
                            kept=wanted.kept(said),
                        )
                    )
        rows, divided = honor_split(rows)
        said_of = [f"{stills} stills (ED, ES) were left out: their sequences hold the same frames"] if stills else []
        said_of += [f"{ungraded} of {len(rows)} recordings have no ImageQuality, so no grade"] if ungraded else []
        return Layout(
            "camus",
            why,
            labels=wanted.table(home, rows, [name for name in OFFERED if name != "ImageQuality"]),
            patient_from=PatientFrom("column", wanted.patient_column),
            leave_out=tuple(left_out),
            warnings=split_warnings + divided + said_of,
        )


def _groups(home: Path) -> list[Path]:
    """The folders that hold patients."""
    folders = [home / name if name else home for name in FOLDERS]
    return [folder for folder in folders if any(PATIENT.fullmatch(path.name) for path in folders_of(folder))]


def _fits(folder: Path) -> str | None:
    for group in _groups(folder):
        first = next(path for path in folders_of(group) if PATIENT.fullmatch(path.name))
        if any(FILE.fullmatch(path.name) for path in first.iterdir()):
            return "it holds CAMUS's folders patient0001, … with their 2CH and 4CH files"
    return None


def _choose(folder: Path) -> tuple[list[tuple[str, Path]], list[Path]]:
    """A patient's recordings with their views, and all files that are none."""
    found: dict[str, dict[str, Path]] = {}
    others = []
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        match = FILE.fullmatch(path.name)
        if match is None or match[3] or match[4] not in READ:
            # What a mask, a table, or an mhd's pixels are; other pictures stay, and will be told as without a row.
            others += [path] if match or path.suffix.lower() in (".cfg", ".md", ".txt") else []
        elif match[2] in found.setdefault(match[1], {}):
            others.append(path)  # the same recording in another format
        else:
            found[match[1]][match[2]] = path
    taken = []
    for view, files in sorted(found.items()):
        whole = [files[part] for part in ("half_sequence", "sequence") if part in files]
        stills = [files[part] for part in STILLS if part in files]
        taken += [(view, path) for path in (whole or stills)]
        others += stills if whole else []
    return taken, others


def _is_still(path: Path) -> bool:
    match = FILE.fullmatch(path.name)
    return match is not None and match[2] in STILLS and not match[3] and match[4] in READ


def _info(path: Path) -> dict[str, str | None]:
    """The `name: value` lines of an Info file."""
    pairs = (line.partition(":") for line in read_lines(path))
    said: dict[str, str | None] = {name.strip(): value.strip() or None for name, _, value in pairs}
    said.setdefault("EF", said.get("LVef"))  # its name in the first release
    return said


def _official_split(home: Path) -> tuple[dict[str, str], list[str]]:
    """Each patient's split, and what is wrong with the lists."""
    splits: dict[str, str] = {}
    twice = set()
    for name, split in LISTS.items():
        for patient in read_lines(home / "database_split" / name):
            twice |= {patient} if splits.get(patient, split) != split else set()
            splits[patient] = split  # in the order train, val, test: the test split stays as published
    return splits, [
        f"the official lists name {len(twice)} of {len(splits)} patients in more than one split; "
        "each is in the last of train, val, test that names it"
    ] if twice else []
