"""The kind `archive`: its modes, its files, their tags, and the truth beside them."""

import csv
import json
from collections import Counter

import numpy as np
import pydicom
import pytest
from PIL import Image

from sslecho.errors import SettingsError
from sslecho.phantom.archive import COLUMNS, truth_folder, write_archive
from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.kinds import plans_of
from sslecho.phantom.layouts import LAYOUTS
from sslecho.phantom.plan import MODE_SHARES, Plan
from sslecho.phantom.screens.contrast import TINTS, tint
from sslecho.phantom.screens.draw import draw_screen
from sslecho.phantom.screens.fan import draw_fan
from sslecho.phantom.sites import ARCHIVE_SITES, Site
from sslecho.phantom.tissues import STRUCTURE_NUMBER

SMALL = {"patients": 3, "views_per_patient": 3, "clips_per_view": 1, "frames_per_clip": 3, "size": 96, "seed": 4}


def screens_of(mode, n=5, *, size=96, overlays=True):
    views = list(VIEWS)
    plans = [Plan("archive", k, 0, views[k % 12], k, 0, f"p{k:04d}-000", "x", mode) for k in range(n)]
    return [
        draw_screen(plan, Factors.from_seed(2), frames=4, size=size, jitter=1.35, overlays=overlays) for plan in plans
    ]


@pytest.mark.parametrize("mode", MODE_SHARES)
def test_a_mode_is_drawn_with_its_truth(mode):
    for burnt in screens_of(mode):
        screen = burnt.screen
        assert screen.kind == mode
        assert screen.frames.dtype == np.uint8
        assert screen.frames.shape[1:3] == screen.sector.shape == burnt.outside.shape == (96, 128)
        assert bool(screen.label) == (mode == "b-mode")
        assert not (burnt.outside.astype(bool) & screen.sector).any()
        assert not (burnt.inside.astype(bool) & ~screen.sector).any()
        for part in screen.parts:
            assert 0 <= part.box[0] < part.box[2] <= 128
            assert 0 <= part.box[1] < part.box[3] <= 96


def test_without_overlays_the_rest_is_the_same_outside_the_glyphs():
    for mode in ("b-mode", "colour", "spectral"):
        for clean, burnt in zip(screens_of(mode, overlays=False), screens_of(mode), strict=True):
            glyphs = (burnt.outside > 0) | (burnt.inside > 0)
            np.testing.assert_array_equal(clean.screen.frames[:, ~glyphs], burnt.screen.frames[:, ~glyphs])
            assert (clean.screen.frames[:, glyphs] != burnt.screen.frames[:, glyphs]).any()


def test_colour_lies_in_the_sector_and_is_blue_or_red():
    shares = []
    for burnt in screens_of("colour", 10, size=160, overlays=False):
        frames = burnt.screen.frames.astype(int)
        assert frames.ndim == 4
        vivid = (frames.max(axis=-1) - frames.min(axis=-1) > 60) & burnt.screen.sector
        shares.append(vivid.mean())
    assert np.mean(np.array(shares) > 0.003) > 0.8


def test_regions_name_units_and_come_in_any_order():
    first_formats, counts = set(), set()
    for burnt in screens_of("spectral", 10):
        counts.add(len(burnt.screen.parts))
        trace = next(part for part in burnt.screen.parts if part.format == 3)
        assert trace.units == (4, 7)  # seconds, cm/s
        assert 0 < trace.deltas[0] < 0.1
        first_formats.add(burnt.screen.parts[0].format)
    assert first_formats == {1, 3}
    assert counts == {1, 2}  # without the small fan, and with it


def test_a_tint_keeps_black_and_white_and_the_order_of_grays():
    for name in TINTS:
        table = tint(np.arange(256, dtype=np.uint8), name)
        luma = table @ np.array([0.299, 0.587, 0.114])
        assert luma[0] == 0
        assert luma[-1] > 250
        assert (np.diff(luma) >= -0.01).all()
        assert np.ptp(table[128]) > 12


def test_modes_have_their_shares():
    plans = plans_of("archive", Factors.from_seed(0), patients=400, views_per_patient=4, clips_per_view=1)
    found = Counter(plan.mode for plan in plans)
    for mode, share in MODE_SHARES.items():
        spread = (share * (1 - share) / len(plans)) ** 0.5
        assert abs(found[mode] / len(plans) - share) < 4 * spread


@pytest.mark.parametrize("format", ["png", "video", "dicom"])
def test_files_and_truth(format, tmp_path):
    out = tmp_path / "archive"
    counts = write_archive(out, kind="archive", format=format, **SMALL)
    with (out / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == (*COLUMNS, "kind")
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} - {"labels.csv"}
    assert files == {row["path"] for row in rows}
    assert all(bool(row["label"]) == (row["kind"] == "b-mode") for row in rows)
    assert not any(mode in row["path"] for row in rows for mode in MODE_SHARES)
    kinds = {row["clip"]: row["kind"] for row in rows}
    assert sum(counts["classes"].values()) == counts["clips"] == len(kinds)
    truth = truth_folder(out)
    n_frames = 0
    for clip in kinds:
        record = json.loads((truth / "clips" / f"{clip}.json").read_text())
        n_frames += record["frames"]
        with Image.open(truth / "sectors" / f"{clip}.png") as picture:
            sector = np.asarray(picture) > 0
        for place, where in (("outside", ~sector), ("inside", sector)):
            with Image.open(truth / "glyphs" / f"{clip}-{place}.png") as picture:
                glyphs = np.asarray(picture)
            assert set(np.unique(glyphs)) <= {0, 85, 170, 255}
            assert not (glyphs[~where] > 0).any()
    assert counts["frames"] == n_frames


