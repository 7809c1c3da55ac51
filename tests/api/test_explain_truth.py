"""`explain` with a phantom's truth: the label map lies on the stored pixels, and structures have their shares."""

import numpy as np
import pytest
from marked_fans import fan_store, fit_head

import sslecho
from sslecho.api.explain_hearts import Truth
from sslecho.data.stored_sectors import StoredSectors
from sslecho.errors import InputError
from sslecho.phantom.archive import write_archive
from sslecho.phantom.tissues import STRUCTURE_NUMBER
from sslecho.rundir import read_json


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    """A store of four-chamber and long-axis clips, whose pictures were cropped and enlarged, and a classifier."""
    folder = tmp_path_factory.mktemp("truth")
    write_archive(
        folder / "archive", kind="echo", classes=("a4c", "plax"), patients=6, views_per_patient=2, clips_per_view=1,
        frames_per_clip=2, size=96, masks="labels", seed=3,
    )  # fmt: skip
    labels = folder / "archive" / "labels.csv"
    store = sslecho.ingest(
        folder / "archive", folder / "store", labels=str(labels), patient_from="column:patient", size=80, workers=1,
        doubtful="keep",
    )  # fmt: skip
    store = sslecho.split(store, test=0.5, val=0.0, seed=1)
    fit_head(store, folder / "model", size=48)
    return folder


def test_the_label_map_of_each_stored_frame_lies_on_its_pixels(phantom):
    store = sslecho.Store.open(phantom / "store")
    truth, sectors = Truth(phantom / "archive.truth", store), StoredSectors(store)
    darker, overlaps = [], []
    for row, clip in enumerate(store.clip_of_frame.tolist()):
        found, frame = truth.of(row), store.read(np.array([row]))[0]
        assert found is not None
        mask, _ = sectors.of(clip)
        overlaps.append(((found > 0) & mask).sum() / ((found > 0) | mask).sum())
        wall, cavity = found == STRUCTURE_NUMBER["myocardium"], found == STRUCTURE_NUMBER["lv"]
        if min(wall.sum(), cavity.sum()) > 20:
            darker.append(frame[cavity].mean() < frame[wall].mean())
    assert np.median(overlaps) > 0.93
    assert len(darker) > 10
    assert np.mean(darker) > 0.9


def test_shares_of_structures_are_named_and_the_covered_heart_is_the_truths(phantom, tmp_path):
    how = {"model": str(phantom / "model"), "truth": str(phantom / "archive.truth"), "workers": 1}
    sslecho.explain(phantom / "store", tmp_path / "x", maps=3, shown=1, **how)
    result = read_json(tmp_path / "x" / "result.json")
    assert result["heart"] == "the heart of the truth"
    assert result["heart_n"] == result["n"]
    assert result["accuracy_background"] != result["accuracy"]  # or the next line would say less
    assert result["heart_minus_background"] == pytest.approx(result["accuracy_background"] - result["accuracy_heart"])
    structures = result["saliency"]["gradient"]["structures"]
    assert {"lv", "myocardium", "surroundings"} <= set(structures)
    assert sum(row["share_area"] * row["share_n"] for row in structures.values()) < 3
    for row in structures.values():
        assert row["share_n"] >= 1
        assert 0 <= row["share"] <= 1
    sslecho.explain(phantom / "store", tmp_path / "y", maps=1, shown=1, structures=("lv",), **how)
    only = read_json(tmp_path / "y" / "result.json")
    assert only["heart"] == "lv of the truth"
    assert only["covered_share_of_sector"] < result["covered_share_of_sector"]


def test_a_truth_that_can_not_be_used_is_refused(phantom, tmp_path):
    model = str(phantom / "model")
    with pytest.raises(InputError, match="--structures aorta5: no such structure; there are: surroundings"):
        sslecho.explain(
            phantom / "store", tmp_path / "o", model=model, truth=str(phantom / "archive.truth"), structures=("aorta5",)
        )
    (tmp_path / "bare" / "clips").mkdir(parents=True)
    with pytest.raises(InputError, match="has no label maps; run `sslecho phantom` with --masks labels"):
        sslecho.explain(phantom / "store", tmp_path / "o", model=model, truth=str(tmp_path / "bare"))
    drawn = fan_store(tmp_path / "drawn", patients=3, clips=1, frames=1)
    with pytest.raises(InputError, match="--truth needs to know which file each clip comes from"):
        sslecho.explain(drawn, tmp_path / "o", model=model, truth=str(phantom / "archive.truth"))
    assert not (tmp_path / "o").exists()
