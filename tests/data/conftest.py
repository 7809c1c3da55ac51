"""Archives of pictures, and an ingest without worker processes."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from data.archives import pattern, write_png

from sslecho.data.workers import Pool


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker processes: the same order, in this process."""

    def in_order(self: Pool, function: Callable, tasks: Iterable, *, on_death: Callable) -> Iterator:
        for task in tasks:
            yield task, function(task)

    monkeypatch.setattr(Pool, "in_order", in_order)


@pytest.fixture
def archive(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of pictures: `archive({"a/b.png": seed, …})`."""

    def make(files: dict[str, int], name: str = "archive") -> Path:
        for relative, seed in files.items():
            write_png(tmp_path / name / relative, pattern(seed=seed))
        return tmp_path / name

    return make
