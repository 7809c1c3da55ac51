"""Make docs/benchmarks.md from the last full run of each benchmark in benchmarks/results/.

python benchmarks/page.py            writes docs/benchmarks.md
python benchmarks/page.py --check    exits with 1 where the page is not what the results say
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS, PAGE, PROSE = ROOT / "benchmarks" / "results", ROOT / "docs" / "benchmarks.md", ROOT / "benchmarks" / "prose"


def main() -> None:
    page = make_page()
    if "--check" in sys.argv[1:]:
        sys.exit(0 if PAGE.read_text(encoding="utf-8") == page else "docs/benchmarks.md is old: run benchmarks/page.py")
    PAGE.write_text(page, encoding="utf-8")


def make_page() -> str:
    """Prose from benchmarks/prose, a file a benchmark in their order; `{table}`, `{table:NAME}` and `{run}` stand for
    the figures."""
    parts = []
    for file in sorted(PROSE.glob("*.md")):
        text = file.read_text(encoding="utf-8")
        result = RESULTS / f"{file.stem.split('-', 1)[1]}.json"
        if result.exists():
            found = json.loads(result.read_text(encoding="utf-8"))
            text = text.replace("{table}", _table(found)).replace("{run}", _run(found))
            text = text.replace("{recommendation}", _recommendation(found))
            for name, rows in found.get("tables", {}).items():
                text = text.replace(f"{{table:{name}}}", "\n".join(_lines(rows)))
        elif "{run}" in text:
            continue  # a benchmark that was not run in full has nothing to say
        parts.append(text.strip())
    return "\n\n".join(parts) + "\n"


def _run(found: dict[str, Any]) -> str:
    machine = found["machine"]
    if isinstance(machine, dict):
        machine = f"{machine['cpu']}, {machine['cores']} cores"
    return f"commit {found['commit']}, {machine}, seeds {', '.join(map(str, found['seeds']))}"


def _recommendation(found: dict[str, Any]) -> str:
    """What a benchmark concludes from its figures by its rule."""
    return "\n".join(f"- {line}" for line in found.get("recommendation", {}).get("text", []))


def _table(found: dict[str, Any]) -> str:
    lines = _lines(found.get("means") or found["rows"])
    ratios = [f"- `{name}`: {_ratio(name, value, found)}" for name, value in found.get("ratios", {}).items()]
    return "\n".join([*lines, "", *ratios])


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(columns) + " |", "| " + " | ".join("---" for _ in columns) + " |"]
    return lines + ["| " + " | ".join(_said(row.get(column)) for column in columns) + " |" for row in rows]


def _ratio(name: str, value: Any, found: dict[str, Any]) -> str:
    if isinstance(value, dict):
        return f"{value['mean']:+.3f} in the mean; by seed {', '.join(f'{v:+.3f}' for v in value['by_seed'])}"
    goal = f"; goal {found['goals'][name]:.3g}" if name in found.get("goals", {}) else ""
    if value is None:
        return f"not given{goal}"
    if isinstance(value, list):
        return f"{value[0]:+.3f} ({value[1]:+.3f} to {value[2]:+.3f})"
    spread = found.get("spread", {}).get(name)
    return f"{value:.3g}" + (f" ({spread[0]:.3g}–{spread[1]:.3g} over repeats)" if spread else "") + goal


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else str(value)


if __name__ == "__main__":
    main()
