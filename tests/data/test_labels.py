"""labels.csv: what is understood, and what is refused by line number."""

from pathlib import Path

import pytest

from sslecho.data.labels import read_labels
from sslecho.errors import InputError


def labels(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_columns_are_typed(tmp_path: Path, encoding: str, delimiter: str, newline: str):
    lines = ["path,label,grade,frame,split,device,secret", 'a/b.png,"A4C",2.5,,test,D1,Doe', "", "a\\c.mp4,,,7,,,"]
    table = read_labels(labels(tmp_path, newline.join(lines).replace(",", delimiter), encoding), keep=["device"])
    first, second = table.rows
    assert (first.line, first.path, first.label, first.grade, first.frame, first.split) == (
        2, "a/b.png", "A4C", 2.5, None, "test",
    )  # fmt: skip
    assert first.kept == {"device": "D1"}
    assert (second.line, second.path, second.frame, second.label) == (4, "a/c.mp4", 7, None)
    assert table.dropped == ["secret"]


def test_a_column_may_be_named(tmp_path: Path):
    path = labels(tmp_path, "path,label,view,subject\na.png,x,A2C,7\n")
    row = read_labels(path, label_column="view", patient_column="subject").rows[0]
    assert (row.label, row.patient) == ("A2C", "7")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("path,label\na.png\n", "line 2: 1 cells under 2 columns"),
        ("path,label\na.png,x\nb.png,x,y\n", "line 3: 3 cells under 2 columns"),
        ("path,label\n,x\n", "line 2: neither path nor clip_id"),
        ("path,grade\na.png,good\n", "line 2: grade 'good' must be a number"),
        ("path,grade\na.png,nan\n", "line 2: grade 'nan' must be a number"),
        ("path,frame\na.png,-1\n", "line 2: frame '-1' must be a whole number"),
        ("path,frame\na.png,1.5\n", "line 2: frame '1.5' must be a whole number"),
        ("path,split\na.png,training\n", "line 2: split 'training' must be train, val or test"),
        ("path\n/etc/passwd\n", "line 2: path '/etc/passwd' must be relative"),
        ("path\na/../../b\n", "line 2: path 'a/../../b' must be relative"),
        ("path,label\na.png,x\nb.png,x\na.png,y\n", "line 4: the same file as line 2"),
        ("path,frame\na.mp4,3\na.mp4,4\na.mp4,3\n", "line 4: the same file and frame as line 2"),
        ("path,label\n\"two\nlines.png\",x\nb.png\n", "line 4: 1 cells"),
        ('path,label\na.png,"x\n', "line 2: unexpected end of data"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, text: str, problem: str):
    with pytest.raises(InputError) as caught:
        read_labels(labels(tmp_path, text))
    assert problem in str(caught.value)
    assert "labels.csv has bad rows" in str(caught.value)


def test_all_bad_rows_are_told_at_once(tmp_path: Path):
    with pytest.raises(InputError, match=r"(?s)line 2: grade.*line 11: grade.*and 5 more"):
        read_labels(labels(tmp_path, "path,grade\n" + "".join(f"{n}.png,x\n" for n in range(15))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("file,label\na,x\n", "needs a column `path` or `clip_id`; its header has: file, label"),
        ("path,label,label\n", r"columns \['label'\] twice"),
    ],
)
def test_a_bad_header_is_refused(tmp_path: Path, text: str, message: str):
    with pytest.raises(InputError, match=message):
        read_labels(labels(tmp_path, text))


def test_a_column_that_is_not_there_is_refused(tmp_path: Path):
    path = labels(tmp_path, "path,device\n")
    with pytest.raises(InputError, match=r"no column 'devise' \(did you mean 'device'\?\)"):
        read_labels(path, keep=["devise"])
    with pytest.raises(InputError, match="no column 'view'"):
        read_labels(path, label_column="view")
    with pytest.raises(InputError, match="no column 'subject'"):
        read_labels(path, patient_column="subject")


def test_another_encoding_is_named_by_its_line(tmp_path: Path):
    with pytest.raises(InputError, match=r"labels.csv line 3 is not UTF-8"):
        read_labels(labels(tmp_path, "path,label\na,x\nb,caf\xe9\n", "latin-1"))


def test_a_missing_file_is_said(tmp_path: Path):
    with pytest.raises(InputError, match=r"none.csv can't be read \(No such file"):
        read_labels(tmp_path / "none.csv")


def test_a_file_without_rows_is_refused(tmp_path: Path):
    (tmp_path / "labels.csv").write_text("path,label\n\n")
    with pytest.raises(InputError, match="has a header line and no rows"):
        read_labels(tmp_path / "labels.csv")
