"""How every recipe opens and closes: a data set or the phantom, a folder for its results, a table."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sslecho

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Given:
    """What a recipe was told on the command line.

    Attributes:
        data: a data set as it is downloaded; None simulates one.
        out: the folder of every step's result; the same call goes on there.
        smoke: do everything, as little of it as possible.
    """

    data: Path | None
    out: Path
    smoke: bool
    seed: int

    def archive(self, **simulated: Any) -> tuple[Path, dict[str, Any]]:
        """The files to ingest and what ingest must be told of them: a data set's layout says it by itself."""
        if self.data is not None:
            return self.data, {}
        archive = self.out / "archive"
        if not (archive / "labels.csv").exists():
            sslecho.phantom(archive, seed=self.seed, overlays=False, **simulated)
        return archive, {"labels": str(archive / "labels.csv")}

    def learning(self, **full: Any) -> dict[str, Any]:
        """How a network learns; in smoke mode the smallest one, for a few steps."""
        tiny = {"backbone": "test_resnet", "image_size": 32, "epochs": 1}
        return {**full, **(tiny if self.smoke else {}), "seed": self.seed}


def given(doc: str | None, arguments: Sequence[str] | None = None) -> Given:
    """Read the command line of a recipe whose docstring is `doc`."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="the data set; simulated where it is left out")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--seed", type=int, default=10_000)
    parser.add_argument("--smoke", action="store_true", help="a minute's run that shows that all of it works")
    told = parser.parse_args(arguments)
    told.out.mkdir(parents=True, exist_ok=True)
    return Given(told.data, told.out, told.smoke, told.seed)


def interval(scores: Row, name: str) -> str:
    """A figure with its 95 % interval over patients, or a dash where it is not defined."""
    value, low, high = (scores.get(key) for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return "–"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} ({low:.3f}–{high:.3f})"


def show(rows: Sequence[Row], out: Path) -> Sequence[Row]:
    """Print rows as a table, and keep them as table.json in the recipe's folder."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([str(row.get(name, "")) for name in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        print("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())
    (out / "table.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return rows
