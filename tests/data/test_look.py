"""What is decided of a clip from its first frames: taken, left out, in doubt; and files of one frame each as a clip."""

from collections.abc import Collection, Iterator, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from data.archives import dicom, pattern, save_dicom, write_png
from data.dim_clips import dim_clip, tagged_clip
from data.flow_clips import flow_at, flow_clip
from moving_fan import fan_mask, moving_fan
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from sslecho.data import look
from sslecho.data.ingest import ingest
from sslecho.data.look import Doubtful, LeftOut, Rules, first_frames, look_at, without_flow
from sslecho.data.readers.recording import Frame, Origin, Region, Unreadable
from sslecho.data.sector import CONFIDENT, find_sector

NONE = frozenset[str]()


class Drawn:
    """A recording of given frames; remembers which were decoded, and which of them in color."""

    time_source, spacing_mm, origin, regions, modes, hints, is_color = None, None, Origin(), (), NONE, {}, True

    def __init__(self, gray: Sequence[np.ndarray]):
        self.gray, self.n_frames = gray, len(gray)
        self.decoded: list[int] = []
        self.in_color: list[int] = []

    def frames(self, indices: Sequence[int], *, in_color: Collection[int] = ()) -> Iterator[Frame]:
        for index in indices:
            self.decoded.append(index)
            rgb = None
            if index in in_color:
                self.in_color.append(index)
                rgb = np.repeat(self.gray[index][..., None], 3, axis=-1)
            yield Frame(index, None, self.gray[index], rgb)


def rules(**changed) -> Rules:
    return Rules(**{"kinds": ("b-mode",), "sector": "mask", "text_inside": "keep", "signed_off": None, **changed})


def frames_of(gray: Sequence[np.ndarray], rgb: Sequence[np.ndarray] | None = None) -> list[Frame]:
    return [Frame(number, None, one, None if rgb is None else rgb[number]) for number, one in enumerate(gray)]


def seen(frames: list[Frame], *, regions: Sequence[Region] = (), modes: frozenset[str] = NONE, outlines=(), **changed):
    return look_at(frames, regions=regions, modes=modes, rules=rules(**changed), outlines=outlines)


def test_a_good_clip_has_its_kind_and_its_sector():
    found = seen(frames_of(moving_fan(6, 120, 160)))
    assert (found.kind, found.text_inside, len(found.start)) == ("b-mode", False, 6)
    assert found.sector is not None
    mask = fan_mask(120, 160)
    assert (found.sector.mask & mask).sum() / (found.sector.mask | mask).sum() > 0.95


def test_the_kind_is_decided_before_the_sector_is():
    """A clip of another kind is left out for that, never deferred for a sector that nobody wants."""
    dots = np.zeros((120, 160), np.uint8)
    with pytest.raises(
        LeftOut, match=r"its kind is contrast \(its tags claim contrast\), which --kinds leaves out"
    ) as said:
        seen(frames_of([dots]), modes=frozenset({"contrast"}))
    assert said.value.kind == "contrast"
    assert seen(frames_of([dots]), modes=frozenset({"contrast"}), kinds=("contrast",), sector="off").sector is None


@pytest.mark.parametrize("changed", [{"sector": "off"}, {"signed_off": "whole"}])
def test_whole_pictures_are_taken_without_a_search(changed: dict):
    found = seen(frames_of(list(dim_clip(4))), **changed)
    assert (found.sector, found.text_inside) == (None, None)


def test_doubt_is_raised_with_its_picture_and_signed_off_with_yes():
    frames = frames_of(list(dim_clip(6)))
    with pytest.raises(
        Doubtful, match=r"where its sector lies is uncertain \(confidence 0\.\d\d\); sign it off"
    ) as said:
        seen(frames)
    np.testing.assert_array_equal(said.value.picture, frames[0].pixels)
    assert said.value.sector is not None
    taken = seen(frames, signed_off="yes").sector
    assert taken is not None
    assert taken.confidence < CONFIDENT
    with pytest.raises(Doubtful, match="no sector was found in it") as said:
        seen(frames_of([np.zeros((120, 160), np.uint8)]), signed_off="yes")
    assert said.value.sector is None


def test_an_outline_of_the_device_settles_a_doubt():
    good = find_sector(list(tagged_clip(8, seed=3)))
    assert good is not None
    assert good.outline is not None
    found = seen(frames_of(list(dim_clip(6))), outlines=(good.outline,)).sector
    assert found is not None
    assert found.how == "outline"
    mask = fan_mask(120, 160)
    assert (found.mask & mask).sum() / (found.mask | mask).sum() > 0.95


