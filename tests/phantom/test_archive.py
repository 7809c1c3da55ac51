"""What is written, where, and that nothing gives the truth away."""

import csv
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sslecho.errors import InputError, SettingsError
from sslecho.phantom.archive import COLUMNS, truth_folder, write_archive
from sslecho.phantom.devices import DEVICES, draw_settings
from sslecho.phantom.echo import Drive, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.geometry import BeamGrid, ScanConverter
from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.overlay import burn_in, draw_identity, overlay_picture
from sslecho.phantom.sites import ARCHIVE_SITES, ECHO_SITES, FETAL_SITES, Site

SMALL = {"patients": 2, "views_per_patient": 2, "clips_per_view": 2, "frames_per_clip": 3, "size": 64, "seed": 5}
FANS = tuple(VIEWS)  # the classes of "echo" that are clips of one fan


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_png_layout(tmp_path):
    out = tmp_path / "echo"
    counts = write_archive(out, kind="echo", classes=FANS, format="png", **SMALL)
    rows = rows_of(out)
    assert tuple(rows[0]) == COLUMNS
    files = {path.relative_to(out).as_posix() for path in out.rglob("*.png")}
    assert files == {row["path"] for row in rows}
    assert counts["files"] == len(files) == 3 * counts["clips"] == counts["frames"]
    assert sum(counts["classes"].values()) == counts["clips"]
    assert not counts["already"]
    by_clip: dict[str, list[str]] = {}
    for row in rows:
        by_clip.setdefault(row["clip"], []).append(row["frame"])
    assert all(frames == ["0", "1", "2"] for frames in by_clip.values())
    assert len({row["patient"] for row in rows}) == 2
    with Image.open(out / rows[0]["path"]) as picture:
        assert (picture.mode, picture.size) == ("L", (64, 64))


def test_truth_lies_beside_and_never_inside(tmp_path):
    out = tmp_path / "echo"
    write_archive(out, kind="echo", classes=FANS, format="png", masks="labels", **SMALL)
    assert {path.suffix for path in out.rglob("*") if path.is_file()} == {".png", ".csv"}
    truth = truth_folder(out)
    assert truth.parent == out.parent
    clips = {row["clip"] for row in rows_of(out)}
    assert {path.stem for path in (truth / "clips").iterdir()} == clips
    for clip in clips:
        with Image.open(truth / "sectors" / f"{clip}.png") as picture:
            sector = np.asarray(picture) > 0
        with np.load(truth / "labels" / f"{clip}.npz") as content:
            labels = content["labels"]
        assert labels.shape == (3, 64, 64)
        np.testing.assert_array_equal(labels[0] > 0, sector)
        latents = json.loads((truth / "clips" / f"{clip}.json").read_text())["latents"]
        assert {"depth_mm", "rotation_deg", "quality_loss", "patient_lv_diameter_mm"} <= set(latents)


def test_paths_do_not_name_the_class(tmp_path):
    out = tmp_path / "fetal"
    counts = write_archive(out, kind="fetal", format="png", **SMALL)
    rows = rows_of(out)
    assert counts["frames"] == counts["clips"] == len(rows)
    for row in rows:
        assert not any(label in row["path"] for label in counts["classes"])


def test_bytes_do_not_depend_on_the_workers(tmp_path):
    for workers in (1, 2):
        write_archive(tmp_path / f"w{workers}", kind="fetal", format="png", workers=workers, **SMALL)
    assert hashes(tmp_path / "w1") == hashes(tmp_path / "w2")
    assert hashes(tmp_path / "w1.truth") == hashes(tmp_path / "w2.truth")


def test_again_is_already_done_and_a_stopped_run_goes_on(tmp_path):
    out = tmp_path / "echo"
    write_archive(out, kind="echo", format="png", **SMALL)
    before = hashes(out)
    assert write_archive(out, kind="echo", format="png", **SMALL)["already"]
    record = sorted((truth_folder(out) / "clips").iterdir())[1]
    record.unlink()
    (out / "labels.csv").unlink()
    assert not write_archive(out, kind="echo", format="png", **SMALL)["already"]
    assert hashes(out) == before


