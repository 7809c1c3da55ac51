"""The picture of a map: what colors it, and what is refused."""

import shutil

import pytest
from PIL import Image
from report.made_run import make_run

from sslecho.api.visualize import visualize, visualize_with_summary
from sslecho.errors import InputError, NounError, SettingsError


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
    with pytest.raises(InputError, match=r"--color 'pateint' is no column .*; choose one of: .*split.*device"):
        visualize(emb, out, color="pateint")
    with pytest.raises(InputError, match="'label': nothing is known in that column; give --labels CSV"):
        visualize(emb, out)
    with pytest.raises(InputError, match=r"drawn as \.png only for now; say .*map\.png"):
        visualize(emb, tmp_path / "map.html")
    with pytest.raises(InputError, match=r"map\.jpg must end in \.png"):
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
