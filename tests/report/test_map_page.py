"""The map's page is whole without a network, and what users named is only ever text on it."""

import base64
import gzip
import hashlib
import html
import json
import re
from functools import cache

import numpy as np
import pytest

from sslecho.report.map_data import in_script, packed
from sslecho.report.map_page import MapPage, build_map_page, said

NASTY = "</script><img src=x onerror=alert(1)>"


@cache
def plain_page() -> str:
    return some_page()


def some_page(**others) -> str:
    rng = np.random.default_rng(0)
    about = {
        "points": rng.normal(0, 1, (6, 2)).astype(np.float32),
        "clip_ids": [f"c{i // 2}" for i in range(6)],
        "frames": [0, 4] * 3,
        "columns": {"label": [NASTY, "a4c", None] * 2, "confidence": np.linspace(0, 1, 6).tolist()},
        "color": "label",
        "title": "6 frames & more",
        "facts": [("Map", "UMAP <b>")],
        "pictures": {2: b"\xff\xd8jpeg"},
    }
    return build_map_page(MapPage(**{**about, **others}))


def scripts_of(page: str) -> list[str]:
    return re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)


def data_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_holds_no_address_of_the_network():
    page = plain_page()
    addresses = set(re.findall(r"(?:https?|wss?|ftp):\\?/\\?/[\w.:/-]+", page))
    # Vocabularies of XML are names, which nothing looks up.
    assert {address for address in addresses if not address.startswith("http://www.w3.org/")} == set()
    assert not re.search(r"<(?:link|iframe|object|embed)\b|@import|<script[^>]+src=", page.split("<script", 1)[0])
    assert page.count("</html>") == 1


def test_only_the_scripts_that_the_policy_names_may_run():
    page = plain_page()
    policy = html.unescape(re.search(r'Security-Policy" content="([^"]+)"', page)[1])
    scripts = scripts_of(page)
    assert len(scripts) == 3
    assert "Bokeh" in scripts[0]
    for script in scripts:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    script_source = re.search(r"script-src ([^;]+)", policy)[1]
    assert "'unsafe-inline'" not in script_source
    assert "connect-src" not in policy  # so nothing may be sent


def test_names_are_escaped_and_come_back_whole():
    page = plain_page()
    assert NASTY not in page
    assert "6 frames &amp; more" in page
    assert "UMAP &lt;b&gt;" in page
    assert data_of(page)["columns"][0]["names"] == [NASTY, "a4c"]
    said_once = in_script({"a": "<!--<script>& \u2028"})
    assert not set("<>&") & set(said_once)
    assert json.loads(said_once) == {"a": "<!--<script>& \u2028"}


def test_columns_unpack_to_what_was_packed():
    names = packed(["b", None, "a", "10", "2"])
    assert names["names"] == ["2", "10", "a", "b"]
    assert np.frombuffer(base64.b64decode(names["codes"]), f"<u{names['bytes']}").tolist() == [4, 0, 3, 2, 1]
    many = packed([f"n{i}" for i in range(300)])
    assert many["bytes"] == 2
    assert sorted(np.frombuffer(base64.b64decode(many["codes"]), "<u2").tolist()) == list(range(1, 301))
    numbers = [None, *np.linspace(-1, 2, 20).tolist()]
    scale = packed(numbers)
    assert (scale["kind"], scale["low"], scale["high"]) == ("scale", -1.0, 2.0)
    values = np.frombuffer(base64.b64decode(scale["values"]), "<f4")
    assert np.isnan(values[0])
    np.testing.assert_allclose(values[1:], numbers[1:], rtol=1e-6)


def test_the_points_are_in_the_figure_and_pictures_beside_their_points():
    points = np.array([[0, 1], [2, 3], [4, 9]], np.float32)
    page = some_page(points=points, clip_ids=["a", "b", "c"], frames=None, columns={"label": ["x", "y", "y"]})
    plot = json.loads(re.search(r'id="plot">(.*?)</script>', page, re.DOTALL)[1])
    columns = next(m for m in _models(plot) if m.get("name") == "ColumnDataSource" and len(_entries(m)) == 3)
    across = np.frombuffer(gzip.decompress(base64.b64decode(_entries(columns)["x"]["array"]["data"])), "<f4")
    assert across.tolist() == [0, 2, 4]
    data = data_of(page)
    assert data["frames"] is None
    assert (data["pictureRows"], base64.b64decode(data["pictures"][0])) == ([2], b"\xff\xd8jpeg")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("cluster_10", "cluster, k = 10"),
        ("confidence_5_2", "confidence of cluster, k = 5 (run 2)"),
        ("patient_id", "patient"),
        ("view_confidence", "view confidence"),
    ],
)
def test_columns_have_names_for_people(column, words):
    assert said(column) == words


def _models(found):
    if isinstance(found, dict):
        yield found
        found = list(found.values())
    if isinstance(found, list):
        for part in found:
            yield from _models(part)


def _entries(model) -> dict:
    return dict(model.get("attributes", {}).get("data", {}).get("entries", []))
