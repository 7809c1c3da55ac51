"""The page's sections on labeling cost and groups, and the figure."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from report.made_run import KS, entry, make_run
from report.test_page import without_figures

from sslecho.report.cluster_naming import draw_naming
from sslecho.report.curves import draw_scores
from sslecho.report.figure import LIGHT
from sslecho.report.page import build_page
from sslecho.report.run_folder import Run

AGREEMENT = 2 / 3


def points(others: bool = False):
    found = []
    for k in KS:
        for m in (1, 3, 10):
            for agreement in (0.0, AGREEMENT, 1.0):
                point = {"k": k, "m": m, "agreement": agreement, "n_images": float(k * m), "n_named": k - agreement}
                for metric, value in (("coverage", 1 - 0.4 * agreement), ("precision", 0.5 + 0.1 * k)):
                    bounds = {metric: value, f"{metric}_low": value - 0.1, f"{metric}_high": min(1.0, value + 0.1)}
                    point |= bounds | {f"class_{name}": value if others else None for name, value in bounds.items()}
                found.append({**point, "n": 8, "n_patients": 2})
    return found


def add_more(run, *, others=()):
    file = run / "result.json"
    result = json.loads(file.read_text())
    group = {"k": 2, "column": "label", "n": 12, "n_patients": 6, "purity": 0.9, "coverage": 1.0, "warning": "few",
             "transfer_purity": 0.81, "transfer_purity_low": 0.7, "transfer_purity_high": 0.88}  # fmt: skip
    result |= {
        "naming": {"k": 2, "m": 3, "agreement": AGREEMENT, "others": list(others), "said": "name 3 images per cluster",
                   "warning": None, "points": points(bool(others))},
        "by": [group | {"group": "<b>a4c"}, group | {"column": "device", "group": None, "n_patients": 40}],
        "patients": [{"k": 2, "n_patients": 6, "low": 0.21, "median": 0.83, "high": 1.0}],
    }  # fmt: skip
    file.write_text(json.dumps(result))
    return run


def picture(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def colored(pixels, color):
    wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels - wanted).max(2) <= 6).sum())


def test_the_figure_shows_both_figures_and_is_the_same_twice():
    png = draw_naming(points(), k=2, m=3, agreement=AGREEMENT, width=6.0, dpi=100)
    assert png == draw_naming(points(), k=2, m=3, agreement=AGREEMENT, width=6.0, dpi=100)
    pixels = picture(png)
    assert pixels.shape == (390, 600, 3)
    assert colored(pixels, LIGHT.accent) > 50
    assert colored(pixels, LIGHT.second) > 50
    # Nothing was named: precision is not drawn, coverage is.
    none = [point | {"precision": None, "precision_low": None, "precision_high": None} for point in points()]
    empty = picture(draw_naming(none, k=2, m=3, agreement=AGREEMENT, width=6.0, dpi=100))
    assert colored(empty, LIGHT.accent) < 5 < colored(empty, LIGHT.second)


def test_purity_has_a_band_where_there_is_an_interval():
    plain = [entry(k) for k in KS]
    bounded = [row | {"purity_low": 0.5, "purity_high": 0.9, "purity_chance_low": 0.2, "purity_chance_high": 0.4}
               for row in plain]  # fmt: skip
    one, two = (picture(draw_scores(rows, {}, names={"encoder": "x"}, dpi=60)) for rows in (plain, bounded))
    left = one.shape[1] // 2
    assert (one[60:, :left] == two[60:, :left]).all()
    changed = (one != two).any(2)[:, left:]
    assert changed.mean() > 0.02


@pytest.fixture
def words(tmp_path, monkeypatch):
    without_figures(monkeypatch)

    def read(**options):
        return build_page([Run.read(add_more(make_run(tmp_path), **options))]).html

    return read


def test_the_page_says_what_naming_costs_and_for_whom_clusters_hold(words):
    page = words()
    assert "What does naming the clusters cost?" in page
    assert "Name 3 images per cluster. The images are the most typical" in page
    assert "of classes named" not in page
    assert "named if two thirds of its images agree" in page
    assert "For whom do the clusters hold?" in page
    assert "&lt;b&gt;a4c" in page
    assert "<b>a4c" not in page
    assert "unknown" in page
    assert "<td>6*</td>" in page
    assert "<td>40</td>" in page
    assert "half have a transfer purity above .83, a tenth one below .21" in page


def test_other_is_explained_where_there_is_one(words):
    page = words(others=["other"])
    assert "of classes named" in page
    assert "Items labeled other stay in the archive" in page
