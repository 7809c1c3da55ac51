"""Fixtures that every test may use."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # a test process a core: more threads in each would only wait for another
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real ultrasound that is not shipped with the project; skips where it is absent."""
    given = os.environ.get("SSLECHO_TEST_DATA")
    folder = Path(given) if given else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real ultrasound is not here: set SSLECHO_TEST_DATA to a folder that holds it")
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker processes: the same order, in this process."""

    from sslecho.data.workers import Pool

    def in_order(self: object, function: Callable, tasks: Iterable, *, on_death: Callable) -> Iterator:
        for task in tasks:
            yield task, function(task)

    monkeypatch.setattr(Pool, "in_order", in_order)
