"""Archives of pictures, and an ingest without worker processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from data.archives import pattern, write_png

from sslecho.data import ingest as ingest_module


class Here:
    """Stands in for the pool: the same order, in this process."""

    def __init__(self, n_workers: int):
        pass

    def in_order(self, function, tasks, *, on_death) -> Iterator:
        for task in tasks:
            yield task, function(task)

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker processes."""
    monkeypatch.setattr(ingest_module, "Pool", Here)


@pytest.fixture
def archive(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of pictures: `archive({"a/b.png": seed, …})`."""

    def make(files: dict[str, int], name: str = "archive") -> Path:
        for relative, seed in files.items():
            write_png(tmp_path / name / relative, pattern(seed=seed))
        return tmp_path / name

    return make
