"""docs/pretraining.md says what the code has."""

import dataclasses
import re
from pathlib import Path

import pytest

from sslecho.api.settings import PretrainSettings
from sslecho.config import build
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.supcon import CHARTSIAS, SupConSettings

PAGE = (Path(__file__).parents[2] / "docs" / "pretraining.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_every_setting_stands_there_with_its_default(name):
    written = PAGE.partition(f"### `{name}`")[2].partition("###")[0]
    rows = [tuple(cell.strip() for cell in line.split("|")[1:4]) for line in written.splitlines() if "| `" in line]
    expected = []
    for field in dataclasses.fields(OBJECTIVES[name].settings_class):
        default = ("off", "on")[field.default] if isinstance(field.default, bool) else str(field.default)
        choices = field.metadata["choices"]
        said = field.metadata["help"] + (f" One of {', '.join(choices)}." if choices else "")
        expected.append((f"`{field.name}`", default, said))
    assert rows == expected


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_every_method_is_in_the_table(name):
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}`"))
    negatives, labels = (cell.strip() for cell in row.split("|")[3:5])
    assert OBJECTIVES[name].negatives == (negatives != "none")
    assert {"none": "none", "some": "where there are some", "all": "of all frames"}[OBJECTIVES[name].labels] == labels


def test_the_commands_can_be_said():
    options = {field.name for field in dataclasses.fields(PretrainSettings)} | {"json", "overwrite"}
    named = {word[2:].replace("-", "_") for word in re.findall(r"--[a-z][a-z-]+", PAGE)}
    assert named - options == set()
    for method, written in re.findall(r"--method (\w+) .*?--method-set (\S+)", PAGE):
        build(OBJECTIVES[method].settings_class, dict(pair.split("=") for pair in written.split(",")))


def test_the_command_for_chartsias_is_chartsias():
    written = re.search(r"--temperature 1000 --method-set (\S+)", PAGE)
    assert written
    values = {"temperature": 1000.0, **dict(pair.split("=") for pair in written[1].split(","))}
    assert build(SupConSettings, values) == CHARTSIAS
