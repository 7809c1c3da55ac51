"""`report`: a run's folder, or one that holds several -> one self-contained page."""

from pathlib import Path
from typing import Any

from sslecho.errors import InputError
from sslecho.report.page import build_page
from sslecho.report.run_folder import find_runs
from sslecho.rundir import disk_error, write_text


def report(run: Path | str, out: Path | str) -> Path:
    """Draw the page of a run, or of all runs in a folder; an earlier page of that name is replaced.

    Args:
        run: a folder that a command wrote, or one that holds such folders.
        out: the page, a file that ends in .html.

    Returns:
        The page's path.

    Raises:
        InputError: no run there, or `out` can't be written.
    """
    return Path(report_with_summary(run, out)["out"])


def report_with_summary(run: Path | str, out: Path | str) -> dict[str, Any]:
    """As `report`; returns what is on the page, ready for JSON."""
    runs = find_runs(run)
    out = checked_file(out, ".html", "a page")
    page = build_page(runs)
    write_text(out, page.html)
    return {
        "out": str(out),
        "bytes": len(page.html.encode()),
        **{name: _same([one.result.get(name) for one in runs]) for name in ("n", "n_patients", "split", "unit")},
        "runs": [
            {
                "name": one.name,
                "command": one.command,
                "state": one.state,
                "title": chapter.title,
                "figures": [{"name": f.name, "value": f.value, "low": f.low, "high": f.high} for f in chapter.figures],
                "warnings": chapter.warnings,
            }
            for one, chapter in zip(runs, page.chapters, strict=True)
        ],
        "notes": [warning for chapter in page.chapters for warning in chapter.warnings],
    }


def _same(values: list[Any]) -> Any:
    """What all runs agree on, or None."""
    return values[0] if all(value == values[0] for value in values) else None


def checked_file(out: Path | str, suffix: str, what: str) -> Path:
    """The file to write, its folder made.

    Raises:
        InputError: another ending, or a folder stands there.
    """
    out = Path(out)
    if out.is_dir():
        raise InputError(f"--out {out} is a folder; name {what} in it, such as {out}/{what.split()[-1]}{suffix}")
    if out.suffix.lower() != suffix:
        raise InputError(f"--out {out} must end in {suffix}, the kind of file that is written")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(out, error) from error
    return out
