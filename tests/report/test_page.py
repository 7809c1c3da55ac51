"""The page is whole, inert, honest about what is missing, and holds no path."""

import re
import shutil
from html.parser import HTMLParser
from importlib import import_module

import numpy as np
import pytest
from report.made_run import KS, entry, make_run

from sslecho.api.report import report, report_with_summary
from sslecho.errors import InputError, NounError
from sslecho.report.cards import add_thumbnails, cards_of
from sslecho.report.cluster_run import ClusterRun

VOID = {"meta", "img", "source", "br", "link", "input", "hr"}


FIGURES = {
    "cluster_figures": ("draw_map", "draw_scores", "draw_naming"),
    "training_part": ("draw_training", "draw_health"),
}


def without_figures(monkeypatch):
    """Draw nothing, and lay nothing out."""
    for module, names in FIGURES.items():
        for name in names:  # by name, as `sslecho.report` is the verb
            monkeypatch.setattr(import_module(f"sslecho.report.{module}"), name, lambda *_, **__: b"png")
    monkeypatch.setattr(
        import_module("sslecho.report.cluster_figures"),
        "umap_layout",
        lambda vectors, **_: np.zeros((len(vectors), 2), np.float32),
    )


class Walk(HTMLParser):
    """Checks that tags are balanced, and keeps tags, attributes and text."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.open, self.getpos())

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def no_figures(monkeypatch):
    """Pages whose words are read need no pictures, which take most of a page's time."""
    without_figures(monkeypatch)


def page_of(run, tmp_path) -> Walk:
    return Walk(report(run, tmp_path / "page.html").read_text(encoding="utf-8"))


def test_the_page_is_whole_and_loads_nothing(tmp_path):
    walk = page_of(make_run(tmp_path), tmp_path)
    assert not {"script", "link", "iframe", "object", "embed", "form"} & set(walk.tags)
    for _tag, name, value in walk.attributes:
        assert not name.startswith("on")
        if name in ("src", "srcset"):
            assert value.startswith("data:image/")
        if name == "href":
            assert value.startswith("#")
    style = (tmp_path / "page.html").read_text(encoding="utf-8").split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    ids = [value for _, name, value in walk.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value[1:] for _, name, value in walk.attributes if name == "href"} <= set(ids)
    assert all(value for tag, name, value in walk.attributes if tag == "img" and name == "alt")
    assert walk.tags.count("h1") == 1
    assert "prefers-color-scheme: dark" in style


@pytest.mark.usefixtures("no_figures")
def test_what_it_says(tmp_path):
    words = page_of(make_run(tmp_path), tmp_path).text
    assert "The clusters beat raw pixels; no clear gain over the untrained encoder" in words
    assert "k = 2 is the listed number of clusters nearest to the number of labels (2)" in words
    assert "Only 2 patients scored: below 24 the intervals are too narrow to trust" in words
    for heading in ("Transfer purity", "Purity", "Chance", "Coverage", "How was the encoder trained?"):
        assert heading in words
    assert "−.02" in words
    assert "24 clips" in words
    assert "6 patients" in words
    assert "commit 0123456+" in words


def test_the_same_run_gives_the_same_page(tmp_path):
    run = make_run(tmp_path)
    first, second = report(run, tmp_path / "a.html"), report(run, tmp_path / "b.html")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.usefixtures("no_figures")
def test_no_path_reaches_the_page(tmp_path):
    page = report(make_run(tmp_path), tmp_path / "page.html").read_text(encoding="utf-8")
    assert "secret" not in page
    assert str(tmp_path) not in page
    assert re.search(r"<dt>baseline</dt><dd>old</dd>", page)
    assert "<dt>seed</dt><dd>3</dd>" in page


def test_a_hostile_label_is_inert(tmp_path):
    bad = "<script>alert(1)</script>\"'&$x^$"
    walk = page_of(make_run(tmp_path, classes=(bad, "a4c")), tmp_path)
    assert "script" not in walk.tags
    assert bad in walk.text
    assert any(name == "alt" and bad in value for _, name, value in walk.attributes)


@pytest.mark.usefixtures("no_figures")
def test_without_labels_there_are_clusters_and_a_map(tmp_path):
    walk = page_of(make_run(tmp_path, classes=(), purity=False), tmp_path)
    assert "24 clips in 4 clusters, not scored" in walk.text
    assert "No labels are known" in walk.text
    assert "Cluster 0" in walk.text
    assert "What lies together?" in walk.text
    assert "Transfer purity" not in walk.text
    assert "the middle of those listed" in walk.text


