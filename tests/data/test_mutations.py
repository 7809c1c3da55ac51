"""Mutated files: none ends a run, hangs it, costs a neighbor, or brings a name into a store.

`benchmarks/quality/mutations.py` takes many more of the same.
"""

from pathlib import Path

import numpy as np
import pytest
from data.mutants import Found, Mutants, own_kinds, settings_of_a_fuzz
from data.mutator import WAYS, find_fields, mend_png, mutate

N_MUTANTS = 300


def test_mutants_do_no_harm(tmp_path: Path):
    """Through worker processes with tight limits."""
    (tmp_path / "kinds").mkdir()
    mutants, found = Mutants(own_kinds(tmp_path / "kinds"), seed=1), Found()
    settings = settings_of_a_fuzz(workers=2, max_seconds=30, max_memory_mb=1024)
    mutants.ingest(tmp_path / "work", range(N_MUTANTS), found, **settings)
    assert not found.broken
    assert not found.lost
    assert not found.named
    assert found.n_good == N_MUTANTS // 10
    assert sum(found.outcomes.values()) == N_MUTANTS
    assert found.outcomes["accepted"] > 20
    assert len(found.outcomes) > 5


def test_kinds_are_read_before_they_are_damaged(tmp_path: Path):
    """Or the mutants would test nothing but the door."""
    from sslecho.data.readers.sniff import open_recording

    for number, kind in enumerate(own_kinds(tmp_path)):
        path = tmp_path / f"kind{number}{kind.suffix}"
        path.write_bytes(kind.content)
        recording = open_recording(path)
        assert sum(1 for _ in recording.frames(range(recording.n_frames))) == recording.n_frames, path.name


def test_a_mutant_is_always_the_same(tmp_path: Path):
    kinds = own_kinds(tmp_path)
    first, second = Mutants(kinds, seed=1), Mutants(kinds, seed=1)
    other = Mutants(kinds, seed=2)
    assert [first.file(number) for number in range(50)] == [second.file(number) for number in range(50)]
    assert [first.file(number) for number in range(50)] != [other.file(number) for number in range(50)]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".gif", ".mp4", ".avi", ".dcm"])
def test_fields_are_found_in_every_format(tmp_path: Path, suffix: str):
    """The width and height, or their like, stand in some field."""
    kinds = [kind for kind in own_kinds(tmp_path) if kind.suffix == suffix]
    for kind in kinds:
        fields = find_fields(kind.content)
        assert len(fields) > 5, suffix
        values = {int.from_bytes(kind.content[at : at + n], order) for at, n, order in fields}  # pyright: ignore
        assert values & {32, 64}, suffix


def test_every_way_changes_something(tmp_path: Path):
    kinds = own_kinds(tmp_path)
    contents = [kind.content for kind in kinds]
    for name, way in WAYS.items():
        rng = np.random.default_rng(0)
        changed = sum(way(content, contents, rng) != content for content in contents)
        assert changed > len(contents) // 2, name
    assert mutate(b"", contents, np.random.default_rng(0))[1]


def test_a_mended_png_is_whole(tmp_path: Path):
    content = own_kinds(tmp_path)[0].content
    assert mend_png(content) == content
    at = content.index(b"IHDR")
    damaged = content[: at + 12] + b"\x07" + content[at + 13 :]
    assert mend_png(damaged)[at + 13 :] != damaged[at + 13 :]
