"""Clips whose sector is uncertain: pictures of them for a person to look at, and what that person said.

The pictures may show a name, so they stand beside the store's key, for its owner alone:

    STORE.key/doubtful/sheet-001.png   numbered, the sector that was found drawn in
    STORE.key/doubtful.csv             number, path, reason, accept
Under `accept` a person writes `yes` (the sector that is drawn is right) or `whole` (the picture shows no one's name)
and hands the file back with `--sign-off`.
"""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from sslecho.data.identity import key_folder
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


def write_sheets(store: Path, doubtful: Sequence[tuple[str, str, str]]) -> Path | None:
    """Collect the pictures into sheets and list the clips.

    Args:
        store: the store's folder.
        doubtful: source_id, path and reason of each clip.

    Returns:
        The list; None where there is nothing to look at.
    """
    folder = doubts_folder(store)
    pictures = [(number, folder / f"{source_id}.png") for number, (source_id, _, _) in enumerate(doubtful, start=1)]
    for first in range(0, len(pictures), A_SHEET):
        shown = [(number, file) for number, file in pictures[first : first + A_SHEET] if file.exists()]
        if shown:
            frames = np.stack([np.asarray(Image.open(file)) for _, file in shown])
            sheet = contact_sheet(frames, columns=6, captions=[f"{number}" for number, _ in shown])
            content = io.BytesIO()
            sheet.save(content, format="PNG")
            _write_private(folder / f"sheet-{first // A_SHEET + 1:03d}.png", content.getvalue())
    listed = key_folder(store) / "doubtful.csv"
    try:
        for _, file in pictures:
            file.unlink(missing_ok=True)
        if not doubtful:
            listed.unlink(missing_ok=True)
            return None
    except OSError as error:
        raise disk_error(listed, error) from error
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((number, path, reason, "") for number, (_, path, reason) in enumerate(doubtful, start=1))
    _write_private(listed, content.getvalue().encode())
    return listed


def read_signed_off(path: Path) -> dict[str, str]:
    """path of a file -> "yes" or "whole", for all that a person accepted.

    Raises:
        InputError: the file can't be read, lacks a column, or has another answer; the line is named.
    """
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"--sign-off {path} can't be read as CSV ({type(error).__name__})") from None
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


def _write_private(path: Path, content: bytes) -> None:
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise disk_error(path, error) from error
