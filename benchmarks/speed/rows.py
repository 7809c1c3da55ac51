"""A file of results, a line each, so that a benchmark that was killed goes on with what is missing."""

import contextlib
import json
from pathlib import Path
from typing import Any


class Rows:
    """A file of lines that are done, each under the key of what decides it."""

    def __init__(self, file: Path):
        self.file = file
        self.done: dict[str, dict[str, Any]] = {}
        if file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):  # a killed run may leave half a line
                    row = json.loads(line)
                    self.done[row["key"]] = row

    def add(self, row: dict[str, Any]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        broken = self.file.exists() and self.file.read_bytes()[-1:] not in (b"\n", b"")
        with self.file.open("a", encoding="utf-8") as file:
            file.write("\n" * broken + json.dumps(row) + "\n")
        self.done[row["key"]] = row
