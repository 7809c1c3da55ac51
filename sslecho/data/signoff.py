"""Clips whose sector is uncertain: pictures of them for a person to look at, and what that person said.

The pictures may show a name, so they stand beside the store's key, for its owner alone:

    STORE.key/doubtful/sheet-001.png   numbered, the sector that was found drawn in
    STORE.key/doubtful.csv             number, path, reason, accept
Under `accept` a person writes `yes` (the sector that is drawn is right) or `whole` (the picture shows no one's name)
and hands the file back with `--sign-off`. What was accepted stays in the list of the run that it was handed to.
"""

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from sslecho.data.identity import key_folder
from sslecho.data.labels import delimiter_of
from sslecho.data.sector import Sector
from sslecho.data.sheet import contact_sheet
from sslecho.errors import InputError
from sslecho.rundir import disk_error

SIDE = 256  # of a picture on the sheet
A_SHEET = 24  # pictures a sheet
COLUMNS = ("number", "path", "reason", "accept")
ANSWERS = ("yes", "whole")


def doubts_folder(store: Path) -> Path:
    """`STORE.key/doubtful`."""
    return key_folder(store) / "doubtful"


def draw_doubt(folder: Path, source_id: str, picture: UInt8[np.ndarray, "h w"], sector: Sector | None) -> None:
    """Keep a picture of a clip with the outline that was found, until `write_sheets` collects them."""
    image = Image.fromarray(picture)
    scale = SIDE / max(image.size)
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    if sector is not None:
        corners = [(float(x) * scale, float(y) * scale) for x, y in sector.polygon]
        ImageDraw.Draw(image).line([*corners, corners[0]], fill=255, width=2)
    square = Image.new("L", (SIDE, SIDE))
    square.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
    content = io.BytesIO()
    square.save(content, format="PNG")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(folder, error) from error
    _write_private(folder / f"{source_id}.png", content.getvalue())


def write_sheets(store: Path, doubtful: Sequence[tuple[str, str, str]], *, answers: Mapping[str, str]) -> Path | None:
    """Collect the pictures into sheets and list the clips.

    Args:
        store: the store's folder.
        doubtful: source_id, path and reason of each clip.
        answers: as `read_signed_off` gave them to this run: they stay in the list, so that it can be handed in again.

    Returns:
        The list; None where there is nothing to look at and nothing was accepted.
    """
    folder = doubts_folder(store)
    pictures = [(number, folder / f"{source_id}.png") for number, (source_id, _, _) in enumerate(doubtful, start=1)]
    # Without pictures a run goes on that was killed when it had made its sheets.
    if not doubtful or any(file.exists() for _, file in pictures):
        _remove(folder.glob("sheet-*.png"))
    for first in range(0, len(pictures), A_SHEET):
        shown = [(number, file) for number, file in pictures[first : first + A_SHEET] if file.exists()]
        if shown:
            frames = np.stack([np.asarray(Image.open(file)) for _, file in shown])
            sheet = contact_sheet(frames, columns=6, captions=[f"{number}" for number, _ in shown])
            content = io.BytesIO()
            sheet.save(content, format="PNG")
            _write_private(folder / f"sheet-{first // A_SHEET + 1:03d}.png", content.getvalue())
    # Those of clips, too, that were in doubt in a run that was given up.
    _remove(file for file in folder.glob("*.png") if not file.name.startswith("sheet-"))
    listed = key_folder(store) / "doubtful.csv"
    _set_aside(listed, answers)
    if not doubtful and not answers:
        _remove([listed])
        return None
    rows = [(number, path, reason, answers.get(path, "")) for number, (_, path, reason) in enumerate(doubtful, start=1)]
    still = {path for _, path, _ in doubtful}
    rows += [("", path, "accepted", answer) for path, answer in answers.items() if path not in still]
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    _write_private(listed, content.getvalue().encode())
    return listed


def read_signed_off(path: Path) -> dict[str, str]:
    """path of a file -> "yes" or "whole", for all that a person accepted; with comma or semicolon, as labels.

    Raises:
        InputError: the file can't be read, lacks a column, or has another answer; the line is named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter_of(text.split("\n", 1)[0])))
    except FileNotFoundError:
        raise InputError(f"--sign-off {path} does not exist; the list to answer in is STORE.key/doubtful.csv") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"--sign-off {path} can't be read as CSV in UTF-8 ({type(error).__name__})") from None
    answers = {}
    for line, row in enumerate(rows, start=2):
        if row.get("path") is None or row.get("accept") is None:
            raise InputError(f"--sign-off {path} line {line} lacks `path` or `accept`, columns of doubtful.csv")
        answer = row["accept"].strip().lower()
        if answer and answer not in ANSWERS:
            raise InputError(f"--sign-off {path} line {line}: accept {answer!r} must be yes, whole or empty")
        if answer:
            answers[row["path"]] = answer
    return answers


def _set_aside(listed: Path, answers: Mapping[str, str]) -> None:
    """Keep a list in which a person has written what this run was not told."""
    try:
        told = read_signed_off(listed).items() <= answers.items() if listed.exists() else True
    except InputError:
        told = False
    if not told:
        try:
            listed.replace(listed.with_name("doubtful-before.csv"))
        except OSError as error:
            raise disk_error(listed, error) from error


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise disk_error(file, error) from error


def _write_private(path: Path, content: bytes) -> None:
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise disk_error(path, error) from error
