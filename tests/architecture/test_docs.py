"""What documents the code is checked against the code."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from sslecho.api.settings import IngestSettings
from sslecho.data.layouts import LAYOUTS
from sslecho.data.readers.dicom.codecs import SYNTAXES
from sslecho.data.signoff import ANSWERS
from sslecho.data.triage import KINDS

ROOT = Path(__file__).parents[2]


def test_the_benchmarks_page_is_made_from_the_results():
    done = subprocess.run([sys.executable, ROOT / "benchmarks" / "page.py", "--check"], check=False)
    assert done.returncode == 0


def test_readme_names_every_command_of_the_main_job():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("demo", "doctor", "ingest", "check", "split", "pretrain", "embed", "cluster", "report"):
        assert f"sslecho {command}" in text


def test_every_decision_is_listed():
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    records = [file.name for file in folder.glob("0*.md")]
    assert records
    assert all(f"({name})" in listed for name in records)


def test_links_in_the_docs_lead_somewhere():
    import re

    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text) + re.findall(r'src="([^"]+)"', text):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def ingest_page() -> str:
    return (ROOT / "docs" / "ingest.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [*KINDS, *LAYOUTS, *ANSWERS])
def test_the_ingest_page_names_every_kind_layout_and_answer(word):
    assert f"`{word}`" in ingest_page()


@pytest.mark.parametrize("family", sorted({syntax.family for syntax in SYNTAXES.values()} - {"other"}))
def test_the_ingest_page_names_every_family_of_dicom_codecs(family):
    row = next(line for line in ingest_page().splitlines() if line.startswith("| DICOM"))
    assert family in row.lower()


def test_the_ingest_page_names_only_options_that_exist():
    import re

    options = {f"--{field.name.replace('_', '-')}" for field in fields(IngestSettings)}
    of_others = {"--by", "--fail-on", "--json", "--overwrite"}
    named = set(re.findall(r"--[a-z][a-z-]+", ingest_page()))
    assert named - options - of_others == set()


@pytest.mark.parametrize("package", sorted(path.parent.name for path in (ROOT / "sslecho/data").glob("*/__init__.py")))
def test_the_architecture_page_names_every_package_of_the_data_layer(package):
    assert f"`{package}/`" in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
