"""The sector finder on drawn fans with text burned in."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from sslecho.data.readers.recording import Region
from sslecho.data.sector import CONFIDENT, Sector, convex_hull, fill_polygon, find_sector
from sslecho.data.sector.evidence import dilated, eroded

SHAPE = (480, 640)


def fan(*, apex=(320, -40), inner=80, outer=470, half_angle=0.6, shape=SHAPE) -> np.ndarray:
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    radius = np.hypot(x - apex[0], y - apex[1])
    angle = np.arctan2(x - apex[0], y - apex[1])
    return (radius > inner) & (radius < outer) & (np.abs(angle) < half_angle)


def clip(mask: np.ndarray, text: np.ndarray, n: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(n):
        speckle = rng.rayleigh(45, mask.shape).clip(0, 255)
        frame = np.where(mask, speckle, 3).astype(np.uint8)
        frames.append(np.where(text, np.uint8(230), frame))
    return frames


def text_at(places, *, size=18, shape=SHAPE) -> np.ndarray:
    image = Image.new("L", shape[::-1])
    draw = ImageDraw.Draw(image)
    for x, y in places:
        draw.text((x, y), "DOE^JANE 1957-03-04", fill=255, font=ImageFont.load_default(size=size))
    return np.array(image) > 0


CORNERS = [(4, 4), (430, 4), (4, 450), (440, 455), (4, 200)]


@pytest.mark.parametrize("n", [1, 8])
@pytest.mark.parametrize("size", [12, 18, 30])
def test_no_letter_outside_the_fan_survives(n: int, size: int):
    mask = fan()
    text = text_at(CORNERS, size=size) & ~ndimage.binary_dilation(mask, iterations=4)
    frames = clip(mask, text, n)
    sector = find_sector(frames)
    assert sector is not None
    for frame in frames:
        assert not sector.blank(frame)[text].any()
    union, both = (sector.mask | mask).sum(), (sector.mask & mask).sum()
    assert both / union > (0.98 if n > 1 else 0.96)  # a still is cut closer where something is written nearby
    x0, y0, x1, y1 = sector.box
    assert sector.mask[y0:y1, x0:x1].sum() == sector.mask.sum()


def test_letters_in_the_hollow_above_a_curved_probe_go_too():
    mask = fan(inner=180, outer=500)
    text = text_at([(262, 100)], size=10) & ~fan(inner=170, outer=500)
    assert text.any()
    frames = clip(mask, text, 8)
    sector = find_sector(frames)
    assert sector is not None
    assert not sector.blank(frames[0])[text].any()


def test_a_gray_bar_with_text_is_no_tissue():
    mask = fan()
    frames = clip(mask, text_at([(4, 4)]), 1)
    frames[0][:36] = np.where(text_at([(4, 4)])[:36], 230, 60)
    sector = find_sector(frames)
    assert sector is not None
    assert (sector.mask & ~mask)[:36].sum() < 40


def test_a_linear_probe_gives_a_rectangle():
    mask = np.zeros(SHAPE, bool)
    mask[60:420, 150:500] = True
    frames = clip(mask, text_at(CORNERS[:2]), 6)
    sector = find_sector(frames)
    assert sector is not None
    assert (sector.mask & mask).sum() / (sector.mask | mask).sum() > 0.97


def test_a_dark_chamber_does_not_bite_into_the_sector():
    mask = fan()
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    chamber = (x - 330) ** 2 + (y - 260) ** 2 < 80**2
    frames = [np.where(chamber, np.uint8(3), frame) for frame in clip(mask, np.zeros(SHAPE, bool), 6)]
    sector = find_sector(frames)
    assert sector is not None
    assert sector.mask[chamber].all()


def overlap(sector: Sector | None, mask: np.ndarray) -> float:
    assert sector is not None
    return float((sector.mask & mask).sum() / (sector.mask | mask).sum())


def test_the_fan_goes_on_where_the_far_field_and_one_side_are_dark():
    mask = fan()
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    dark = (np.abs(x - 320) > 12) & (y > 360) | (x > 400) & (y > 250)
    frames = [np.where(dark, np.uint8(3), frame) for frame in clip(mask, np.zeros(SHAPE, bool), 8)]
    sector = find_sector(frames)
    assert overlap(sector, mask) > 0.95


@pytest.mark.parametrize("n", [8, 2])
def test_letters_that_touch_the_fan_are_cut_off_at_its_edge(n: int):
    mask = fan()
    places = [(60, 200), (430, 130), (60, 260), (400, 430), (60, 440), (230, 20)]
    text = text_at(places, size=16) & ~mask
    assert (text & ndimage.binary_dilation(mask)).sum() > 20  # they do touch
    sector = find_sector(clip(mask, text, n))
    assert overlap(sector, mask) > 0.95
    assert sector is not None
    # What stays may be slivers at the edge, never a part that could be read.
    assert not (sector.mask & text & ~ndimage.binary_dilation(mask, iterations=2)).any()
    assert (sector.mask & text).sum() < 0.01 * text.sum()


def test_a_trace_that_scrolls_below_the_fan_is_no_tissue():
    mask = fan(outer=400)
    frames = clip(mask, np.zeros(SHAPE, bool), 10)
    x = np.arange(SHAPE[1])
    for k, frame in enumerate(frames):
        beat = 440 - 40 * np.exp(-((((x + 9 * k) % 160 - 60) / 4.0) ** 2))
        for column, row in zip(x, beat.round().astype(int), strict=True):
            frame[row - 1 : row + 2, column] = 220
    assert overlap(find_sector(frames), mask) > 0.95


def test_a_zoomed_fan_is_cut_by_its_rectangle():
    mask = fan(outer=600, half_angle=0.5)
    mask[:150] = mask[420:] = False
    assert overlap(find_sector(clip(mask, np.zeros(SHAPE, bool), 8)), mask) > 0.95


@pytest.mark.parametrize("slack", [0, 6, 25])
def test_a_region_bounds_the_search_but_is_not_believed(slack: int):
    mask = fan()
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (
        max(int(columns[0]) - slack, 0),
        max(int(rows[0]) - slack, 0),
        min(int(columns[-1]) + 1 + slack, SHAPE[1]),
        min(int(rows[-1]) + 1 + slack, SHAPE[0]),
    )
    text = text_at([(box[0] + 4, 60), (440, 60)], size=16) & ~mask  # within the region, outside the fan
    sector = find_sector(clip(mask, text, 8), regions=(Region(box, "2d", "tissue", None),))
    assert overlap(sector, mask) > 0.96
    assert sector is not None
    assert sector.how == "regions"
    assert not (sector.mask & text).any()
    assert not sector.mask[:, : box[0]].any()
    assert not sector.mask[:, box[2] :].any()


def test_a_region_parts_two_pictures():
    both = np.zeros(SHAPE, bool)
    both[60:400, 20:310] = both[60:400, 330:620] = True
    left = both.copy()
    left[:, 320:] = False
    regions = [Region((320, 50, 600, 410), "m-mode", None, None), Region((15, 50, 315, 410), "2d", "tissue", None)]
    assert overlap(find_sector(clip(both, np.zeros(SHAPE, bool), 8), regions=regions), left) > 0.96


@pytest.mark.parametrize("outer", [300, 470])
def test_the_polygon_says_what_the_mask_says(outer: int):
    sector = find_sector(clip(fan(outer=outer), np.zeros(SHAPE, bool), 8))
    assert sector is not None
    assert 3 <= len(sector.polygon) <= 64
    drawn = fill_polygon(sector.polygon, SHAPE)
    assert not (drawn & ~ndimage.binary_dilation(sector.mask)).any()
    assert not (sector.mask & ~ndimage.binary_dilation(drawn)).any()
    assert sector.confidence >= CONFIDENT


def test_the_order_of_frames_has_no_say():
    frames = clip(fan(), text_at(CORNERS), 7)
    first, second = find_sector(frames), find_sector(frames[::-1])
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.mask, second.mask)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros(SHAPE, np.uint8),
        np.full(SHAPE, 200, np.uint8),
        text_at(CORNERS).astype(np.uint8) * 255,
        np.zeros((1, 1), np.uint8),
        np.full((3, 500), 7, np.uint8),
    ],
    ids=["black", "white", "text alone", "one pixel", "a line"],
)
def test_where_nothing_stands_out_there_is_no_sector(picture: np.ndarray):
    assert find_sector([picture]) is None


def test_a_sector_may_fill_the_picture():
    found = find_sector([np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)])
    assert found is not None
    assert found.mask.all()
    assert found.box == (0, 0, SHAPE[1], SHAPE[0])


def test_hull_against_brute_force():
    points = np.random.default_rng(3).normal(size=(40, 2)).round(2)
    corners = {tuple(corner) for corner in convex_hull(points)}
    for a in points:
        for b in points:
            side = (b[0] - a[0]) * (points[:, 1] - a[1]) - (b[1] - a[1]) * (points[:, 0] - a[0])
            if not np.array_equal(a, b) and (side >= 0).all():  # all points lie on one side of the line a-b
                assert {tuple(a), tuple(b)} <= corners
    assert len(corners) < len(points)


def test_a_polygon_is_filled_with_its_edge():
    assert fill_polygon(np.array([[1.0, 1.0], [4.0, 1.0], [4.0, 3.0], [1.0, 3.0]]), (5, 6)).sum() == 12


def test_a_bare_picture_is_believed_and_one_with_letters_is_not():
    mask = fan()
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    dark = (x > 330) & (y > 120) | (y > 330) & (x > 250)  # hardly anything shows the right edge and the far arc
    bare = [np.where(dark, np.uint8(3), frame) for frame in clip(mask, np.zeros(SHAPE, bool), 1, seed=1)]
    text = text_at([(480, 4), (470, 60)])
    sector, doubtful = find_sector(bare), find_sector([np.where(text, np.uint8(230), frame) for frame in bare])
    assert sector is not None
    assert doubtful is not None
    assert sector.confidence >= CONFIDENT > doubtful.confidence


def test_dots_of_a_scale_leave_a_picture_bare():
    mask = fan()
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    dark = (x > 330) & (y > 120) | (y > 330) & (x > 250)
    frames = [np.where(dark, np.uint8(3), frame) for frame in clip(mask, np.zeros(SHAPE, bool), 1, seed=1)]
    for top in range(20, 300, 40):
        frames[0][top : top + 4, 600:604] = 200
    sector = find_sector(frames)
    assert sector is not None
    assert sector.confidence >= CONFIDENT


@pytest.mark.parametrize("radius", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("shape", [(9, 13), (1, 1), (2, 30), (31, 5)])
def test_extremes_against_a_general_filter(shape: tuple[int, int], radius: int):
    picture = np.random.default_rng(radius).integers(1, 255, shape, dtype=np.uint8)
    width = 2 * radius + 1
    np.testing.assert_array_equal(
        dilated(picture, radius), ndimage.maximum_filter(picture, width, mode="constant", cval=0)
    )
    np.testing.assert_array_equal(
        eroded(picture, radius), ndimage.minimum_filter(picture, width, mode="constant", cval=255)
    )
