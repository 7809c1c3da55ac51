"""What ingest refuses, and how it says so."""

from pathlib import Path

import pytest

from sslecho.data.identity import key_folder
from sslecho.data.ingest import ingest
from sslecho.data.store import Store
from sslecho.errors import InputError, MissingExtraError, SslechoError

pytestmark = pytest.mark.usefixtures("here")


def csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def run(source: Path, **settings) -> tuple[Store, dict]:
    store, summary = ingest([source], source.parent / "store", size=32, **{"patient_from": "unknown", **settings})
    assert store is not None
    return store, summary


def test_patients_must_be_said(archive, tmp_path: Path):
    source = archive({"1.png": 1})
    with pytest.raises(InputError, match=r"(?s)--patient-from is missing.*column:NAME.*unknown"):
        run(source, patient_from=None)
    for wrong in ("folders", "column", "regex:", "dicom:x", "regex:("):
        with pytest.raises(InputError, match="--patient-from"):
            run(source, patient_from=wrong)
    with pytest.raises(InputError, match="column:subject needs --labels"):
        run(source, patient_from="column:subject")
    labels = csv(tmp_path / "labels.csv", "path,label", "1.png,x")
    with pytest.raises(InputError, match="no column 'subject'"):
        run(source, labels=labels, patient_from="column:subject")
    assert not (tmp_path / "store").exists()


def test_what_a_kept_column_may_be_called(archive, tmp_path: Path):
    source = archive({"1.png": 1})
    labels = csv(tmp_path / "labels.csv", "path,patient,sector,n_frames", "1.png,P,x,1")
    for name in ("patient", "sector", "n_frames"):
        with pytest.raises(InputError, match=f"--keep {name}: that column has a meaning of its own"):
            run(source, labels=labels, keep=[name])
    with pytest.raises(InputError, match="so it needs --labels"):
        run(source, keep=["device"])


def test_labels_for_unknown_paths(archive, tmp_path: Path):
    source = archive({"a/1.png": 1})
    labels = csv(tmp_path / "labels.csv", "path,label", "archive/a/1.png,x", "archive/a/2.png,x")
    with pytest.raises(InputError, match=r"no row of .*labels.csv matches a file: line 2 says 'archive/a/1.png'"):
        run(source, labels=labels)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["path,clip,frame,patient", "1.png,c,0,P", "2.png,c,1,Q"], "lines 2 and 3 .* two values of 'patient'"),
        (["path,clip,frame", "1.png,c,4", "2.png,c,4"], "lines 2 and 3 of the labels are the same frame"),
        (["path,clip,frame", "1.png,c,4", "2.png,c,"], "line 3 .*other files of its clip have a frame"),
    ],
)
def test_rows_that_contradict_each_other(archive, tmp_path: Path, lines: list[str], message: str):
    source = archive({"1.png": 1, "2.png": 2})
    with pytest.raises(InputError, match=message):
        run(source, labels=csv(tmp_path / "labels.csv", *lines))


def test_nothing_to_ingest(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"there is no file in .*empty"):
        ingest([tmp_path / "empty"], tmp_path / "store", patient_from="unknown")
    with pytest.raises(InputError, match="nowhere does not exist"):
        ingest([tmp_path / "nowhere"], tmp_path / "store", patient_from="unknown")
    for number in range(3):
        (tmp_path / "empty" / f"{number}.txt").write_text("x")
    with pytest.raises(InputError, match=r"none of the 3 clips was accepted.*: it is no picture, .* \(3\)"):
        ingest([tmp_path / "empty"], tmp_path / "store", patient_from="unknown")
    assert not (tmp_path / "store").exists()


def test_a_damaged_key_is_said(archive, tmp_path: Path):
    source = archive({"1.png": 1})
    (tmp_path / "store.key").mkdir()
    (tmp_path / "store.key/key").write_text("abc")
    with pytest.raises(InputError, match="is no key"):
        run(source)


def test_a_scheduler_that_does_not_answer(archive, monkeypatch: pytest.MonkeyPatch):
    import builtins

    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "distributed":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'sslecho\[scale\]'"):
        run(archive({"1.png": 1}), scheduler="tcp://127.0.0.1:9")


def test_no_space_in_a_worker_stops_the_run(archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = archive({f"{number}.png": number for number in range(5)})
    from sslecho.data import parts

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(parts.tempfile, "mkstemp", full)
        with pytest.raises(SslechoError, match="no space left .* run the same command again, it goes on") as caught:
            run(source)
    assert caught.value.exit_code == 1
    assert run(source)[1]["accepted"] == 5


def test_a_patient_in_two_splits_is_refused(archive, tmp_path: Path):
    source = archive({"a.png": 1, "b.png": 2, "c.png": 3})
    labels = tmp_path / "labels.csv"
    labels.write_text("path,patient,split\na.png,1,train\nb.png,1,test\nc.png,2,test\n")
    with pytest.raises(InputError, match="puts 1 of 2 patients in more than one split .*test and train"):
        ingest([source], tmp_path / "store", labels=labels, size=16)
    assert not (tmp_path / "store" / "manifest.json").exists()


def test_the_kind_is_seen_not_told(archive, tmp_path: Path):
    source = archive({"1.png": 1})
    (tmp_path / "labels.csv").write_text("path,kind\n1.png,spectral\n")
    with pytest.raises(InputError, match="--keep kind: that column has a meaning of its own"):
        ingest([source], tmp_path / "store", labels=tmp_path / "labels.csv", keep=["kind"], patient_from="unknown")


def test_refused_input_leaves_no_key(archive, tmp_path: Path):
    source = archive({"1.png": 1})
    (tmp_path / "labels.csv").write_text("path,label\nother.png,A4C\n")
    for wrong in ({"labels": tmp_path / "labels.csv"}, {"sign_off": tmp_path / "missing.csv"}):
        with pytest.raises(InputError):
            ingest([source], tmp_path / "store", patient_from="unknown", **wrong)
        assert not key_folder(tmp_path / "store").exists()
