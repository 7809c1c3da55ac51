"""Which kinds of clips are taken: b-mode by default, the rest counted; flow is never stored as gray tissue."""

from pathlib import Path

import numpy as np
import pytest
from data.archives import dicom, save_dicom, write_png, write_video
from data.flow_clips import flow_at, flow_clip, write_color_video
from moving_fan import moving_fan
from scipy import ndimage

from sslecho.data.ingest import ingest
from sslecho.data.look import LOOK_AT_FRAMES
from sslecho.data.store import Store
from sslecho.errors import InputError

pytestmark = pytest.mark.usefixtures("here")

SIDE = 128


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """One gray clip and three in color: by its pixels a video and a DICOM, by its tags alone another DICOM."""
    folder = tmp_path / "archive"
    write_video(folder / "a-gray.mp4", moving_fan(5, SIDE, SIDE, seed=1))
    write_color_video(folder / "b-flow.mp4", flow_clip(5, SIDE, SIDE, seed=2))
    save_dicom(folder / "c-flow.dcm", dicom(flow_clip(5, SIDE, SIDE, seed=3)))
    gray = np.stack(moving_fan(5, SIDE, SIDE, seed=4))
    save_dicom(folder / "d-tagged.dcm", dicom(gray, ImageType=["ORIGINAL", "PRIMARY", "", "0011"]))
    return folder


def run(source: Path, **settings) -> tuple[Store, dict]:
    what = {"size": SIDE, "patient_from": "unknown", "overwrite": True, **settings}
    store, summary = ingest([source], source.parent / "store", **what)
    assert store is not None
    return store, summary


def surely(flow: np.ndarray, *, exact: bool) -> np.ndarray:
    """Flow whose color is whole: a video's color is coarser than its gray, so that the rim of flow is half gray."""
    return flow if exact else ndimage.binary_erosion(flow, np.ones((5, 5)))


def test_color_is_left_out_by_default_counted_and_told(source: Path):
    store, summary = run(source)
    assert (summary["accepted"], summary["quarantined"]) == (1, 3)
    assert (summary["kinds"], summary["left_out"]) == ({"b-mode": 1}, {"colour": 3})
    reasons = {Path(item["path"]).name: item["reason"] for item in summary["quarantine"]}
    assert list(reasons) == ["b-flow.mp4", "c-flow.dcm", "d-tagged.dcm"]
    assert all(said.startswith("its kind is colour (") for said in reasons.values())
    assert all(said.endswith(", which --kinds leaves out") for said in reasons.values())
    assert "% of the picture is in colour" in reasons["b-flow.mp4"]
    assert "its tags claim colour" in reasons["d-tagged.dcm"]
    assert store.quarantine()["kind"].to_pylist() == ["colour"] * 3
    assert store.column("kind").tolist() == ["b-mode"]


def test_no_pixel_of_flow_is_stored_and_the_tissue_around_it_is(source: Path):
    store, summary = run(source, kinds=("b-mode", "colour"), sector="off")
    assert summary["kinds"] == {"colour": 3, "b-mode": 1}
    assert (summary["left_out"], summary["quarantine"]) == ({}, [])
    stored = store.read(np.arange(20)).reshape(4, 5, SIDE, SIDE)
    for clip, exact in ((1, False), (2, True)):
        drawn = flow_clip(5, SIDE, SIDE, seed=clip + 1)
        for number in range(5):
            flow = flow_at(number, SIDE, SIDE)
            assert flow.sum() > 200
            assert not stored[clip, number][surely(flow, exact=exact)].any()
            tissue = ~ndimage.binary_dilation(flow, iterations=1 if exact else 4) & (drawn[number, ..., 0] > 0)
            kept = stored[clip, number][tissue].astype(int)
            assert tissue.sum() > 3000
            assert np.abs(kept - drawn[number, ..., 0][tissue]).max() <= (0 if exact else 3)
    # A clip without a colored pixel loses none, whatever its tags say.
    np.testing.assert_array_equal(stored[3], moving_fan(5, SIDE, SIDE, seed=4))
    np.testing.assert_allclose(stored[0], moving_fan(5, SIDE, SIDE, seed=1), atol=2)


def test_flow_is_black_within_the_sector_too(source: Path):
    store, _ = run(source, kinds=("colour",))
    for clip in (0, 1):
        row = {name: store.frames[name][5 * clip].as_py() for name in ("crop_x0", "crop_y0", "crop_x1", "crop_y1")}
        x0, y0, x1, y1 = row.values()
        scale = store.frames["scale"][5 * clip].as_py()
        inner = ndimage.binary_erosion(flow_at(0, SIDE, SIDE), iterations=2)
        y, x = np.nonzero(inner)
        left, top = (SIDE - (x1 - x0) * scale) / 2, (SIDE - (y1 - y0) * scale) / 2
        stored = store.read(np.array([5 * clip]))[0]
        at = ((y + 0.5 - y0) * scale + top).astype(int), ((x + 0.5 - x0) * scale + left).astype(int)
        assert len(y) > 150
        assert not stored[at].any()
        assert (stored > 0).mean() > 0.4
        assert store.column("sector").tolist()[clip] == "mask"


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p"])
def test_frames_behind_those_that_are_looked_at_lose_their_flow_too(tmp_path: Path, pixels: str):
    n_frames = LOOK_AT_FRAMES + 6
    write_color_video(tmp_path / "archive/v.mp4", flow_clip(n_frames, SIDE, SIDE), pixels=pixels)
    store, _ = run(tmp_path / "archive", kinds=("colour",), sector="off")
    stored = store.read(np.arange(n_frames))
    flow = [surely(flow_at(number, SIDE, SIDE), exact=pixels == "yuv444p") for number in range(n_frames)]
    left = [number for number in range(n_frames) if stored[number][flow[number]].any()]
    assert left == []


