"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real ultrasound that is not shipped with the project; skips where it is absent."""
    given = os.environ.get("SSLECHO_TEST_DATA")
    folder = Path(given) if given else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real ultrasound is not here: set SSLECHO_TEST_DATA to a folder that holds it")
    return folder