def test_another_archive_or_a_foreign_folder_is_left_alone(tmp_path):
    out = tmp_path / "echo"
    write_archive(out, kind="echo", format="png", **SMALL)
    with pytest.raises(InputError, match="holds another phantom archive .*seed 5 instead of 6"):
        write_archive(out, kind="echo", format="png", **{**SMALL, "seed": 6})
    foreign = tmp_path / "photos"
    foreign.mkdir()
    (foreign / "cat.jpg").write_bytes(b"meow")
    with pytest.raises(InputError, match="not empty and holds no phantom archive"):
        write_archive(foreign, kind="echo", format="png", **SMALL)
    assert [path.name for path in foreign.iterdir()] == ["cat.jpg"]


def test_only_the_named_classes_are_drawn(tmp_path):
    counts = write_archive(tmp_path / "two", kind="echo", classes=["a4c", "plax"], **SMALL)
    assert set(counts["classes"]) == {"a4c", "plax"}
    assert write_archive(tmp_path / "two", kind="echo", classes=["a4c", "plax"], **SMALL)["already"]
    with pytest.raises(SettingsError, match="class 'a4' is not of kind echo; take some of plax, "):
        write_archive(tmp_path / "x", kind="echo", classes=["a4"], **SMALL)


@pytest.mark.parametrize("kind", ["echo", "fetal"])
def test_no_clip_is_recorded_twice(kind, tmp_path):
    """Also where one class is looked for again and again."""
    many = {**SMALL, "patients": 2, "views_per_patient": 4, "frames_per_clip": 1}
    first = {"echo": "a4c", "fetal": "brain"}[kind]
    counts = write_archive(tmp_path / "x", kind=kind, classes=[first], overlays=False, **many)
    assert counts["clips"] > 8
    assert len(set(hashes(tmp_path / "x").values())) == counts["files"] + 1


def test_one_fan_for_all_devices(tmp_path):
    """With `fan="same"` all sectors have one shape, whatever the depth; each device has its own otherwise."""
    many = {**SMALL, "patients": 12, "views_per_patient": 1, "clips_per_view": 1, "frames_per_clip": 1}
    radii, angles = {}, {}
    for fan in ("device", "same"):
        write_archive(tmp_path / fan, kind="echo", classes=["a4c"], fan=fan, **many)
        records = [json.loads(p.read_text()) for p in (truth_folder(tmp_path / fan) / "clips").iterdir()]
        radii[fan] = [record["latents"]["radius_mm"] / record["latents"]["depth_mm"] for record in records]
        angles[fan] = {record["latents"]["angle_deg"] for record in records}
        assert len({record["rows"][0]["device"] for record in records}) > 1
    assert np.ptp(radii["device"]) > 0.01
    assert len(angles["device"]) > 4
    assert np.ptp(radii["same"]) < 0.0002
    assert len(angles["same"]) == 1


def test_an_archive_of_another_version_is_left_alone(tmp_path, monkeypatch):
    out = tmp_path / "echo"
    write_archive(out, kind="echo", **SMALL)
    monkeypatch.setattr(sys.modules[write_archive.__module__], "PHANTOM_VERSION", 10**6)
    with pytest.raises(InputError, match=r"another phantom archive \(version \d+ instead of 1000000\)"):
        write_archive(out, kind="echo", **SMALL)


def test_a_site_shows_its_pictures_its_own_way():
    """Mirrored and upside down are the same picture turned round, sector and labels with it."""
    factors = Factors.from_seed(3)
    plain, turned = (
        EchoClip(factors, patient=0, view="a4c", frames=1, size=64, sites=(site,)).render(with_labels=True)
        for site in (Site("handheld"), Site("handheld", apical_mirrored=True, apex_down=True))
    )
    np.testing.assert_array_equal(turned.frames, plain.frames[:, ::-1, ::-1])
    np.testing.assert_array_equal(turned.labels, plain.labels[:, ::-1, ::-1])
    np.testing.assert_array_equal(turned.sector, plain.sector[::-1, ::-1])
    assert (turned.latents["mirrored"], turned.latents["upside_down"]) == (True, True)
    short = EchoClip(factors, patient=0, view="psax_mid", frames=1, size=64, sites=(Site("handheld", True),))
    assert short.flips == (False, False)


