import sys

import pytest

from sslecho.errors import SettingsError
from sslecho.registry import Registry


def test_names_are_file_names_and_nothing_is_imported():
    registry = Registry("schedule", "sslecho.train", shared=("loop",))
    assert "schedule" in registry.names()
    assert "loop" not in registry.names()


def test_an_unknown_name_gets_a_suggestion():
    registry = Registry("objective", "sslecho.objectives")
    with pytest.raises(SettingsError, match=r"'simclrr' does not exist \(did you mean 'simclr'\?\); choose one of"):
        registry["simclrr"]


def test_names_are_unique_and_have_a_file():
    registry = Registry("objective", "sslecho.objectives")
    registry.add("simclr")(object)
    with pytest.raises(ValueError, match="registered twice"):
        registry.add("simclr")(object)
    with pytest.raises(ValueError, match="must live in a file of that name"):
        registry.add("nowhere")(object)


def test_a_file_is_imported_when_its_name_is_asked_for():
    from sslecho.objectives import OBJECTIVES

    assert OBJECTIVES["simclr"].__name__ == "SimCLR"
    assert "sslecho.objectives.simclr" in sys.modules
