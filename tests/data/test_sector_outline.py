"""Outlines: their polygons, what groups of them agree on, and lending one to a clip that is too dark."""

import numpy as np
import pytest
from scipy import ndimage

from sslecho.data.readers.recording import Region
from sslecho.data.sector import CONFIDENT, Outline, consensus, fill_polygon, find_panel, find_sector
from sslecho.data.sector.evidence import dilated, eroded

SHAPE = (240, 320)
WHOLE = (-0.5, -0.5, 319.5, 239.5)


def fan(x: float = 160.0, y: float = -10.0, *, half: float = 0.6, near: float = 30.0, far: float = 230.0) -> Outline:
    return Outline(SHAPE, WHOLE, (x, y), (-half, half), (near, far))


def slow_mask(outline: Outline, inset: float = 0.0) -> np.ndarray:
    """Pixel by pixel from the definition."""
    mask = np.zeros(outline.shape, bool)
    assert outline.apex is not None
    for row, column in np.ndindex(*outline.shape):
        x, y = column - outline.apex[0], row - outline.apex[1]
        radius, angle = np.hypot(x, y), np.arctan2(x, y)
        to_edges = min(radius * np.sin(angle - outline.angles[0]), radius * np.sin(outline.angles[1] - angle))
        inside = outline.radii[0] + inset <= radius <= outline.radii[1] - inset
        mask[row, column] = inside and to_edges >= inset and outline.angles[0] < angle < outline.angles[1]
    return mask


@pytest.mark.parametrize("inset", [0.0, 3.0])
@pytest.mark.parametrize(
    "outline",
    [
        fan(),
        fan(near=0.0, y=5.0),
        fan(half=1.2, y=20.0, far=120.0),
        Outline(SHAPE, WHOLE, (120.0, 0.0), (-0.2, 0.7), (20.0, 200.0)),
    ],
    ids=["fan", "point apex", "wide", "turned"],
)
def test_polygon_against_the_definition(outline: Outline, inset: float):
    corners = outline.polygon(inset=inset)
    assert len(corners) <= 64
    drawn, true = fill_polygon(corners, SHAPE), slow_mask(outline, inset)
    assert (drawn & true).sum() / (drawn | true).sum() > 0.97


def test_a_clip_cuts_and_a_rectangle_is_its_clip():
    corners = Outline(SHAPE, (80.0, 50.0, 250.0, 180.0), (160.0, -10.0), (-0.6, 0.6), (30.0, 230.0)).polygon()
    assert corners.min(axis=0) == pytest.approx([80, 50], abs=4)
    assert corners[:, 1].max() == pytest.approx(180)
    box = Outline(SHAPE, (80.0, 50.0, 250.0, 180.0)).polygon(inset=2.0)
    np.testing.assert_allclose(box, [(82, 52), (248, 52), (248, 178), (82, 178)])


def test_scaling_there_and_back():
    once = fan().scaled(2.5).scaled(0.4)
    np.testing.assert_allclose(once.landmarks(), fan().landmarks(), atol=1e-9)


def test_consensus_whatever_the_order():
    rng = np.random.default_rng(4)
    wide = [fan(160 + dx, -10 + dy) for dx, dy in rng.normal(0, 0.7, (7, 2)).tolist()]
    deep = [fan(160 + dx, -10.0, half=0.45) for dx in rng.normal(0, 0.7, 4).tolist()]
    other_size = [Outline((480, 640), (-0.5, -0.5, 639.5, 479.5), (160.0, -10.0), (-0.6, 0.6), (30.0, 230.0))]
    box = [Outline(SHAPE, (20.0, 20.0, 300.0, 200.0))]
    everything = [*wide, *deep, *other_size, *box]
    expected = consensus(everything)
    assert [len([o for o in group if o in expected]) for group in (wide, deep, other_size, box)] == [1, 1, 1, 1]
    assert expected[0] in wide
    assert expected[1] in deep
    for _ in range(20):
        assert consensus([everything[k] for k in rng.permutation(len(everything))]) == expected
    assert consensus([]) == []


def test_a_doubtful_clip_takes_over_the_outline_that_explains_it():
    true = fan()
    mask = slow_mask(true)
    rng = np.random.default_rng(2)
    lit = mask & (np.hypot(*np.meshgrid(np.arange(320) - 130, np.arange(240) - 120)) < 62)
    lit[:35] |= mask[:35]
    frames = [np.where(lit, rng.rayleigh(45, SHAPE).clip(0, 255), 0).astype(np.uint8) for _ in range(8)]
    alone = find_sector(frames)
    assert alone is not None
    assert alone.confidence < CONFIDENT
    lent = find_sector(frames, outlines=[fan(half=0.3), true, fan(far=150.0, half=0.9)])
    assert lent is not None
    assert lent.how == "outline"
    assert (
        (lent.mask & mask).sum() / (lent.mask | mask).sum()
        > 0.95
        > (alone.mask & mask).sum() / (alone.mask | mask).sum()
    )
    elsewhere = [
        Outline((480, 640), (-0.5, -0.5, 639.5, 479.5), (160.0, -10.0), (-0.6, 0.6), (30.0, 230.0)),
        fan(250.0),
    ]
    refused = find_sector(frames, outlines=elsewhere)
    assert refused is not None
    assert refused.how == "motion"


def panels() -> np.ndarray:
    rng = np.random.default_rng(1)
    picture = np.zeros(SHAPE, np.uint8)
    picture[30:120, 40:200] = rng.rayleigh(60, (90, 160)).clip(0, 255)
    picture[150:230, 20:300] = rng.rayleigh(60, (80, 280)).clip(0, 255)
    picture[4:12, 10:100:3] = 220  # strokes, as letters are
    return picture


def test_panels_from_regions_are_their_union():
    regions = [Region((40, 30, 200, 120), "2d", "tissue", None), Region((20, 150, 300, 230), "spectral", None, None)]
    found = find_panel([panels()], regions=regions)
    assert found is not None
    assert found.mask.sum() == 90 * 160 + 80 * 280
    assert found.how == "regions"
    assert found.box == (20, 30, 300, 230)


def test_panels_from_pixels_leave_the_letters_above_them_out():
    found = find_panel([panels()])
    assert found is not None
    truth = np.zeros(SHAPE, bool)
    truth[30:120, 40:200] = truth[150:230, 20:300] = True
    assert (found.mask & truth).sum() / (found.mask | truth).sum() > 0.9
    assert not found.mask[:20].any()
    assert find_panel([np.zeros(SHAPE, np.uint8)]) is None


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 7, 40])
@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32])
def test_extremes_over_squares_are_scipys(radius: int, kind: type):
    numbers = np.random.default_rng(radius).random((23, 31)) * 255
    picture = (numbers > 200) if kind is bool else numbers.astype(kind)
    size = 2 * radius + 1
    np.testing.assert_array_equal(dilated(picture, radius), ndimage.maximum_filter(picture, size))
    np.testing.assert_array_equal(eroded(picture, radius), ndimage.minimum_filter(picture, size))
