import errno
import json
import os
from pathlib import Path

import pytest

from sslecho import rundir
from sslecho.errors import InputError, SslechoError
from sslecho.rundir import RunDir, provenance, write_atomic


def start(path, *, overwrite=False, command="pretrain", **identity) -> RunDir:
    return RunDir.open(path, command=command, identity=identity, settings="[pretrain]\n", overwrite=overwrite)


def test_a_finished_run_is_found_again(tmp_path):
    run = start(tmp_path / "run", epochs=3)
    assert not run.done
    run.finish({"loss": 1.5})
    again = start(tmp_path / "run", epochs=3)
    assert again.done
    assert again.result == {"loss": 1.5}


def test_another_identity_is_refused_and_both_values_are_named(tmp_path):
    start(tmp_path / "run", epochs=3, k=(1, 2))
    start(tmp_path / "run", epochs=3, k=(1, 2))  # tuples come back as lists and are still the same
    with pytest.raises(InputError, match=r"epochs was 3 and is now 4; repeat .*--overwrite"):
        start(tmp_path / "run", epochs=4, k=(1, 2))
    with pytest.raises(InputError, match="holds the result of `sslecho pretrain`"):
        start(tmp_path / "run", command="embed", epochs=3)
    start(tmp_path / "tuned", from_="scratch")
    with pytest.raises(InputError, match=r"settings: from was 'scratch' and is now 'encoder'"):
        start(tmp_path / "tuned", from_="encoder")


def test_overwrite_removes_a_run_and_nothing_else(tmp_path):
    start(tmp_path / "run", epochs=3)
    (tmp_path / "run" / "old").write_text("x")
    start(tmp_path / "run", overwrite=True, epochs=4)
    assert not (tmp_path / "run" / "old").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="is not empty and holds no sslecho run"):
            start(tmp_path / "mine", overwrite=overwrite)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_overwrite_keeps_a_form_that_was_filled_in(tmp_path):
    run = start(tmp_path / "run", epochs=3)
    form = tmp_path / "run" / "naming" / "clusters_5.csv"
    form.parent.mkdir()
    form.write_text("cluster,name\n0,\n")
    run.finish({"loss": 1.5}, forms=[form])
    run.finish({"loss": 1.25})  # a later part of the run; the form is still known
    start(tmp_path / "run", epochs=3)
    form.write_text("cluster,name\n0,apical\n")
    with pytest.raises(InputError, match=r"would remove .*naming/clusters_5\.csv, which was filled in; move it out"):
        start(tmp_path / "run", overwrite=True, epochs=4)
    assert "apical" in form.read_text()
    form.write_text("cluster,name\n0,\n")
    start(tmp_path / "run", overwrite=True, epochs=4)
    assert not form.exists()


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="--out .*file"):
        start(tmp_path / "file")
    with pytest.raises(InputError, match="can't be made"):
        start(tmp_path / "file" / "below")


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_atomic(path, b"old")

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(rundir.os, "fsync", full)
    with pytest.raises(SslechoError, match=r"no space left to write .*a.json: \d+ MB are free; make room"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_provenance_names_no_person_and_no_machine():
    said = json.dumps(provenance())
    assert "torch" in said
    for private in (os.uname().nodename, f"{Path.home()}/", str(Path.cwd())):
        assert private not in said