@pytest.mark.parametrize(
    "span", [(LOOK_AT_FRAMES + 8, LOOK_AT_FRAMES + 30), (50, 59)], ids=["to the end", "for a while"]
)
def test_flow_that_is_switched_on_late_is_seen(tmp_path: Path, span: tuple[int, int]):
    """A cine that begins in gray: what comes behind the frames that are looked at must not turn into tissue."""
    n_frames, (first, last) = LOOK_AT_FRAMES + 30, span
    frames = flow_clip(n_frames, SIDE, SIDE, first=first)
    frames[last:] = frames[:1]
    save_dicom(tmp_path / "archive/a.dcm", dicom(frames))
    write_video(tmp_path / "archive/b.mp4", moving_fan(4, SIDE, SIDE))
    store, summary = run(tmp_path / "archive", sector="off")
    assert summary["left_out"] == {"colour": 1}
    assert "color is switched on in the course of it" in summary["quarantine"][0]["reason"]
    store, summary = run(tmp_path / "archive", kinds=("b-mode", "colour"), sector="off")
    assert store.column("kind").tolist() == ["colour", "b-mode"]
    stored = store.read(np.arange(n_frames))
    left = [number for number in range(first, last) if stored[number][flow_at(number, SIDE, SIDE)].any()]
    assert left == []
    np.testing.assert_array_equal(stored[:first], frames[:first, ..., 0])


def test_colored_graphics_that_stand_all_the_while_are_no_flow(tmp_path: Path):
    """Red, uneven and large enough: only that it never moves tells it from flow, in later frames, too."""
    n_frames = LOOK_AT_FRAMES + 30
    frames = np.repeat(np.stack(moving_fan(n_frames, SIDE, SIDE))[..., None], 3, axis=-1)
    badge = ndimage.gaussian_filter(np.random.default_rng(5).uniform(0, 255, (20, 20)), 3) * 3 % 255
    frames[:, 100:120, 4:24] = 0
    frames[:, 100:120, 4:24, 0] = badge.astype(np.uint8)
    save_dicom(tmp_path / "archive/a.dcm", dicom(frames))
    _, summary = run(tmp_path / "archive", sector="off")
    assert summary["kinds"] == {"b-mode": 1}


def test_kinds_may_be_spelled_as_in_america_and_said_twice(source: Path):
    british, _ = run(source, kinds=("colour",))
    american, summary = run(source, kinds=("color", "colour"), overwrite=False)
    assert summary["already"]
    assert american.manifest["settings"]["kinds"] == british.manifest["settings"]["kinds"] == ["colour"]
    assert summary["left_out"] == {"b-mode": 1}
    assert american.column("kind").tolist() == ["colour"] * 3


def test_all_takes_every_kind(source: Path):
    write_png(source / "e-page.png", np.kron(np.eye(8, dtype=np.uint8) * 200 + 20, np.ones((16, 16), np.uint8)))
    spectrum = ["ORIGINAL", "PRIMARY", "", "0008"]
    save_dicom(source / "f.dcm", dicom(np.stack(moving_fan(1, SIDE, SIDE, seed=5)), ImageType=spectrum))
    _, without = run(source, sector="off")
    assert without["left_out"]["spectral"] == 1
    store, summary = run(source, sector="off", kinds=("all",))
    assert (summary["left_out"], summary["quarantined"]) == ({}, 0)
    assert summary["accepted"] == 6
    assert set(store.column("kind")) >= {"b-mode", "colour", "spectral"}
    # "all" and every kind by name are one setting.
    every = store.manifest["settings"]["kinds"]
    _, again = run(source, sector="off", kinds=tuple(every), overwrite=False)
    assert again["already"]


def test_no_kind_at_all_is_refused(source: Path):
    with pytest.raises(InputError, match="--kinds is empty, so no clip would be taken; choose of b-mode"):
        run(source, kinds=())


@pytest.mark.parametrize(
    ("said", "meant"), [("bmode", "b-mode"), ("colors", "colour"), ("spectrum", "spectral"), ("mmode", "m-mode")]
)
def test_an_unknown_kind_is_refused_with_the_nearest(source: Path, said: str, meant: str):
    with pytest.raises(InputError, match=rf"--kinds '{said}' is no kind of clip \(did you mean '{meant}'\?\); choose"):
        run(source, kinds=("b-mode", said))
    assert not (source.parent / "store").exists()
    assert not (source.parent / "store.key").exists()


def test_nothing_of_a_wanted_kind_is_an_error_that_says_why(source: Path):
    with pytest.raises(InputError, match=r"none of the 4 clips was accepted, .*its kind is b-mode \(.*\(1\)"):
        run(source, kinds=("contrast",))
