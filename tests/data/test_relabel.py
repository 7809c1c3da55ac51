"""New labels for a store that stands."""

from pathlib import Path

import pytest
from data.archives import pattern, write_video

from sslecho.data.identity import key_folder
from sslecho.data.ingest import ingest
from sslecho.data.relabel import labels_of_clips, relabel
from sslecho.data.store import Store
from sslecho.errors import InputError

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def store(archive, tmp_path: Path) -> Store:
    source = archive({"a.png": 1, "b.png": 2, "c/0.png": 3, "c/1.png": 4})
    write_video(source / "v.mp4", [pattern(seed=seed) for seed in range(3)])
    labels = tmp_path / "labels.csv"
    labels.write_text("path,clip,frame,label\na.png,,,A\nb.png,,,B\nc/0.png,c,0,C\nc/1.png,c,1,C\nv.mp4,,,V\n")
    made, _ = ingest([source], tmp_path / "store", labels=labels, patient_from="clip", size=16)
    assert made is not None
    return made


def csv(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "new.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_by_clip_id(store: Store, tmp_path: Path):
    a, b, _, _ = store.column("clip_id")
    path = csv(tmp_path, "clip_id,view,split,grade", f"{a},X,train,1", f"{b},,test,", "unknown,Z,val,")
    new = relabel(store, path, column="view")
    assert new.column("label").tolist() == ["X", None, "C", "V"]
    assert new.column("split").tolist() == ["train", "test", None, None]
    assert new.column("grade").tolist() == [1.0, None, None, None]
    assert new.frames_hash == store.frames_hash
    assert labels_of_clips(path, column="view") == ({a: "X", "unknown": "Z"}, {})


def test_by_path(store: Store, tmp_path: Path):
    path = csv(tmp_path, "path,frame,label", "b.png,,X", "c/0.png,0,Y", "c/1.png,1,Y", "v.mp4,2,Z", "other.png,,Q")
    new = relabel(store, path)
    assert new.column("label").tolist() == ["A", "X", "Y", "V"]
    assert new.column("label", "frame").tolist() == ["A", "X", "Y", "Y", "V", "V", "Z"]
    _, b, c, v = store.column("clip_id")
    assert labels_of_clips(path, store=store) == ({b: "X", c: "Y"}, {(v, 2): "Z"})
    apart = relabel(new, csv(tmp_path, "path,frame,label", "c/0.png,0,S", "c/1.png,1,D"))
    assert apart.column("label", "frame").tolist()[2:4] == ["S", "D"]


def test_what_can_not_be_matched(store: Store, tmp_path: Path):
    with pytest.raises(InputError, match=r"none of the 1 rows .* is a clip of"):
        relabel(store, csv(tmp_path, "clip_id,label", "x,A"))
    with pytest.raises(InputError, match="no column 'view'"):
        relabel(store, csv(tmp_path, "clip_id,label", "x,A"), column="view")
    with pytest.raises(InputError, match="has no column 'label', grade or split"):
        relabel(store, csv(tmp_path, "clip_id,device", "x,A"))
    with pytest.raises(InputError, match="names clips by path, which only their store can resolve"):
        labels_of_clips(csv(tmp_path, "path,label", "a.png,A"))
    (key_folder(store.path) / "sources.parquet").unlink()
    with pytest.raises(InputError, match="names clips by path"):
        relabel(store, csv(tmp_path, "path,label", "a.png,X"))
