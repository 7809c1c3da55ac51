"""EV9V: 5,138 echo videos of nine views, as frames.

    labels.csv                                   names, labels
    train.txt, validation.txt, test.txt          names of videos, one a line
    Images/VIDEO/frame_0001.jpg …                the frames of a video; where there are none, VIDEO.mp4 in some folder

Source: "EV9V" with STFM, arXiv 2606.17437. The codes (PLHLA, PMASA, …) are the classes and stay as they are: the data
set's own card and readme expand them differently. The split is said to be by patient, but who the patients are was not
released, so that they are unknown and the split can't be checked against them.
"""

import re
from pathlib import Path

from sslecho.data.labels import LabelRow
from sslecho.data.layouts import LAYOUTS
from sslecho.data.layouts.index import (
    below,
    find_home,
    folders_of,
    header_of,
    home_of,
    papers,
    read_index,
    read_lines,
    refuse_rows,
)
from sslecho.data.layouts.layout import Layout, Wanted
from sslecho.data.patients import PatientFrom

INDEX = "labels.csv"
NEEDS = ("names", "labels")
LISTS = {"train.txt": "train", "validation.txt": "val", "test.txt": "test"}
CODES = ("PLHLA", "PMASA", "PMVLSA", "PASA", "A4C", "A5C", "PMPALA", "PPMLSA", "SC4C")
PICTURES = frozenset({".png", ".jpg", ".jpeg"})
VIDEOS = (".mp4", ".avi")
NUMBER = re.compile(r"(\d+)$")


@LAYOUTS.add("ev9v")
class Ev9v:
    """EV9V."""

    rule = "it holds labels.csv with the columns names and labels, train.txt, and Images/ with a folder for each video"

    def recognize(self, root: Path) -> str | None:
        found = find_home(root, _fits)
        return found[1] if found else None

    def read(self, root: Path, wanted: Wanted) -> Layout:
        home, why = home_of(root, _fits, name="ev9v", rule=self.rule)
        wanted.refuse_unknown(home / INDEX, ())
        videos = _videos(home / INDEX)
        splits, warnings = _official_split(home)
        frames = _frames(home / "Images")
        files = {} if frames else _files(home)
        rows: list[LabelRow] = []
        nothing: dict[str, str | None] = {}
        for video in sorted({*frames, *files}):
            line, label = videos.get(video, (0, None))
            split = splits.get(video)
            for number, path in enumerate(files.get(video, [])):
                if number == 0:
                    where = below(root, home) + path.relative_to(home).as_posix()
                    rows.append(LabelRow(line, path=where, label=label, split=split, kept=nothing))
            for number, name in frames.get(video, []):
                where = f"{below(root, home)}Images/{video}/{name}"
                rows.append(
                    LabelRow(line, path=where, clip=video, frame=number, label=label, split=split, kept=nothing)
                )
        there = {*frames, *files}
        counts = [
            (len([video for video in there if video not in videos]), "videos have no label"),
            (len([video for video in there if video not in splits]), "videos are in no list of the split"),
            (len([video for video in videos if video not in there]), "rows of labels.csv have no video here"),
            (len({label for _, label in videos.values() if label not in CODES}), "labels are none of the nine codes"),
        ]
        warnings += [f"{count} {what}" for count, what in counts if count]
        warnings.append("patients were not released: the official split is said to be by patient, and can't be checked")
        others = [path for path in folders_of(home) if path.name != "Images"] if frames else []
        return Layout(
            "ev9v",
            why,
            labels=wanted.table(home / INDEX, rows, ()),
            patient_from=PatientFrom("unknown"),
            leave_out=(*papers(home), *others),
            warnings=warnings,
        )


def _fits(folder: Path) -> str | None:
    header = set(header_of(folder / INDEX))
    if set(NEEDS) <= header and not {"path", "clip_id"} & header and any((folder / name).is_file() for name in LISTS):
        return "it holds EV9V's labels.csv with names and labels, and its lists train.txt, validation.txt, test.txt"
    return None


def _plain(name: str) -> str:
    """A video's name without its extension: the lists may have one."""
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in VIDEOS else name


def _videos(index: Path) -> dict[str, tuple[int, str | None]]:
    """Line and code of each video."""
    videos: dict[str, tuple[int, str | None]] = {}
    problems = []
    for line, said in read_index(index, NEEDS):
        name = _plain(said["names"] or "")
        earlier = videos.setdefault(name, (line, said["labels"]))
        if not name:
            problems.append(f"line {line}: no name")
        elif earlier[1] != said["labels"]:
            problems.append(f"line {line}: another label for the video of line {earlier[0]}")
    if problems:
        refuse_rows(index, problems)
    return videos


def _official_split(home: Path) -> tuple[dict[str, str], list[str]]:
    splits: dict[str, str] = {}
    twice = set()
    for file, split in LISTS.items():
        for name in map(_plain, read_lines(home / file)):
            twice |= {name} if splits.get(name, split) != split else set()
            splits[name] = split  # in the order train, val, test: the test split stays as published
    return splits, [
        f"the official lists name {len(twice)} of {len(splits)} videos in more than one split; each is in the last of "
        "train, val, test that names it"
    ] if twice else []


def _frames(images: Path) -> dict[str, list[tuple[int, str]]]:
    """The frames of each video, numbered as their names are, from 0: "frame_10" comes after "frame_9"."""
    found = {}
    for folder in folders_of(images) if images.is_dir() else ():
        names = [path.name for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.name[0] != "."]
        matches = [NUMBER.search(name.rsplit(".", 1)[0]) for name in names]
        numbers = [int(match[1]) for match in matches if match]
        if len(set(numbers)) == len(names):
            first = min(numbers, default=0)
            found[folder.name] = sorted((number - first, name) for number, name in zip(numbers, names, strict=True))
        else:
            found[folder.name] = list(enumerate(sorted(names)))
    return {video: names for video, names in found.items() if names}


def _files(home: Path) -> dict[str, list[Path]]:
    """The video files by name, for a copy without frames."""
    found: dict[str, list[Path]] = {}
    for folder in (home, *folders_of(home)):
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in VIDEOS and path.is_file():
                found.setdefault(path.stem, []).append(path)
    return found
