"""The figures of `explain` and the confusion matrix: what is counted, what is drawn where, and that letters stay on."""

import io

import numpy as np
import pytest
from moving_fan import fan_mask, moving_fan
from PIL import Image

from sslecho.report.confusion import confusion_counts, draw_confusion
from sslecho.report.explain_errors import Wrong, draw_errors
from sslecho.report.explain_maps import Shown, draw_maps, overlaid
from sslecho.report.explain_occlusion import Way, draw_occlusion
from sslecho.report.explain_time import Course, draw_time

PICTURE = moving_fan(1, 48, 48)[0] / 255.0
MASK = fan_mask(48, 48)
FOOTER = "n = 20 clips · 10 patients · split: test"


def picture_of(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def shown(sector, **maps):
    return Shown(PICTURE, sector, None if sector is not None else MASK, maps, "a4c", "a2c", 0.93)


def test_confusion_counts_are_truth_by_answer():
    truth, answers = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 0, 2])
    assert confusion_counts(truth, answers, 3).tolist() == [[1, 1, 0], [0, 1, 0], [2, 0, 1]]


@pytest.mark.parametrize("n", [2, 12, 20])
def test_the_confusion_figure_is_darkest_where_most_items_are(n):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 3, (n, n)) + np.diag(np.full(n, 40))
    names = [f"parasternal view {place}" for place in range(n)]
    drawn = picture_of(draw_confusion(counts, names, title="Accuracy .90 (.85–.95)", footer=FOOTER, stamp="doubtful"))
    turned = picture_of(draw_confusion(counts[:, ::-1], names, title="Accuracy .90 (.85–.95)", footer=FOOTER))
    assert drawn.shape[1] > 800
    assert np.abs(drawn[:, :, 0] - turned[:, :, 0]).max() > 150
    assert (drawn[:, -3:] == 255).all()  # nothing is cut off at the rim


def test_a_map_is_drawn_inside_the_sector_alone_where_there_is_one():
    rng = np.random.default_rng(0)
    row = shown(MASK, gradient=rng.random((48, 48)))
    over = overlaid(row, "gradient")
    gray = np.ptp(over, axis=2) < 1e-9
    assert gray[~MASK].all()
    assert not gray[MASK].all()
    assert not (np.ptp(overlaid(shown(None, gradient=rng.random((48, 48))), "gradient"), axis=2) < 1e-9)[~MASK].all()
    # The brightest place is where the map is highest; negative values and empty maps leave the picture as it is.
    only = np.zeros((48, 48))
    only[30, 22] = 5.0
    assert np.ptp(overlaid(shown(MASK, gradient=only), "gradient"), axis=2).argmax() == 30 * 48 + 22
    for nothing in (np.zeros((48, 48)), -rng.random((48, 48))):
        assert np.ptp(overlaid(shown(MASK, gradient=nothing), "gradient"), axis=2).max() < 1e-9


def test_sheets_grow_with_their_rows_and_say_what_is_missing():
    rows = [shown(MASK, gradient=PICTURE), shown(None, gradient=PICTURE)]
    one = picture_of(draw_maps(rows[:1], ["gradient", "grad-cam"], title="t", footer=FOOTER))
    two = picture_of(draw_maps(rows, ["gradient", "grad-cam"], title="t", footer=FOOTER, stamp="doubtful"))
    assert two.shape[0] > one.shape[0] + 150
    assert one.shape[1] == two.shape[1]


def test_the_other_figures_are_drawn_and_differ_with_what_they_show():
    wrong = [Wrong(PICTURE, "a4c", "a2c", 0.99, 0.01, 0.02)] * 7
    assert picture_of(draw_errors(wrong, title="t", footer=FOOTER)).shape[0] > 600
    assert picture_of(draw_errors([], title="t", footer=FOOTER)).shape[0] > 200
    ways = [Way("as they are", 0.9, 0.8, 0.95, 0), Way("heart covered", 0.4, None, None, 1)]
    examples = [("as it is", (PICTURE * 255).astype(np.uint8))] * 3
    a = draw_occlusion(ways, examples, title="t", footer=FOOTER)
    b = draw_occlusion([ways[0], Way("heart covered", 0.9, None, None, 1)], examples, title="t", footer=FOOTER)
    assert a == draw_occlusion(ways, examples, title="t", footer=FOOTER)
    assert a != b
    course = Course("a4c", "a2c", 0.7, np.array([0.2, 0.5, 0.3]), np.array([0.0, 0.4, -0.1]), PICTURE)
    png = picture_of(draw_time([course] * 2, title="t", footer=FOOTER))
    assert (png[:, -3:] == 255).all()
