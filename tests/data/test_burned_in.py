"""The detector of text inside the sector, on noise that moves and letters that don't."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from sslecho.data.burned_in import TEXT, find_text

SHAPE = (256, 340)
EVERYWHERE = np.ones(SHAPE, bool)


def tissue(n: int, seed: int = 0) -> np.ndarray:
    """Speckle that changes, over walls that don't."""
    rng = np.random.default_rng(seed)
    walls = 30 + 90 * (ndimage.gaussian_filter(rng.normal(size=SHAPE), 12) > 0)
    return (
        np.stack([ndimage.gaussian_filter(rng.rayleigh(1, SHAPE), 1) * walls for _ in range(n)])
        .clip(0, 255)
        .astype(np.uint8)
    )


def written(text: str, *, at: tuple[int, int], size: float, gray: int = 230) -> np.ndarray:
    image = Image.new("L", SHAPE[::-1])
    ImageDraw.Draw(image).text(at, text, fill=gray, font=ImageFont.load_default(size=size))
    return np.asarray(image)


@pytest.mark.parametrize("size", [8, 11, 16, 22])
@pytest.mark.parametrize("text", ["DOE^JANE", "1957-03-04", "MRN 4711017"])
def test_text_that_stands_is_found_where_it_is(size: int, text: str):
    letters = written(text, at=(90, 140), size=size)
    frames = list(np.maximum(tissue(8), letters))
    finding = find_text(frames, EVERYWHERE)
    assert finding.score >= TEXT
    x0, y0, x1, y1 = finding.boxes[0]
    rows, columns = np.nonzero(letters > 60)
    assert columns.min() - 2 <= x0 < x1 <= columns.max() + 3
    assert rows.min() - 2 <= y0 < y1 <= rows.max() + 3


@pytest.mark.parametrize("seed", range(6))
def test_tissue_alone_is_no_text(seed: int):
    assert find_text(list(tissue(8, seed)), EVERYWHERE).score < TEXT


def test_letters_that_move_are_no_text():
    frames = [
        np.maximum(frame, written("DOE^JANE", at=(60 + 9 * k, 100 + 5 * k), size=14))
        for k, frame in enumerate(tissue(8))
    ]
    assert find_text(frames, EVERYWHERE).score < TEXT


def test_text_outside_the_mask_does_not_count():
    letters = written("DOE^JANE", at=(90, 20), size=14)
    mask = EVERYWHERE.copy()
    mask[:60] = False
    assert find_text(list(np.maximum(tissue(8), letters)), mask).score < TEXT


def test_lines_ticks_and_boxes_are_no_text():
    picture = Image.new("L", SHAPE[::-1])
    draw = ImageDraw.Draw(picture)
    draw.rectangle((100, 60, 220, 180), outline=230)
    for k in range(12):
        draw.line((60 + 9 * k, 200 - 9 * k, 63 + 9 * k, 200 - 9 * k), fill=230)
    assert find_text(list(np.maximum(tissue(8), np.asarray(picture))), EVERYWHERE).score < TEXT


def test_a_still_needs_a_longer_word():
    frame = tissue(1)[0]
    assert find_text([np.maximum(frame, written("HEART VIEW", at=(90, 140), size=16))], EVERYWHERE).score >= TEXT
    assert find_text([np.maximum(frame, written("LVOT", at=(90, 140), size=16))], EVERYWHERE).score < TEXT


def test_boxes_are_in_source_pixels():
    letters = written("DOE^JANE", at=(90, 140), size=14)
    frames = [np.asarray(Image.fromarray(frame).resize((1020, 768))) for frame in np.maximum(tissue(6), letters)]
    box = find_text(frames, np.ones((768, 1020), bool)).boxes[0]
    rows, columns = np.nonzero(letters > 60)
    assert box[0] == pytest.approx(3 * columns.min(), abs=12)
    assert box[3] == pytest.approx(3 * (rows.max() + 1), abs=12)
