from dataclasses import dataclass

import pytest

from sslecho.config import build, identity, option, resolve, to_toml
from sslecho.errors import SettingsError


@dataclass(frozen=True)
class Example:
    epochs: int = option(10, "Passes.", minimum=1)
    lr: float = option(0.1, "Rate.", minimum=0.0, maximum=1.0)
    method: str = option("simclr", "Which.", choices=("simclr", "byol"))
    k: tuple[int, ...] = option((5, 10), "Clusters.", minimum=2)
    note: str | None = option(None, "Anything.")
    limit: int | None = option(None, "At most.", minimum=1)
    quick: bool = option(False, "Faster.")
    workers: int = option(0, "Processes.", decides=False)


def test_later_sources_win(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('[example]\nepochs = 1\nlr = 0.5\nmethod = "byol"\n[other]\nx = 1\n')
    flags = {"lr": "0.2", "method": None}
    settings = resolve(Example, "example", file=file, assignments=["example.epochs=3", "example.lr=0.3"], flags=flags)
    assert (settings.epochs, settings.lr, settings.method) == (3, 0.2, "byol")


def test_text_is_read_as_the_type_of_the_setting():
    settings = build(Example, {"k": "2, 30,400", "quick": "yes", "limit": "7", "lr": "1e-3", "epochs": "5"})
    assert (settings.k, settings.quick, settings.limit, settings.lr, settings.epochs) == (
        (2, 30, 400),
        True,
        7,
        1e-3,
        5,
    )


def test_all_problems_are_told_at_once():
    with pytest.raises(SettingsError) as error:
        build(Example, {"epochs": 0, "lr": "fast", "method": "simclrr", "epoch": 3, "k": [1, 5]})
    assert error.value.problems == [
        "epochs is 0; it must be at least 1",
        "lr is 'fast'; it must be a number",
        "method is 'simclrr' (did you mean 'simclr'?); choose one of: simclr, byol",
        "'epoch' is no setting (did you mean 'epochs'?); known: epochs, lr, method, k, note, limit, quick, workers",
        "k is 1,5; it must be at least 2",
    ]


@pytest.mark.parametrize("value", ["nan", float("nan"), 2.0, -1])
def test_numbers_out_of_bounds(value):
    with pytest.raises(SettingsError, match="lr is .*it must be at"):
        build(Example, {"lr": value})


@pytest.mark.parametrize("value", [1.5, "1.5", True, "many", None, "inf"])
def test_whole_numbers(value):
    with pytest.raises(SettingsError, match="epochs is .*it must be a whole number"):
        build(Example, {"epochs": value})


@pytest.mark.parametrize("text", ["epochs=3", "other.epochs=3", "example.epochs"])
def test_assignments_name_their_section(text):
    with pytest.raises(SettingsError, match=r"--set .* must read example.KEY=VALUE"):
        resolve(Example, "example", file=None, assignments=[text], flags={})


def test_files_that_cannot_be_used(tmp_path):
    def read(content):
        (tmp_path / "a.toml").write_text(content)
        resolve(Example, "example", file=tmp_path / "a.toml", assignments=[], flags={})

    with pytest.raises(SettingsError, match=r"can't be read .*name a TOML file that exists"):
        resolve(Example, "example", file=tmp_path / "none.toml", assignments=[], flags={})
    with pytest.raises(SettingsError, match="is no valid TOML"):
        read("epochs = = 3")
    with pytest.raises(SettingsError, match=r"'epochs' stands outside a section; put it under \[example\]"):
        read("epochs = 3")
    with pytest.raises(SettingsError, match=r"\[exampel\] is no command; did you mean \[example\]"):
        read("[exampel]\nepochs = 3")


def test_the_resolved_settings_read_back(tmp_path):
    settings = build(Example, {"k": (3, 4), "note": 'a "quoted" \\ line\nand more', "quick": True, "lr": 1e-5})
    (tmp_path / "a.toml").write_text(to_toml(settings, "example"))
    assert resolve(Example, "example", file=tmp_path / "a.toml", assignments=[], flags={}) == settings


def test_identity_leaves_out_what_does_not_decide():
    assert "workers" not in identity(Example())
    assert identity(Example())["k"] == [5, 10]
