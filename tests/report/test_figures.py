"""Figures have the size that was asked for, show something, are the same twice, and take any label."""

import io

import numpy as np
import pytest
from PIL import Image
from report.made_run import entry

from sslecho.report.curves import draw_health, draw_scores, draw_training
from sslecho.report.figure import DARK, LIGHT, PALETTE, color_of, drawable, new_figure, shape_of, spread
from sslecho.report.map import categories, draw_map
from sslecho.report.map_density import FAINTEST, density_image
from sslecho.report.map_names import medoid, write_names

NAMES = {"encoder": "SimCLR", "pixels": "raw pixels", "random": "untrained"}


def picture(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def colored(pixels: np.ndarray, color: str) -> int:
    """How many pixels have a color, nearly."""
    wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels - wanted).max(2) <= 6).sum())


def some_points(n: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, 2)).astype(np.float32)


def test_map_size_colors_and_determinism():
    points, values = some_points(60), ["a4c", "plax", "psax"] * 20
    png = draw_map(points, values, title="t", footer="f", width=4.0, dpi=50)
    pixels = picture(png)
    assert pixels.shape == (225, 200, 3)
    big = picture(draw_map(points, values, title="t", footer="f", width=4.0, dpi=200))
    assert big.shape == (900, 800, 3)
    assert png == draw_map(points, values, title="t", footer="f", width=4.0, dpi=50)
    # Opacity is below 1, so the classes' colors are mixed with the paper.
    faint = ["#" + "".join(f"{round(0.85 * c + 0.15 * 255):02x}" for c in _rgb(color_of(i))) for i in range(3)]
    assert all(colored(big, color) > 200 for color in faint)


def test_a_map_says_where_patients_are_unknown():
    points = some_points(20)
    plain = draw_map(points, ["a"] * 20, title="t", footer="f", dpi=80)
    stamped = draw_map(points, ["a"] * 20, title="t", footer="f", stamp="groups = clips", dpi=80)
    assert colored(picture(plain), LIGHT.second) == 0
    assert colored(picture(stamped), LIGHT.second) > 20


def test_maps_of_every_kind_of_value():
    points = some_points(120)
    for values in (
        [None] * 120,
        ["心臓 $x^$ \\frac", None, "a" * 200] * 40,
        [str(i) for i in range(120)],
        list(np.linspace(0, 1, 120)),
        [float(i % 3) for i in range(120)],
    ):
        assert picture(draw_map(points, values, title="$", footer="%", theme=DARK, dpi=40)).std() > 1
    assert picture(draw_map(np.zeros((3, 2), np.float32), ["a"] * 3, title="t", footer="f", dpi=40)).std() > 1
    with pytest.raises(ValueError, match="3 points and 2 values"):
        draw_map(some_points(3), ["a", "b"], title="t", footer="f")


def test_very_many_points_are_shaded():
    points = np.concatenate([some_points(300) * 0.2, some_points(300, seed=1) * 0.2 + 5]).astype(np.float32)
    for values in (["a"] * 300 + ["b"] * 300, [None] * 40 + list(np.linspace(0, 1, 560))):
        drawn = draw_map(points, values, title="t", footer="f", width=4.0, dpi=100)
        shaded = draw_map(points, values, title="t", footer="f", width=4.0, dpi=100, shaded_from=600)
        assert picture(shaded).shape == picture(drawn).shape
        # The same places are colored; a cell is smaller than a dot.
        dark = [(picture(png).min(2) < 200)[50:360, 20:380] for png in (drawn, shaded)]
        assert 50 < (dark[0] & dark[1]).sum() > 0.9 * dark[1].sum()


def test_a_cell_has_the_mean_color_of_its_points_and_the_opacity_of_their_number():
    rng = np.random.default_rng(4)
    points = rng.uniform(-1.2, 3.4, (500, 2)).astype(np.float32) ** 2 * np.array([1, 0.5], np.float32)
    colors = rng.integers(0, 256, (500, 3)).astype(np.uint8)
    image = density_image(points, colors, extent=(0.0, 8.0, 0.0, 4.0), cells=8)
    lists = {(row, column): [] for row in range(8) for column in range(8)}
    for (x, y), color in zip(points.tolist(), colors.tolist(), strict=True):
        if 0 <= x < 8 and 0 <= y < 4:
            lists[int(y / 0.5), int(x / 1.0)].append(color)
    counts = sorted({len(found) for found in lists.values()} - {0})
    for (row, column), found in lists.items():
        if not found:
            assert not image[row, column].any()
            continue
        np.testing.assert_allclose(image[row, column, :3], np.mean(found, 0) / 255, atol=1e-9)
        rank = counts.index(len(found)) / (len(counts) - 1)
        assert image[row, column, 3] == pytest.approx(FAINTEST + (1 - FAINTEST) * rank)


