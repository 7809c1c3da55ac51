"""CACTUS: graded pictures of a heart phantom in six classes.

    Images Dataset/A4C|SC|PL|PSAV|PSMV|Random/…    file names start with the grade
    Grades/A4C_grades.csv …                        Image Name, Subfolder Name, Grade
    Videos/                                        left out

Source: H. Elmekki et al., "CACTUS: An open dataset and framework for automated cardiac assessment and classification
of ultrasound images using deep transfer learning", arXiv 2503.05604; DOI 10.20383/103.01484.

The grade comes from the tables alone, and their range is read, for published ones end at 9 or 10. It is one phantom,
so there are no patients: the unit is the sweep, the view and the token D1, V1, DR1 or Folder1 of the name, without the
grade before it, which would make two units of one sweep. A view's pictures without a token are one unit, "unknown".
Whether the videos' frames are among the pictures was not published, so that videos are left out.
"""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from sslecho.data.labels import LabelRow
from sslecho.data.layouts import LAYOUTS
from sslecho.data.layouts.index import below, find_home, header_of, home_of, number, read_index
from sslecho.data.layouts.layout import Layout, Wanted
from sslecho.data.patients import PatientFrom

IMAGES = "Images Dataset"
GRADES = "Grades"
NEEDS = ("Image Name", "Subfolder Name", "Grade")
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
SWEEP = re.compile(r"(?:^|_)((?:DR|D|V|Folder)\d+)(?!\d)", re.IGNORECASE)


@LAYOUTS.add("cactus")
class Cactus:
    """CACTUS."""

    rule = f"it holds '{IMAGES}' with a folder for each view, and {GRADES} with tables of {', '.join(NEEDS)}"

    def recognize(self, root: Path) -> str | None:
        found = find_home(root, _fits)
        return found[1] if found else None

    def read(self, root: Path, wanted: Wanted) -> Layout:
        home, why = home_of(root, _fits, name="cactus", rule=self.rule)
        wanted.refuse_unknown(home / GRADES, ())
        pictures = _pictures(home / IMAGES)
        grades, warnings = _grades(home / GRADES, pictures)
        rows = []
        nothing: dict[str, str | None] = {}
        for picture in pictures:
            view = picture.parts[0] if len(picture.parts) > 1 else None
            line, grade = grades.get(picture, (0, None))
            path = f"{below(root, home)}{IMAGES}/{picture}"
            rows.append(LabelRow(line, path=path, label=view, grade=grade, unit=sweep_of(picture), kept=nothing))
        known = [row.grade for row in rows if row.grade is not None]
        unknown = sum(str(row.unit).endswith("/unknown") for row in rows)
        said = [f"grades run from {min(known):g} to {max(known):g}"] if known else []
        said += [f"{len(rows) - len(known)} of {len(rows)} pictures have no grade"] if len(known) < len(rows) else []
        said += (
            [f"{unknown} of {len(rows)} pictures name no sweep; those of a view are one unit and are never divided"]
            if unknown
            else []
        )
        return Layout(
            "cactus",
            why,
            labels=wanted.table(home / GRADES, rows, ()),
            patient_from=PatientFrom("unknown"),
            unit="sweep",
            leave_out=tuple(path for path in sorted(home.iterdir()) if path.name != IMAGES),
            warnings=[*said, *warnings, *_same_names(home / IMAGES, pictures)],
        )


def sweep_of(picture: PurePosixPath) -> str:
    """The unit of a picture, by its path below the images' folder: never the grade that its name starts with."""
    view = picture.parts[0] if len(picture.parts) > 1 else ""
    match = SWEEP.search(picture.stem)
    return f"{view}/{match[1].upper() if match else 'unknown'}"


def _fits(folder: Path) -> str | None:
    if not (folder / IMAGES).is_dir() or not (folder / GRADES).is_dir():
        return None
    tables = sorted((folder / GRADES).glob("*.csv"))
    if tables and set(NEEDS) <= set(header_of(tables[0])):
        return f"it holds CACTUS's folders '{IMAGES}' and {GRADES}"
    return None


def _pictures(folder: Path) -> list[PurePosixPath]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            PurePosixPath((Path(place) / name).relative_to(folder).as_posix())
            for name in names
            if Path(name).suffix.lower() in PICTURES and not name.startswith(".")
        ]
    return sorted(found)


def _grades(
    folder: Path, pictures: Sequence[PurePosixPath]
) -> tuple[dict[PurePosixPath, tuple[int, float]], list[str]]:
    """Line and grade of each picture that the tables name beyond doubt."""
    by_name: dict[str, list[PurePosixPath]] = defaultdict(list)
    for picture in pictures:
        by_name[picture.name].append(picture)
        by_name[picture.stem].append(picture)
    found: dict[PurePosixPath, tuple[int, float]] = {}
    twofold: set[PurePosixPath] = set()
    absent = several = none = 0
    for table in sorted(folder.glob("*.csv")):
        view = table.stem.removesuffix("_grades")
        for line, said in read_index(table, NEEDS):
            grade = number(said["Grade"])
            named = _named(by_name, said["Image Name"], view=view, subfolder=said["Subfolder Name"])
            absent += not named
            several += len(named) > 1
            none += grade is None
            if len(named) != 1 or grade is None:
                continue
            if found.setdefault(named[0], (line, grade))[1] != grade:
                twofold.add(named[0])
    said = [
        (absent, "rows of the grades name no picture"),
        (several, "rows of the grades name a picture that lies in more than one folder, and grade none"),
        (none, "rows of the grades have no number for a grade"),
        (len(twofold), "pictures have two grades that contradict each other, and get none"),
    ]
    kept = {picture: graded for picture, graded in found.items() if picture not in twofold}
    return kept, [f"{count} {what}" for count, what in said if count]


def _named(
    by_name: dict[str, list[PurePosixPath]], name: str | None, *, view: str, subfolder: str | None
) -> list[PurePosixPath]:
    """The pictures that a row may mean: of its view's table first, then of the subfolder that it names."""
    found = by_name.get(PurePosixPath((name or "").replace("\\", "/")).name, [])
    for folder in (view, subfolder):
        within = [picture for picture in found if folder in picture.parts[:-1]]
        if within:
            found = within
    return list(dict.fromkeys(found))


def _same_names(folder: Path, pictures: Sequence[PurePosixPath]) -> list[str]:
    """Pictures of one name in two folders, and how many of them are the same picture."""
    by_name: dict[str, list[PurePosixPath]] = defaultdict(list)
    for picture in pictures:
        by_name[picture.name].append(picture)
    shared = [found for found in by_name.values() if len(found) > 1]
    if not shared:
        return []
    same = sum(
        len({hashlib.sha256((folder / picture).read_bytes()).digest() for picture in found}) < len(found)
        for found in shared
    )
    return [
        f"pictures of one name in more than one folder: {len(shared)}; the same picture, byte for byte, in two "
        f"classes or sweeps: {same}"
    ]