def test_text_inside_the_sector_is_told_or_refused():
    page = Image.new("L", (320, 240))
    ImageDraw.Draw(page).text((100, 130), "DOE^JANE 1957", fill=230, font=ImageFont.load_default(size=16))
    written = [np.maximum(frame, np.asarray(page)) for frame in moving_fan(6)]
    assert seen(frames_of(written)).text_inside
    with pytest.raises(Unreadable, match="text stands inside its sector; take it with --text-inside keep"):
        seen(frames_of(written), text_inside="quarantine")
    assert seen(frames_of(moving_fan(6)), text_inside="quarantine").text_inside is False


def test_a_region_bounds_the_sector():
    """A loop that plays beside it moves and has grain, too."""
    beside = [frame.copy() for frame in moving_fan(6, 120, 200)]
    for frame, grain in zip(beside, np.random.default_rng(4).integers(20, 255, (6, 100, 24)), strict=True):
        frame[10:110, 2:26] = grain
    mask = fan_mask(120, 200)

    def share(regions: Sequence[Region]) -> float:
        found = seen(frames_of(beside), regions=regions, signed_off="yes").sector
        assert found is not None
        return float((found.mask & mask).sum() / (found.mask | mask).sum())

    assert share([Region((30, 2, 170, 118), "2d", "tissue", None)]) > 0.95
    # A region of another format says nothing of the sector.
    assert share([Region((30, 2, 170, 118), "graphics", None, None)]) == share([]) < 0.95


def test_few_frames_are_held_and_few_of_these_in_color(monkeypatch: pytest.MonkeyPatch):
    gray = [np.full((8, 8), number, np.uint8) for number in range(100)]
    recording = Drawn(gray)
    start, rest = first_frames(recording, range(100))
    assert [frame.index for frame in start] == list(range(look.LOOK_AT_FRAMES))
    assert recording.decoded == list(range(look.LOOK_AT_FRAMES))  # the others wait
    assert len([frame for frame in start if frame.rgb is not None]) == look.IN_COLOR
    assert [frame.index for frame in rest] == list(range(look.LOOK_AT_FRAMES, 100))
    # Large frames are held in smaller number, at least one.
    for least, kept in ((64 * 3, 3), (1, 1)):
        monkeypatch.setattr(look, "LOOK_AT_BYTES", least)
        start, rest = first_frames(Drawn(gray), range(0, 100, 10))
        assert [frame.index for frame in start] == [10 * number for number in range(kept)]
        assert [frame.index for frame in rest] == list(range(10 * kept, 100, 10))


def test_color_of_every_frame_on_request():
    recording = Drawn([np.zeros((8, 8), np.uint8)] * 50)
    start, rest = first_frames(recording, range(50), all_in_color=True)
    assert all(frame.rgb is not None for frame in [*start, *rest])


def test_no_frames_and_frames_that_differ_in_size():
    start, rest = first_frames(Drawn([]), [])
    assert (start, list(rest)) == ([], [])
    gray = [np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8)]
    with pytest.raises(Unreadable, match="its frames differ in size"):
        first_frames(Drawn(gray), range(2))


def test_flow_is_painted_black_and_gray_frames_stay():
    rgb = flow_clip(1, 120, 160, seed=6)[0]
    gray = np.full((120, 160), 90, np.uint8)
    flow = flow_at(0, 120, 160)
    np.testing.assert_array_equal(without_flow(Frame(0, None, gray, rgb)).pixels, np.where(flow, 0, 90))
    frame = Frame(0, None, gray)
    assert without_flow(frame) is frame


