"""Archives of pictures."""

from collections.abc import Callable
from pathlib import Path

import pytest
from data.archives import pattern, write_png


@pytest.fixture
def archive(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of pictures: `archive({"a/b.png": seed, …})`."""

    def make(files: dict[str, int], name: str = "archive") -> Path:
        for relative, seed in files.items():
            write_png(tmp_path / name / relative, pattern(seed=seed))
        return tmp_path / name

    return make
