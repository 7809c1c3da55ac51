"""Where a run came from: settings, inputs by their hashes, the store, the encoder, the software."""

from collections.abc import Mapping, Sequence
from typing import Any

from sslecho.report.chapter import Part
from sslecho.report.markup import definitions, text
from sslecho.report.run_folder import Run
from sslecho.report.wording import hashes_in_words, settings_in_words

Pairs = list[tuple[str, Any]]


SHARED = ("Store", "Software")
HASHES_SAID = "Hashes are SHA-256, cut to 12 letters; the whole one shows on hover."


def provenance_part(run: Run, *, without: frozenset[str] = frozenset()) -> Part:
    """Enough to run it again, without a path: the page is passed on.

    Args:
        without: titles of blocks to leave out.
    """
    blocks = {title: pairs for title, pairs in _blocks(run).items() if title not in without}
    intro = f"Enough to run it again. {HASHES_SAID}"
    return Part("provenance", "Provenance", "Where it came from", intro, _cards(blocks))


def common_part(runs: Sequence[Run]) -> tuple[Part | None, frozenset[str]]:
    """What all runs of a page share of store and software, and the titles of these blocks."""
    of_runs = [_blocks(run) for run in runs]
    common = {
        title: of_runs[0][title]
        for title in SHARED
        if title in of_runs[0] and all(blocks.get(title) == of_runs[0][title] for blocks in of_runs)
    }
    if not common:
        return None, frozenset()
    part = Part("common", "Common to all", "What all runs share", HASHES_SAID, _cards(common))
    return part, frozenset(common)


def _blocks(run: Run) -> dict[str, Pairs]:
    blocks = {"Settings": _settings(run)}
    hashes = hashes_in_words(run.identity)
    encoder = _inner(run.encoder, "sslecho")
    if encoder.get("hash") and encoder["hash"] not in dict(hashes).values():
        hashes.append(("encoder", encoder["hash"]))
    if run.model.get("sha256"):
        hashes.append(("model", run.model["sha256"]))
    blocks["Hashes"] = list(hashes)
    made_by = _inner(_inner(encoder, "provenance"), "settings")
    if made_by and run.command != "pretrain":
        blocks["Encoder"] = settings_in_words(made_by)
    if run.store is not None:
        blocks["Store"] = _store(run)
    blocks["Software"] = _software(run)
    return blocks


def _cards(blocks: Mapping[str, Pairs]) -> str:
    shown = "".join(
        f'<div class="card"><h3>{text(title)}</h3>{definitions((str(term), value) for term, value in pairs)}</div>'
        for title, pairs in blocks.items()
        if pairs
    )
    return f'<div class="provenance">{shown}</div>'


def _settings(run: Run) -> Pairs:
    """What decides the result, and what was set beside it."""
    known = settings_in_words(run.identity)
    return known or settings_in_words(run.settings)


def _store(run: Run) -> Pairs:
    store = run.store
    assert store is not None
    about = store.manifest
    kept = settings_in_words(about.get("settings", {}))
    return [
        ("frames", f"{len(store):,} of {about['frame_shape'][0]} × {about['frame_shape'][1]} pixels"),
        ("clips", f"{store.clips.num_rows:,}"),
        ("independent unit", store.unit),
        ("frames hash", store.frames_hash),
        # A hash of file names is told apart from others by whoever has the files; nobody else needs it.
        *[(name, value) for name, value in kept if name not in ("sources", "layout")],
        *[(f"split {name}", value) for name, value in _inner(about, "split").items() if not isinstance(value, list)],
    ]


def _software(run: Run) -> Pairs:
    made = run.provenance
    return [("sslecho", made.get("sslecho")), ("commit", made.get("commit")), ("Python", made.get("python")),
            ("platform", made.get("platform")), *_inner(made, "packages").items()]  # fmt: skip


def _inner(mapping: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = mapping.get(name)
    return value if isinstance(value, Mapping) else {}
