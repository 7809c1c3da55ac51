"""What documents the code is checked against the code."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_benchmarks_page_is_made_from_the_results():
    done = subprocess.run([sys.executable, ROOT / "benchmarks" / "page.py", "--check"], check=False)
    assert done.returncode == 0


def test_readme_names_every_command_of_the_main_job():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("demo", "doctor", "ingest", "split", "pretrain", "embed", "cluster", "report"):
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