def test_drives_move_the_plane_and_take_echoes():
    """A drive that is 0 throughout changes nothing; one that is 1 shifts the plane or darkens it."""
    factors = Factors.from_seed(3)

    def frames(value: float, **what) -> np.ndarray:
        def drives(courses, patient):
            return [Drive("probe", np.full(len(courses["breath"]), value), **what)]

        return EchoClip(factors, patient=0, view="a4c", frames=2, size=64, drives=drives).render().frames

    plain = EchoClip(factors, patient=0, view="a4c", frames=2, size=64).render().frames
    shift = {"mode": lambda points: np.broadcast_to([25.0, 0.0], points.shape)}
    loss = {"loss_db": lambda grid: np.full((grid.lines, grid.samples), 30.0, np.float32)}
    for what in (shift, loss):
        np.testing.assert_array_equal(frames(0.0, **what), plain)
        assert np.abs(frames(1.0, **what).astype(float) - plain).mean() > 4
    assert frames(1.0, **loss).mean() < 0.6 * plain.mean()


def test_all_bad_settings_are_named_at_once(tmp_path):
    with pytest.raises(SettingsError) as error:
        write_archive(tmp_path / "x", kind="ecco", format="bmp", patients=0, size=8)
    assert len(error.value.problems) == 4
    assert "kind 'ecco' is not known" in str(error.value)
    assert not (tmp_path / "x").exists()


def test_dicom(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    out = tmp_path / "dicom"
    counts = write_archive(out, kind="echo", classes=FANS, format="dicom", **SMALL)
    rows = rows_of(out)
    assert len(rows) == counts["clips"]
    uids = set()
    for row in rows:
        ds = pydicom.dcmread(out / row["path"])
        assert (ds.Modality, ds.NumberOfFrames, ds.Rows, ds.Columns) == ("US", 3, 64, 64)
        assert "^" in str(ds.PatientName)
        assert float(ds.FrameTime) > 10
        region = ds.SequenceOfUltrasoundRegions[0]
        assert region.RegionLocationMinX0 < region.RegionLocationMaxX1 < 64
        assert 0.05 < region.PhysicalDeltaX < 0.7
        assert ds.pixel_array.shape == (3, 64, 64)
        assert row["label"] not in str(ds)
        uids.add(ds.SOPInstanceUID)
    assert len(uids) == len(rows)


def test_video(tmp_path):
    av = pytest.importorskip("av")
    out = tmp_path / "video"
    plain = tmp_path / "png"
    write_archive(out, kind="echo", classes=FANS, format="video", **SMALL)
    write_archive(plain, kind="echo", classes=FANS, format="png", **SMALL)
    first = rows_of(out)[0]
    with av.open(str(out / first["path"])) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(frames) == 3
    with Image.open(plain / rows_of(plain)[0]["path"]) as picture:
        want = np.asarray(picture).astype(float)
    assert np.abs(frames[0].astype(float) - want).mean() < 8


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("size", [96, 256])
def test_overlays_lie_outside_the_sector(name, size):
    device = DEVICES[name]
    settings = draw_settings(np.random.default_rng(0), (Site(name),), 0)
    sector = ScanConverter(BeamGrid(device.radius_mm, device.angle_deg[1], device.depth_mm[1]), size).mask
    identity = draw_identity(Factors.from_seed(0), 3, 0, 1)
    overlay = overlay_picture(sector, identity, settings, depth_mm=device.depth_mm[1], mm_per_pixel=0.8)
    assert not overlay[sector].any()
    assert (overlay > 100).sum() > 0.004 * size * size
    frames = np.full((2, size, size), 7, np.uint8)
    burned = burn_in(frames, overlay)
    np.testing.assert_array_equal(burned[:, sector], frames[:, sector])
    assert (burned[0] != frames[0]).any()


def test_sites_name_known_devices():
    assert {site.device for site in ECHO_SITES + FETAL_SITES + ARCHIVE_SITES} <= set(DEVICES)
    assert len({site.device for site in ECHO_SITES}) >= 2