def test_names_do_not_overlap_and_those_without_room_are_said():
    figure = new_figure(2.5, 2.5, LIGHT)
    axes = figure.add_axes((0, 0, 1, 1))
    points = some_points(400) * 0.1
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1)
    numbers = np.arange(400) % 40
    names = [f"a long name {i}" for i in range(40)]
    left_out = write_names(figure, axes, points, numbers, names, LIGHT)
    boxes = {text.get_text(): text.get_window_extent() for text in axes.texts if text.get_text()}
    assert len(boxes) > 5
    assert left_out
    assert sorted([*boxes, *left_out]) == sorted(names)
    kept = list(boxes.values())
    assert not [1 for i, box in enumerate(kept) for other in kept[:i] if box.overlaps(other)]
    assert all(axes.bbox.contains(*corner) for box in kept for corner in box.corners())
    few = write_names(figure, axes, points, np.arange(400) % 2, ["left", "right"], LIGHT)
    assert few == []


def test_medoid_is_the_point_with_the_least_distance_to_all():
    points = some_points(40, seed=3) * np.array([1, 7], np.float32)
    slow = min(range(40), key=lambda i: sum(np.hypot(*(points[i] - other)) for other in points))
    assert int(medoid(points)) == slow


def test_categories_sort_numbers_as_numbers():
    assert categories(["10", "2", None, "b", "1", "a"]) == ["1", "2", "10", "a", "b"]


def test_colors_repeat_only_in_another_shape():
    looks = {(color_of(i), shape_of(i)) for i in range(5 * len(PALETTE))}
    assert len(looks) == 5 * len(PALETTE)


def test_letters_that_no_font_has():
    assert drawable("a4c") == "a4c"
    assert drawable("x\ny\tz") == "x y z"
    assert drawable("\U0010fffd") == "?"
    assert drawable("b" * 50, longest=10) == "b" * 9 + "…"


def test_spread_keeps_order_and_gap():
    wanted = [0.5, 0.51, 0.1, 0.52, 0.99]
    places = spread(wanted, gap=0.06, low=0.0, high=1.0)
    assert list(np.argsort(places)) == list(np.argsort(wanted))
    assert np.diff(sorted(places)).min() >= 0.06 - 1e-9
    assert min(places) >= 0
    assert max(places) <= 1
    assert spread([0.3], gap=0.1, low=0.0, high=1.0) == [0.3]
    assert spread([], gap=0.1, low=0.0, high=1.0) == []


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_scores(theme):
    results = [entry(k, value) for k, value in ((5, 0.4), (10, 0.6), (50, 0.5))]
    baselines = {"pixels": [entry(5, 0.2), entry(10, 0.3), entry(50, 0.2)], "random": None}
    pixels = picture(draw_scores(results, baselines, names=NAMES, most_frequent=0.1, chosen_k=10, theme=theme, dpi=100))
    assert pixels.shape == (390, 940, 3)
    assert colored(pixels, theme.accent) > 100
    assert colored(pixels, theme.second) > 50  # the baseline that was scored
    assert colored(pixels, theme.third) == 0  # the one that was not


def test_scores_of_one_k_and_without_transfer():
    figure = draw_scores([entry(5, None)], {"pixels": None}, names=NAMES, stamp="groups = clips", dpi=50)
    assert picture(figure).std() > 1


@pytest.mark.parametrize("n", [1, 3, 60])
def test_training(n):
    log = [{"epoch": (i + 1) / 4, "loss": 5.0 - i / n, "images_per_s": 40.0, "data_wait": 0.0} for i in range(n)]
    pixels = picture(draw_training(log, chance=4.8, dpi=100))
    assert pixels.shape == (300, 940, 3)
    assert colored(pixels, LIGHT.accent) > 10


@pytest.mark.parametrize("labels", [True, False])
def test_health(labels):
    log = [{"epoch": (i + 1) / 4, "loss": 5.0, "grad_norm": 9.0 / (i + 1)} for i in range(40)]
    for line in log[3::4]:
        line |= {"effective_rank": 10 + line["epoch"], **({"knn_accuracy": 0.5} if labels else {})}
    pixels = picture(draw_health(log, dpi=100))
    assert pixels.shape == (300, 940, 3)
    places = [(47, 296), (360, 609), (673, 922)] if labels else [(47, 451), (517, 921)]
    assert all(colored(pixels[:, start:end], LIGHT.accent) > 10 for start, end in places)
    # Nothing is drawn for what is not known, between the panels neither.
    assert colored(pixels, LIGHT.accent) == sum(colored(pixels[:, start:end], LIGHT.accent) for start, end in places)


def _rgb(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]
