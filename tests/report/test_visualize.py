"""The map as picture, page and table: what colors it, what is on it, and what is refused."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from report.made_run import make_run

from sslecho.api import visualize as module
from sslecho.api.map_columns import map_columns
from sslecho.api.origin import find_origin
from sslecho.api.visualize import visualize, visualize_with_summary
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.embed.layout import Layout
from sslecho.errors import InputError, NounError, SettingsError


@pytest.fixture
def quick(monkeypatch):
    """A layout that costs nothing: the first two values, and each vector's neighbors in the order of the rows."""

    def lay_out(vectors, *, neighbors, seed):
        n = len(vectors)
        ids = (np.arange(n)[:, None] + np.arange(1, 4)) % n
        return Layout(np.array(vectors[:, :2], np.float32), ids, np.full((n, 3), 0.25, np.float32), n)

    monkeypatch.setattr(module, "lay_out", lay_out)


@pytest.mark.usefixtures("quick")
def test_a_picture_of_any_column(tmp_path):
    make_run(tmp_path)
    out = visualize(tmp_path / "emb", tmp_path / "maps" / "map.png")
    with Image.open(out) as picture:
        assert picture.size == (2048, 2208)
    assert [file.name for file in out.parent.iterdir()] == ["map.png"]
    for color, n_values in (("patient", 6), ("split", 2), ("n_frames", 1)):
        summary = visualize_with_summary(tmp_path / "emb", out, color=color)
        assert (summary["n"], summary["n_patients"], summary["n_values"]) == (24, 6, n_values)
    assert visualize_with_summary(tmp_path / "emb", out, level="frame")["n"] == 48


def test_what_is_refused(tmp_path):
    make_run(tmp_path, classes=())
    emb, out = tmp_path / "emb", tmp_path / "map.png"
    with pytest.raises(InputError, match=r"--color 'pateint' is no column .*; choose one of: .*split.*n_frames"):
        visualize(emb, out, color="pateint")
    with pytest.raises(InputError, match="'label': nothing is known in that column; give --labels CSV"):
        visualize(emb, out)
    with pytest.raises(InputError, match="'cluster' is no column.*give --predictions DIR, the run whose clusters"):
        visualize(emb, out, color="cluster")
    with pytest.raises(InputError, match=r"map\.jpg must end in \.png .*, \.html .* or \.parquet"):
        visualize(emb, tmp_path / "map.jpg")
    with pytest.raises(SettingsError, match="neighbors is 1"):
        visualize(emb, out, neighbors=1)
    with pytest.raises(NounError, match="holds no embeddings"):
        visualize(tmp_path / "store", out)
    assert not out.exists()


def test_without_the_store_the_recorded_columns_are_left(tmp_path, capsys):
    make_run(tmp_path)
    shutil.rmtree(tmp_path / "store")
    assert visualize(tmp_path / "emb", tmp_path / "map.png").exists()
    with pytest.raises(InputError, match="'device' is no column; choose one of: .*split.* the store"):
        visualize(tmp_path / "emb", tmp_path / "map.png", color="device")
    assert "recorded when embedding" in capsys.readouterr().err


def with_sectors(folder) -> None:
    """Clips of patient 0 without a sector, one of patient 1 with text in it, all others with theirs cut out."""
    store = Store.open(folder / "store")
    ids = store.column("clip_id")
    sectors = ["off" if clip.startswith("c0") else "mask" for clip in ids]
    texts = [clip == "c1-0" for clip in ids]
    for name, values in (("sector", pa.array(sectors)), ("text_inside", pa.array(texts))):
        clips = store.clips
        store = store.with_tables(clips=clips.set_column(clips.column_names.index(name), name, values))


