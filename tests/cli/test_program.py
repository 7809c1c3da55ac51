"""The program as a user meets it: in a process of its own."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import sslecho
from sslecho.cli.app import app

COMMANDS = (
    "demo doctor phantom ingest check split pretrain embed cluster propagate probe finetune view grade "
    "select visualize report augmentations audit explain review export predict"
).split()
GROUPED = {"label_efficiency": "benchmark label-efficiency"}
WORDS = [*([name] for name in COMMANDS), *(words.split() for words in GROUPED.values())]


def program(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "sslecho", *words], capture_output=True, text=True, check=False)


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['sslecho', '--help']\n"
        "from sslecho.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = 'torch numpy pyarrow sklearn faiss umap matplotlib pydicom av PIL'.split()\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(words[0] in done.stdout for words in WORDS)


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_every_command_has_help_with_defaults(words):
    done = CliRunner().invoke(app, [*words, "--help"])
    assert done.exit_code == 0
    assert "--json" in done.output


@pytest.mark.parametrize("command", [*COMMANDS, *GROUPED])
def test_every_command_is_a_function_of_the_same_name(command):
    assert callable(getattr(sslecho, command))
    assert getattr(sslecho, command).__name__ == command


def test_public_names_are_these():
    nouns = ["Embeddings", "Encoder", "Predictions", "Scores", "Store"]
    assert sorted(sslecho.__all__) == sorted([*nouns, *COMMANDS, *GROUPED, "__version__"])
    assert all(getattr(sslecho, name) for name in sslecho.__all__)


def test_a_verb_stays_a_verb_when_its_layer_is_imported():
    import importlib

    importlib.import_module("sslecho.embed.embeddings")
    importlib.import_module("sslecho.phantom.renderer")
    assert not hasattr(sslecho.embed, "embeddings")
    assert callable(sslecho.embed)
    assert callable(sslecho.phantom)


def test_all_wrong_options_are_told_at_once_with_exit_code_2(tmp_path):
    done = program("pretrain", str(tmp_path), "-o", str(tmp_path / "run"), "--epochs", "0", "--policy", "ecko")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "sslecho pretrain: epochs is 0; it must be at least 1",
        "policy is 'ecko' (did you mean 'echo'?); "
        "choose one of: echo, fetal, lung, none, simclr, chartsias, fusc, madani, stfm",
    ]
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_store(tmp_path):
    done = program("pretrain", str(tmp_path), "-o", str(tmp_path / "run"))
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path):
    done = program("embed", str(tmp_path), "-o", str(tmp_path / "e"), "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_doctor_prints_one_json_object():
    done = program("doctor", "--json")
    assert done.returncode == 0
    said = json.loads(done.stdout)
    assert said["device"]["name"] in ("cpu", "cuda")
    assert any(codec["name"] == "RLE Lossless" and codec["decodes"] for codec in said["dicom"])
    assert said["faiss"]


def test_version():
    assert program("--version").stdout.strip() == sslecho.__version__
