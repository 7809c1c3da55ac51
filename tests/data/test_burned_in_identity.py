"""Names, dates and numbers burned in beside the sector, in twelve layouts on four devices: none reaches the store."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def measured() -> dict:
    """The benchmark on a small archive, in a process of its own."""
    program = ROOT / "benchmarks" / "quality" / "identity.py"
    done = subprocess.run(
        [sys.executable, program, "--quick", "--seed", "501"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_no_glyph_pixel_survives(measured: dict):
    assert measured["ratios"]["surviving_pixels"] == 0
    assert measured["ratios"]["surviving_pixels_of_names"] == 0


def test_there_was_something_to_survive(measured: dict):
    rows = [row for row in measured["rows"] if row["kinds"] == "b-mode"]
    layouts = [row for row in rows if row["by"] == "layout"]
    assert sum(row["glyph_pixels"] for row in layouts) > 20_000
    assert len(layouts) >= 7
    assert len([row for row in rows if row["by"] == "device"]) >= 4
    kinds = {row["what"]: row for row in rows if row["by"] == "kind"}
    # Few b-mode clips are lost to a doubt, and no colour clip passes.
    assert kinds["b-mode"]["taken"] >= 0.8 * kinds["b-mode"]["clips"]
    assert kinds["colour"]["taken"] == 0
