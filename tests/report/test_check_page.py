"""The page of a check is whole, inert, shows its examples side by side, and holds no path."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.speckled import clip, store_of, with_gain
from report.test_page import Walk

from sslecho.data.audit.audit import audit
from sslecho.data.store import Store
from sslecho.report import check_page
from sslecho.report.check_page import build_check_page, share_said


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a copy across patients, labels and splits, a blank clip, and a label that is no good HTML."""
    clips: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
        f"o{i}": (clip(i), {"patient_id": f"p{i}", "label": "<b>four&", "split": "train"}) for i in range(12)
    }
    clips["copy"] = with_gain(clips["o1"][0], 0.7), {"patient_id": "q1", "label": "two", "split": "test"}
    for i in range(5):
        clips[f"blank{i}"] = np.zeros((2, 96, 96), dtype=np.uint8), {"patient_id": f"b{i}", "split": "train"}
    return store_of(tmp_path_factory.mktemp("secret-name") / "store", clips)


def page_of(store: Store, *, examples: int = 3) -> tuple[str, Walk]:
    page = build_check_page(store, audit(store), examples=examples)
    return page, Walk(page)


def test_the_page_is_whole_and_loads_nothing(faulty: Store):
    page, walk = page_of(faulty)
    assert not {"script", "link", "iframe", "object", "embed", "form"} & set(walk.tags)
    for _tag, name, value in walk.attributes:
        assert not name.startswith("on")
        if name in ("src", "srcset"):
            assert value.startswith("data:image/jpeg")
        if name == "href":
            assert value.startswith("#")
    assert not re.search(r"url\(|@import", page)
    ids = [value for _, name, value in walk.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value[1:] for _, name, value in walk.attributes if name == "href"} <= set(ids)
    assert all(value for tag, name, value in walk.attributes if tag == "img" and name == "alt")
    assert walk.tags.count("h1") == 1


def test_what_it_says(faulty: Store):
    _, walk = page_of(faulty)
    assert "1 error to mend before figures of this store can be trusted" in walk.text
    for words in (
        "The same picture in two splits",
        "Nearly the same picture twice, of two patients",
        "Nearly the same picture under two labels",
        "Blank clips",
        "<b>four& · train",
        "This page holds frames of the store",
        "2 further places in the JSON",  # of five blank clips three are shown
    ):
        assert words in walk.text
    assert "<b>four" not in walk.tags


def test_pairs_stand_side_by_side(faulty: Store):
    page, _ = page_of(faulty)
    part = page.split('id="near_duplicates_across"')[1].split("</section>")[0]
    assert part.count("<img") == 2
    assert part.count("<figcaption>") == 2
    assert "clip <code>o1</code>, frame" in part
    assert "clip <code>copy</code>, frame" in part


def test_no_path_and_no_source_enter(faulty: Store):
    page, _ = page_of(faulty)
    assert "secret-name" not in page
    assert "s-copy" not in page


def test_a_full_page_goes_on_in_words(faulty: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(check_page, "MOST_BYTES", 1)
    _, walk = page_of(faulty)
    assert "img" not in walk.tags
    assert "clip copy , frame" in walk.text


def test_a_sound_store_is_told_so(tmp_path: Path):
    clips = {f"o{i}": (clip(i), {"patient_id": f"p{i}", "label": "a", "split": "train"}) for i in range(12)}
    _, walk = page_of(store_of(tmp_path / "store", clips))
    assert "Nothing was found that needs mending" in walk.text
    assert walk.tags.count("section") == 1


def test_the_same_store_gives_the_same_page(faulty: Store):
    assert page_of(faulty)[0] == page_of(faulty)[0]


def test_a_small_share_is_not_said_to_be_none():
    assert [share_said(share) for share in (0.0, 0.001, 0.37)] == ["0%", "less than 1%", "37%"]