def data_of(page: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


@pytest.mark.usefixtures("quick")
def test_a_page_of_clips(tmp_path):
    make_run(tmp_path)
    with_sectors(tmp_path)
    out = tmp_path / "map.html"
    told = visualize_with_summary(
        tmp_path / "emb", out, predictions=(str(tmp_path / "clusters"),), color="cluster", thumbnails=11
    )
    page = out.read_text(encoding="utf-8")
    assert (told["n"], told["n_shown"], told["n_pictures"], told["n_not_to_be_shown"]) == (24, 24, 11, 5)
    data = data_of(page)
    names = [column["name"] for column in data["columns"]]
    assert names[:2] == ["cluster_2", "label"]
    assert {"patient_id", "split", "cluster_4", "confidence_2"} <= set(names)
    assert not {"device", "row", "source_id", "unit_id"} & set(names)  # unknown, or of no interest
    clips = [data["clip"]["names"][code - 1] for code in _codes(data["clip"])]
    shown = [clips[row] for row in data["pictureRows"]]
    assert len(shown) == 11
    assert not [clip for clip in shown if clip.startswith("c0") or clip == "c1-0"]
    assert "24 clips of 6 patients" in page
    assert "train+test" in page
    assert str(tmp_path) not in page
    with Image.open(io.BytesIO(_bytes(data["pictures"][0]))) as picture:
        assert (picture.format, picture.size, picture.mode) == ("JPEG", (32, 32), "L")
        assert not picture.getexif()


@pytest.mark.usefixtures("quick")
def test_a_page_of_frames_has_their_numbers_and_their_own_pictures(tmp_path):
    make_run(tmp_path)
    with_sectors(tmp_path)
    out = tmp_path / "map.html"
    told = visualize_with_summary(tmp_path / "emb", out, level="frame", predictions=(str(tmp_path / "clusters"),))
    data = data_of(out.read_text(encoding="utf-8"))
    assert np.frombuffer(_bytes(data["frames"]), "<i4").tolist() == [0, 1] * 24
    assert told["n_pictures"] == 38
    frames = Store.open(tmp_path / "store").read(np.array(data["pictureRows"]))
    for frame, coded in zip(frames[:4], data["pictures"][:4], strict=True):
        with Image.open(io.BytesIO(_bytes(coded))) as picture:
            assert np.corrcoef(np.asarray(picture).ravel(), frame.ravel())[0, 1] > 0.8
    # A frame has its clip's cluster.
    cluster = next(column for column in data["columns"] if column["name"] == "cluster_4")
    assert [cluster["names"][code - 1] for code in _codes(cluster)] == [str(i // 2 % 4) for i in range(48)]


@pytest.mark.usefixtures("quick")
def test_a_table_for_embedding_atlas(tmp_path):
    make_run(tmp_path)
    with_sectors(tmp_path)
    visualize(tmp_path / "emb", tmp_path / "map.parquet")
    table = pq.read_table(tmp_path / "map.parquet")
    vectors = Embeddings.load(tmp_path / "emb").per_clip().vectors
    np.testing.assert_array_equal(table["x"].to_numpy(), vectors[:, 0])
    np.testing.assert_array_equal(table["y"].to_numpy(), vectors[:, 1])
    rows = table.to_pylist()
    assert (rows[0]["text"], rows[0]["label"], rows[0]["clip_id"]) == ("plax · c0-0", "plax", "c0-0")
    assert rows[23]["neighbors"] == {"ids": [0, 1, 2], "distances": [0.25] * 3}
    assert [row["image"] is None for row in rows] == [True] * 5 + [False] * 19
    with Image.open(io.BytesIO(rows[5]["image"]["bytes"])) as picture:
        assert picture.size == (32, 32)
    visualize(tmp_path / "emb", tmp_path / "map.parquet", level="frame", thumbnails=0)
    table = pq.read_table(tmp_path / "map.parquet")
    assert table["frame_index"].to_pylist() == [0, 1] * 24
    assert "image" not in table.column_names
    assert table["text"][1].as_py() == "plax · c0-0, frame 1"


@pytest.mark.usefixtures("quick")
def test_very_many_points_are_drawn_in_part(tmp_path, monkeypatch):
    make_run(tmp_path)
    monkeypatch.setattr(module, "MOST_POINTS", 10)
    told = visualize_with_summary(tmp_path / "emb", tmp_path / "map.html")
    data = data_of((tmp_path / "map.html").read_text(encoding="utf-8"))
    assert (told["n"], told["n_shown"], data["n"], len(_codes(data["clip"]))) == (24, 10, 10, 10)
    assert "24 clips, 10 of them drawn, at random" in (tmp_path / "map.html").read_text(encoding="utf-8")


def columns_of(folder, *runs, level="clip"):
    given = Embeddings.load(folder / "emb")
    items = given.per_clip() if level == "clip" else given
    return map_columns(
        items, find_origin(given, store=None, encoder=None), predictions=tuple(map(str, runs)), level=level
    )


def test_what_runs_predict_stands_beside_the_items(tmp_path):
    make_run(tmp_path)
    run = tmp_path / "clusters"
    columns = columns_of(tmp_path, run, run)
    assert columns.named("cluster") == ("cluster_2", [str(i % 2) for i in range(24)])  # nearest to the two classes
    assert columns.named("confidence")[0] == "confidence_2"
    assert columns.values["cluster_4_2"] == [str(i % 4) for i in range(24)]
    # What names classes wins over clusters, whatever comes first; rows are found by their ids.
    probe = shutil.copytree(run, tmp_path / "probe")
    table = pq.read_table(run / "predictions" / "predictions.parquet").select(["clip_id", "frame_index"])
    table = table.append_column("prediction", pa.array([f"of {clip}" for clip in table["clip_id"].to_pylist()]))
    table = table.append_column("confidence", pa.array([float("nan"), *np.linspace(0, 1, 23)]))
    pq.write_table(table.take(pa.array(range(23, -1, -2))), probe / "predictions" / "predictions.parquet")
    columns = columns_of(tmp_path, run, probe)
    name, values = columns.named("prediction")
    clips = Embeddings.load(tmp_path / "emb").per_clip().column("clip_id")
    assert name == "prediction"
    assert values == [f"of {clip}" if i % 2 else None for i, clip in enumerate(clips)]
    assert columns.named("confidence")[0] == "confidence"
    assert columns.named("cluster")[0] == "cluster_2"


def test_runs_that_do_not_fit_are_refused(tmp_path, capsys):
    make_run(tmp_path, level="frame")
    run = tmp_path / "clusters"
    with pytest.raises(InputError, match="says something of frames, and the map's points are clips; add --level frame"):
        columns_of(tmp_path, run)
    assert columns_of(tmp_path, run, level="frame").values["cluster_4"] == [str(i % 4) for i in range(48)]
    with pytest.raises(NounError, match="holds no finished predictions"):
        columns_of(tmp_path, tmp_path / "enc")
    file = run / "predictions" / "predictions.parquet"
    table = pq.read_table(file)
    pq.write_table(table.slice(0, 12), file)
    assert columns_of(tmp_path, run, level="frame").values["cluster_4"][12:] == [None] * 36
    assert "says nothing of 36 of the 48 points" in capsys.readouterr().err
    other = table.set_column(table.column_names.index("clip_id"), "clip_id", pa.array(["x"] * len(table)))
    pq.write_table(other, file)
    with pytest.raises(InputError, match="is of other frames: none of its 48 is on the map"):
        columns_of(tmp_path, run, level="frame")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def _codes(column: dict) -> list[int]:
    return np.frombuffer(_bytes(column["codes"]), f"<u{column['bytes']}").tolist()