@pytest.mark.usefixtures("here")
class TestFileSequence:
    """DICOM stills that are the frames of one clip."""

    def ingested(self, tmp_path: Path, stills: dict[str, Dataset], **settings):
        source = tmp_path / "archive"
        for name, data in stills.items():
            save_dicom(source / "clip" / name, data)
        rows = [f"clip/{name},c,{number}" for number, name in enumerate(stills)]
        labels = tmp_path / "labels.csv"
        labels.write_text("\n".join(["path,clip,frame", *rows]) + "\n")
        what = {"labels": labels, "patient_from": "dicom", "size": 120, "overwrite": True, **settings}
        store, summary = ingest([source], tmp_path / "store", **what)
        assert store is not None
        return store, summary

    def test_one_frame_in_color_makes_it_a_clip_with_flow(self, tmp_path: Path):
        """Its flow is as black as that of a cine, and its gray frames stay whole."""
        gray = moving_fan(3, 120, 120, seed=2)
        flow = flow_clip(3, 120, 120, seed=2)[2]
        stills = {"a": dicom(gray[0]), "b": dicom(gray[1]), "c": dicom(flow)}
        write_png(tmp_path / "archive/other.png", pattern())
        _, summary = self.ingested(tmp_path, {**stills, "d": dicom(gray[2])}, patient_from="unknown", sector="off")
        assert summary["left_out"] == {"colour": 1}
        store, summary = self.ingested(tmp_path, stills, kinds=("colour",), patient_from="unknown", sector="off")
        assert summary["kinds"] == {"colour": 1}
        stored = store.read(np.arange(3))
        np.testing.assert_array_equal(stored[0], gray[0])
        np.testing.assert_array_equal(stored[1], gray[1])
        np.testing.assert_array_equal(stored[2], np.where(flow_at(2, 120, 120), 0, gray[2]))

    def test_color_in_a_late_frame_is_seen(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(look, "LOOK_AT_FRAMES", 2)
        gray = moving_fan(3, 120, 120, seed=2)
        stills = {"a": dicom(gray[0]), "b": dicom(gray[1]), "c": dicom(flow_clip(3, 120, 120, seed=2)[2])}
        write_png(tmp_path / "archive/other.png", pattern())
        _, summary = self.ingested(tmp_path, stills, patient_from="unknown", sector="off")
        assert summary["left_out"] == {"colour": 1}

    def test_what_any_of_its_files_claims_holds_for_the_clip(self, tmp_path: Path):
        gray = moving_fan(3, 120, 160, seed=2)
        tagged = dicom(gray[2], ImageType=["ORIGINAL", "PRIMARY", "", "0002"])
        write_png(tmp_path / "archive/other.png", pattern())
        _, summary = self.ingested(
            tmp_path, {"a": dicom(gray[0]), "b": dicom(gray[1]), "c": tagged}, patient_from="unknown"
        )
        assert summary["left_out"] == {"m-mode": 1}
        assert [Path(item["path"]).name for item in summary["quarantine"]] == ["a", "b", "c"]

    def test_regions_of_its_first_file_bound_the_sector(self, tmp_path: Path):
        gray = moving_fan(3, 120, 200, seed=2)
        for frame in gray:
            frame[10:110, 2:26] = pattern(100, 24, seed=3)
        region = Dataset()
        region.RegionSpatialFormat, region.RegionDataType = 1, 1
        region.RegionLocationMinX0, region.RegionLocationMinY0 = 30, 2
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 169, 117
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
        region.PhysicalDeltaX = region.PhysicalDeltaY = 0.05
        stills = {name: dicom(one) for name, one in zip("abc", gray, strict=True)}
        for data in stills.values():
            data.SequenceOfUltrasoundRegions = [region]
        store, _ = self.ingested(tmp_path, stills)
        row = {name: store.frames[name][0].as_py() for name in ("crop_x0", "crop_y0", "crop_x1", "crop_y1")}
        y, x = np.nonzero(fan_mask(120, 200))
        assert list(row.values()) == pytest.approx([x.min(), y.min(), x.max() + 1, y.max() + 1], abs=4)
        scale = store.frames["scale"][0].as_py()
        assert store.frames["spacing_mm"].to_pylist() == pytest.approx([0.5 / scale] * 3)
        assert store.frames["frame_index"].to_pylist() == [0, 1, 2]
        # Spacings that differ are none.
        other = deepcopy(region)
        other.PhysicalDeltaX = other.PhysicalDeltaY = 0.08
        stills["b"].SequenceOfUltrasoundRegions = [other]
        store, _ = self.ingested(tmp_path, stills)
        assert store.frames["spacing_mm"].to_pylist() == [None] * 3

    def test_files_of_two_patients_are_no_clip(self, tmp_path: Path):
        write = {"a": dicom(moving_fan(1, 120, 160)[0]), "b": dicom(moving_fan(1, 120, 160)[0], patient="P-2")}
        save_dicom(tmp_path / "archive/other", dicom(pattern()))
        _, summary = self.ingested(tmp_path, write)
        assert [item["reason"] for item in summary["quarantine"]] == ["the clip's files are of different patients"] * 2

    def test_a_cine_among_its_files_is_refused(self, tmp_path: Path):
        write = {"a": dicom(moving_fan(1, 120, 160)[0]), "b": dicom(np.stack(moving_fan(2, 120, 160)))}
        save_dicom(tmp_path / "archive/other", dicom(pattern()))
        _, summary = self.ingested(tmp_path, write)
        assert [item["reason"] for item in summary["quarantine"]] == [
            "one of the clip's files has several frames; a clip's files hold one each"
        ] * 2
