"""The map's page in a real browser, from a file and without a network: hover, lasso, search, legend, colors, CSV."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sslecho.report.map_page import MapPage, build_map_page
from sslecho.report.thumbnails import jpeg

EVIL = '=cmd("x"),<img src=x onerror="document.title=1">'


@pytest.fixture
def drawn(page: Any, tmp_path: Path) -> Any:
    """14 frames, seven on the left and seven on the right, on a page that may ask nobody for anything."""
    rng = np.random.default_rng(0)
    side = np.arange(14) % 2
    points = np.column_stack([side * 10 + rng.uniform(0, 1, 14), rng.uniform(0, 8, 14)]).astype(np.float32)
    content = build_map_page(
        MapPage(
            points=points,
            clip_ids=[f"c{i // 2}" for i in range(14)],
            frames=[0, 7] * 7,
            columns={
                "label": [EVIL if right else "a4c" for right in side],
                "device": ["-1+1", None] * 7,
                "confidence": np.linspace(-0.5, 0.8, 14).tolist(),
            },
            color="label",
            title="14 frames",
            facts=[("Map", "drawn")],
            pictures={0: jpeg(np.full((8, 8), 200, np.uint8), side=8)},
        )
    )
    file = tmp_path / "map.html"
    file.write_text(content, encoding="utf-8")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    page.goto(file.as_uri())
    page.wait_for_function("document.body.dataset.ready === 'yes'")
    yield page
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def place(page: Any, row: int) -> tuple[float, float]:
    """Where a point lies on the screen."""
    share = page.evaluate(
        """(row) => {
          const [points, plot] = ["points", "plot"].map((name) => Bokeh.documents[0].get_model_by_name(name));
          const { x_range: x, y_range: y } = plot;
          return [(points.data.x[row] - x.start) / (x.end - x.start), (y.end - points.data.y[row]) / (y.end - y.start)];
        }""",
        row,
    )
    box = page.locator("#map").bounding_box()
    return box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]


def status(page: Any, words: str) -> None:
    page.wait_for_function("(words) => document.getElementById('status').textContent.includes(words)", arg=words)


def test_hover_shows_the_frame_and_names_are_text(drawn):
    page = drawn
    page.mouse.move(*(part - 4 for part in place(page, 0)))
    page.mouse.move(*place(page, 0))
    page.wait_for_selector("#hover:not([hidden]) img:not([hidden])")
    assert "a4c" in page.inner_text("#hover")
    assert "c0, frame 0" in page.inner_text("#hover")
    page.mouse.move(*place(page, 1))
    page.wait_for_function("document.querySelector('#hover b').textContent.startsWith('=cmd')")
    assert page.inner_text("#hover b") == EVIL
    assert page.locator("#hover img").is_hidden()  # this point has no picture
    assert page.title() == "14 frames · sslecho"
    assert page.evaluate("document.querySelectorAll('img[onerror]').length") == 0


def test_lasso_to_csv(drawn):
    page = drawn
    page.click("#lasso")
    corners = np.array([place(page, row) for row in range(1, 14, 2)])
    (left, top), (right, bottom) = corners.min(0) - 25, corners.max(0) + 25
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(x, y, steps=5)
    page.mouse.up()
    status(page, "7 of 14 points")
    assert page.locator("tbody tr").count() == 7
    page.click("th[data-field=confidence] button")
    page.click("th[data-field=confidence] button")
    assert page.locator("th[data-field=confidence]").get_attribute("aria-sort") == "descending"
    assert page.locator("tbody tr").first.get_attribute("data-row") == "13"
    with page.expect_download() as download:
        page.click("#download")
    text = Path(download.value.path()).read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0])[:3] == ["clip_id", "frame_index", "label"]
    places = [(row["clip_id"], row["frame_index"], row["frame"]) for row in rows]
    assert places == [(f"c{i}", "7", "7") for i in range(6, -1, -1)]
    # Text that a spreadsheet would run is text; a number stays one.
    assert {row["label"] for row in rows} == {"'" + EVIL}
    assert float(rows[-1]["confidence"]) == pytest.approx(-0.4, abs=1e-6)
    page.click("#clear")
    status(page, "Nothing is selected")
    assert page.locator("#download").is_disabled()


def test_search_legend_and_colors(drawn):
    page = drawn
    page.fill("#search", "C3")
    status(page, "2 of 14 points")
    page.fill("#search", "-1+1")
    status(page, "7 of 14 points")
    page.fill("#search", "nobody")
    status(page, "Nothing that is shown matches")
    page.click("#legend button >> nth=0")  # hides the group whose name comes first
    assert page.locator("#legend button >> nth=0").get_attribute("aria-pressed") == "false"
    page.fill("#search", "c")
    status(page, "7 of 14 points")
    page.fill("#search", "")
    page.click("#all")
    page.select_option("#color", "device")
    assert page.locator("#legend li").all_inner_texts()[1].split() == ["no", "value", "7"]
    page.select_option("#color", "confidence")
    assert page.locator("#ramp").is_visible()
    assert page.locator("#legend").is_hidden()
    assert (page.inner_text("#low"), page.inner_text("#high")) == ("-0.5", "0.8")
    colors = page.evaluate("Array.from(Bokeh.documents[0].get_model_by_name('points').data.color)")
    assert len(set(colors)) == 14


def test_controls_have_names_and_work_from_the_keyboard(drawn):
    page = drawn
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select")].filter((control) =>
             !(control.textContent.trim() || control.labels?.length || control.ariaLabel)).length"""
    )
    assert unnamed == 0
    page.focus("#search")
    page.keyboard.type("a4c")
    status(page, "7 of 14 points")
    page.focus("tbody tr")
    assert page.evaluate("Bokeh.documents[0].get_model_by_name('spot').data.x.length") == 1
    page.focus("#lasso")
    page.keyboard.press("Enter")
    assert page.locator("#lasso").get_attribute("aria-pressed") == "true"
