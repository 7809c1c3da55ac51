"""Every recipe runs through on the phantom, in smoke mode, and keeps its promises to the reader."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "opening.py")


def test_each_published_system_has_its_recipe():
    assert RECIPES == [
        "archive_to_labels.py",
        "cactus_grading.py",
        "chartsias_imbalanced.py",
        "fusc_clustering.py",
        "madani_views.py",
        "stfm_video.py",
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_short_and_says_what_it_takes(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    head = text.split('"""')[1]
    assert all(word in head for word in (f"python recipes/{name}", "time:", "memory:", "seed:", "expected:"))
    assert f"`{name}`" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_runs_through(name, tmp_path):
    call = [sys.executable, str(FOLDER / name), "-o", str(tmp_path / "out"), "--smoke"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads((tmp_path / "out" / "table.json").read_text(encoding="utf-8"))
    assert len(rows) >= 3
    assert all(next(iter(rows[0])) in done.stdout and len(row) >= 3 for row in rows)
