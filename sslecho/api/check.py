"""`check`: Store -> findings, and a page of them: damage, leaks, copies, contradictions, blank and frozen clips."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sslecho.api.nouns import as_store, counts, workers_of
from sslecho.api.report import checked_file
from sslecho.api.settings import CheckSettings
from sslecho.config import build
from sslecho.data.audit.audit import Audit, audit
from sslecho.data.audit.finding import ERROR, INFO, SEVERITIES, WARNING, Example, Finding
from sslecho.data.identity import read_sources
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError, NounError
from sslecho.report.check_page import build_check_page, share_said
from sslecho.report.markup import counted
from sslecho.rundir import write_text

PLURALS = ((ERROR, "errors"), (WARNING, "warnings"), (INFO, "notes"))
NAMED = 3  # places that a terminal shows of each finding
NEIGHBORS = 10  # clips nearest to each by embedding, compared by their pixels as those of near hashes are


def check(store: Store | Path | str, out: Path | str | None = None, **options: Any) -> list[Finding]:
    """Look for what makes figures of a store wrong; the store is not changed.

    Args:
        store: the store, or its folder.
        out: a page to write, a file that ends in .html; it holds frames of the store.
        options: the fields of `CheckSettings` (`embeddings="emb"`, `examples=6`, …).

    Returns:
        The findings, the worst first; none where there is nothing to say.

    Raises:
        InputError: settings, store or embeddings are not as they must be, or `out` can't be written.
    """
    return _check(as_store(store), out, options)[0].findings


def check_with_summary(store: Store | Path | str, out: Path | str | None = None, **options: Any) -> dict[str, Any]:
    """As `check`; returns all findings with all their examples, ready for JSON, and lines for a reader."""
    store = as_store(store)
    found, settings = _check(store, out, options)
    severe = SEVERITIES[: SEVERITIES.index(settings.fail_on) + 1] if settings.fail_on != "never" else ()
    splits = [word for word in dict.fromkeys(store.column("split").tolist()) if word is not None]
    return {
        "out": str(store.path if out is None else out),
        **counts(store, np.arange(store.clips.num_rows)),
        "n_frames": len(store),
        "split": "+".join(splits) or "all",
        **{plural: found.counts()[word] for word, plural in PLURALS},
        "findings": [_plain(finding, found) for finding in found.findings],
        "failed": [finding.name for finding in found.findings if finding.severity in severe],
    }


def said(store: Store | Path | str, result: dict[str, Any]) -> list[str]:
    """The findings for a terminal, with the files that they lead to where the store's key is at hand."""
    sources = _sources(as_store(store).path)
    found = ", ".join(counted(result[plural], plural[:-1]) for _, plural in PLURALS)
    lines = [f"{counted(result['n'], 'clip')}, {counted(result['n_frames'], 'frame')}: {found}"]
    for finding in result["findings"]:
        of_all = finding["counts"].get("share_of_clips")
        share = (
            "" if of_all is None else f" ({counted(finding['counts']['clips'], 'clip')}, {share_said(of_all)} of all)"
        )
        word = "note" if finding["severity"] == INFO else finding["severity"]
        lines.append(f"{word}: {finding['title']}: {counted(finding['n'], finding['noun'])}{share}")
        if finding["severity"] == INFO:
            continue
        for example in finding["examples"][:NAMED]:
            where = [_where(frame, sources) for frame in example["frames"][:2]]
            lines.append("  " + "; ".join(word for word in (example["said"], *where) if word))
        lines.append(f"  cure: {finding['cure']}")
    return lines


def _check(store: Store, out: Path | str | None, options: dict[str, Any]) -> tuple[Audit, CheckSettings]:
    settings = build(CheckSettings, options)
    page = None if out is None else checked_file(out, ".html", "a page")
    neighbors = [] if settings.embeddings is None else list(_neighbors(store, settings.embeddings))
    found = audit(store, neighbors=neighbors, workers=workers_of(settings.workers), seed=settings.seed)
    if page is not None:
        write_text(page, build_check_page(store, found, examples=settings.examples))
    return found, settings


def _neighbors(store: Store, folder: str) -> Iterator[tuple[int, int]]:
    """Pairs of clips that are near by embedding, as rows of the store's clips.

    Raises:
        InputError: the embeddings are of other frames.
    """
    from sslecho.embed.index.flat import FlatIndex  # FAISS, only where it is asked for

    embeddings = Embeddings.load(folder)
    if embeddings.meta.get("frames_hash") != store.frames_hash:
        raise InputError(f"--embeddings {folder} are of other frames than {store.path}; embed this store again")
    clips = embeddings.per_clip()
    row = {clip_id: place for place, clip_id in enumerate(store.column("clip_id").tolist())}
    rows = np.array([row[clip_id] for clip_id in clips.column("clip_id")], dtype=np.int64)
    if len(rows) < 2:
        return
    _, ids = FlatIndex.build(clips.vectors).search(
        clips.vectors, min(NEIGHBORS, len(rows) - 1), query_groups=rows, groups=rows
    )
    for a, near in enumerate(ids):
        for b in near[near >= 0]:
            yield int(rows[a]), int(rows[b])


def _plain(finding: Finding, found: Audit) -> dict[str, Any]:
    return {
        "name": finding.name,
        "severity": finding.severity,
        "title": finding.title,
        "n": finding.n,
        "noun": finding.noun,
        "rule": finding.rule,
        "cure": finding.cure,
        "counts": finding.counts,
        "examples": [_plain_example(example, found) for example in finding.examples],
    }


def _plain_example(example: Example, found: Audit) -> dict[str, Any]:
    return {"said": example.said, **example.figures, "frames": [found.rows.said(row) for row in example.rows]}


def _sources(store: Path) -> dict[tuple[str, int] | str, str]:
    """The file of each clip, and of each frame of a clip that came as files; empty where they can't be read."""
    try:
        rows: Sequence[dict[str, Any]] = read_sources(store).to_pylist()
    except (NounError, OSError):
        return {}
    files: dict[tuple[str, int] | str, str] = {}
    for row in rows:
        if row["clip_id"] is not None:
            files.setdefault(row["clip_id"], row["path"])
            if row["frame"] is not None:
                files[row["clip_id"], row["frame"]] = row["path"]
    return files


def _where(frame: dict[str, Any], sources: dict[tuple[str, int] | str, str]) -> str:
    clip, index = frame["clip_id"], frame["frame_index"]
    file = sources.get((clip, index)) or sources.get(clip)
    return f"clip {clip} frame {index}" + (f" ({file})" if file else "")