def test_bytes_depend_on_the_seed_alone(tmp_path):
    contents = []
    for name, workers, seed in (("a", 1, 4), ("b", 2, 4), ("c", 1, 5)):
        write_archive(tmp_path / name, kind="archive", format="dicom", workers=workers, **{**SMALL, "seed": seed})
        contents.append({p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.dcm")})
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_dicom_says_little_and_sometimes_wrongly(tmp_path):
    out = tmp_path / "archive"
    write_archive(out, kind="archive", format="dicom", **{**SMALL, "patients": 20, "frames_per_clip": 1})
    with (out / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    coded, weak, colored, orders = 0, 0, 0, Counter()
    for row in rows:
        ds = pydicom.dcmread(out / row["path"])
        coded += len(ds.ImageType) > 3
        weak += any(name in ds for name in ("SeriesDescription", "ViewName", "StageName", "ViewCodeSequence"))
        samples = ds.pixel_array
        if row["kind"] == "colour":
            colored += 1
            assert ds.PhotometricInterpretation == "RGB"
            assert samples.shape[-1] == 3
        if "SequenceOfUltrasoundRegions" in ds:
            orders[row["kind"], ds.SequenceOfUltrasoundRegions[0].RegionSpatialFormat] += 1
        assert str(ds.PatientName).split("^")[0] in ds.PatientComments
        assert any(element.tag.is_private for element in ds)
        assert "OperatorsName" in ds
    assert colored > 5
    assert 0.4 < coded / len(rows) < 0.8
    assert 0.03 < weak / len(rows) < 0.27
    assert orders["spectral", 1]
    assert orders["spectral", 3]


def test_there_are_no_structure_maps_of_an_archive(tmp_path):
    with pytest.raises(SettingsError, match="masks 'labels' is of the kinds echo and fetal"):
        write_archive(tmp_path / "x", kind="archive", masks="labels")


def test_stills_of_a_video_archive_are_pictures(tmp_path):
    write_archive(tmp_path / "fetal", kind="fetal", format="video", **SMALL)
    assert {path.suffix for path in (tmp_path / "fetal").rglob("*") if path.is_file()} == {".png", ".csv"}


def _fan_at(site, view="a4c", n=3):
    plan = Plan("archive", n, 0, view, 0, 0, "p0000-000", "x", "b-mode")
    return draw_fan(plan, Factors.from_seed(2), frames=1, size=96, jitter=0.5, sites=(site,))


def _columns(fan, structure):
    """Of a structure on the screen, by the fan's own map from pixels to beams."""
    lines, samples = fan.beams.shape[1:]
    rows, columns = np.nonzero(fan.sector)
    line = np.clip(np.rint(fan.line[rows, columns] * (lines - 1)).astype(int), 0, lines - 1)
    sample = np.clip((fan.sample[rows, columns] * samples).astype(int), 0, samples - 1)
    found = fan.beams[0][line, sample] == STRUCTURE_NUMBER[structure]
    return rows[found].mean(), columns[found].mean()


def test_a_mirrored_site_has_the_right_ventricle_on_the_right():
    plain, mirrored = (_fan_at(Site("phased_adult", apical_mirrored=turned)) for turned in (False, True))
    assert _columns(plain, "rv")[1] < _columns(plain, "lv")[1]
    assert _columns(mirrored, "rv")[1] > _columns(mirrored, "lv")[1]
    np.testing.assert_array_equal(plain.gray[..., ::-1], mirrored.gray)
    assert sum(site.apical_mirrored for site in ARCHIVE_SITES) == 1
    assert len(ARCHIVE_SITES) == 10
    short = [_fan_at(Site("phased_adult", apical_mirrored=turned), "psax_pap").gray for turned in (False, True)]
    np.testing.assert_array_equal(*short)


def test_upside_down_the_atrium_is_on_top_and_so_is_the_depth():
    plain, turned = (_fan_at(Site("phased_adult", apex_down=down)) for down in (False, True))
    assert _columns(plain, "la")[0] > _columns(plain, "lv")[0]
    assert _columns(turned, "la")[0] < _columns(turned, "lv")[0]
    assert turned.apex[1] > 48 > plain.apex[1]


def test_pixels_of_beams_are_where_the_fan_says():
    for site in (Site("phased_adult"), Site("phased_adult", apical_mirrored=True, apex_down=True)):
        fan = _fan_at(site)
        for line, sample in ((0.3, 0.4), (0.8, 0.7)):
            x, y = (round(value) for value in fan.pixel(line, sample))
            assert fan.line[y, x] == pytest.approx(line, abs=0.02)
            assert fan.sample[y, x] == pytest.approx(sample, abs=0.02)


def test_the_vena_cava_turns_by_site():
    plain, turned = (_fan_at(Site("phased_adult", ivc_cranial_left=left), "sc_ivc") for left in (False, True))
    assert _columns(plain, "ra")[1] > _columns(plain, "ivc")[1]
    assert _columns(turned, "ra")[1] < _columns(turned, "ivc")[1]


def test_some_sites_burn_the_view_in():
    named = [name for name, layout in LAYOUTS.items() if any("view" in item.what for item in layout.items)]
    assert 1 <= len(named) < len(LAYOUTS) / 2
