"""The rules of the house that a machine can check."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "sslecho").rglob("*.py"))


def test_imports_go_downward_only():
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_of_a_size_that_can_be_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350


def test_names_say_something():
    empty = {"utils", "util", "common", "helpers", "helper", "misc"}
    assert not [path for path in SOURCES if empty & {part.removesuffix(".py") for part in path.parts}]


def test_annotations_are_checked_as_written():
    """`from __future__ import annotations` turns them into text and defeats the check of shapes."""
    assert not [path for path in SOURCES if "from __future__ import annotations" in path.read_text(encoding="utf-8")]


def test_nothing_is_unpickled():
    """Weights and tables come from strangers: nothing that is loaded may run code."""
    pattern = re.compile(r"pickle\.loads?\(|allow_pickle=True|weights_only=False|\beval\(|\bexec\(")
    found = [path for path in SOURCES if pattern.search(path.read_text(encoding="utf-8").replace(".eval()", ""))]
    assert not found