@pytest.mark.usefixtures("no_figures")
def test_baselines_that_could_not_be_scored(tmp_path):
    walk = page_of(make_run(tmp_path, baselines={"pixels": None, "random": None}), tmp_path)
    assert "nothing to compare them with" in walk.text
    assert "Not scored, so not compared: raw pixels and the untrained encoder." in walk.text
    assert "No figures for raw pixels and the untrained encoder" in walk.text


@pytest.mark.usefixtures("no_figures")
def test_a_user_s_own_baseline_keeps_its_name(tmp_path):
    walk = page_of(make_run(tmp_path, baselines={"old <b>": [entry(k, 0.9) for k in KS]}), tmp_path)
    assert "Old <b> clusters better than this encoder" in walk.text


@pytest.mark.usefixtures("no_figures")
def test_unknown_patients_are_stamped(tmp_path):
    walk = page_of(make_run(tmp_path, unit="unknown"), tmp_path)
    assert "Groups = clips, not patients" in walk.text


def test_frames_as_items(tmp_path):
    walk = page_of(make_run(tmp_path, level="frame"), tmp_path)
    assert "48 frames" in walk.text


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("store", "The store is no longer where"),
        ("emb", "The embeddings are no longer where"),
        ("enc", "its training is not shown"),
    ],
)
def test_what_is_gone_is_said(tmp_path, gone, said):
    run = make_run(tmp_path)
    shutil.rmtree(tmp_path / gone)
    walk = page_of(run, tmp_path)
    assert said in walk.text
    assert "Look at the clusters" in walk.text


@pytest.mark.usefixtures("no_figures")
def test_other_frames_are_not_shown(tmp_path):
    run = make_run(tmp_path)
    meta = run / "predictions" / "meta.json"
    meta.write_text(meta.read_text().replace('"frames_hash": "', '"frames_hash": "other'))
    summary = report_with_summary(run, tmp_path / "page.html")
    assert any("other frames" in note for note in summary["notes"])


def test_frames_of_a_card_come_from_different_patients_by_confidence(tmp_path):
    run = ClusterRun.read(make_run(tmp_path))
    cards = cards_of(run, 2)
    patients, confidence = run.column("patient_id"), run.column("confidence_2")
    for card in cards:
        first = card.rows[: card.n_units]
        assert len({patients[row] for row in first}) == card.n_units
        values = [confidence[row] for row in first]
        assert values == sorted(values, reverse=True)
        for row in first:
            rivals = [r for r in card.rows if patients[r] == patients[row]]
            assert confidence[row] == max(confidence[r] for r in rivals)
    assert [(card.name, card.share, card.n) for card in cards] == [("a4c", 1.0, 12), ("plax", 1.0, 12)]


def test_frames_stop_where_the_page_is_full(tmp_path):
    run = ClusterRun.read(make_run(tmp_path))
    cards = cards_of(run, 4)
    add_thumbnails(run, cards, most_bytes=8000)
    shown = [len(card.thumbnails) for card in cards]
    assert 0 < sum(shown) < 4 * 6
    assert max(shown) - min(shown) <= 1
    assert sum(len(thumbnail.address) for card in cards for thumbnail in card.thumbnails) <= 8000


@pytest.mark.parametrize(("sector", "shown"), [("mask", True), ("whole", True), ("off", False)])
def test_frames_that_may_hold_a_name_are_not_on_the_page(tmp_path, sector, shown):
    run = ClusterRun.read(make_run(tmp_path, sector=sector))
    cards = cards_of(run, 4)
    add_thumbnails(run, cards)
    assert any(card.thumbnails for card in cards) is shown


def test_wrong_folders_and_files(tmp_path):
    run = make_run(tmp_path)
    with pytest.raises(NounError, match="holds no sslecho run, nor do the folders in it"):
        report(tmp_path / "nowhere", tmp_path / "page.html")
    with pytest.raises(NounError, match="holds no sslecho run"):
        report(tmp_path / "store", tmp_path / "page.html")
    with pytest.raises(InputError, match=r"page\.pdf must end in \.html"):
        report(run, tmp_path / "page.pdf")
    with pytest.raises(InputError, match="is a folder; name a page in it"):
        report(run, tmp_path / "store")
