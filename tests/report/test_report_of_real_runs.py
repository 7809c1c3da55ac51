"""What the commands really write is what the page reads: no run is shown as one of another version."""

import pytest
from drawn_store import draw_store
from report.test_page import Walk, without_figures

from sslecho.api.audit import audit
from sslecho.api.cluster import cluster
from sslecho.api.embed import embed
from sslecho.api.probe import probe
from sslecho.api.propagate import propagate
from sslecho.api.report import report_with_summary

KINDS = ["cluster", "propagate", "probe", "audit", "embed"]


@pytest.mark.filterwarnings("ignore")  # of scikit-learn, about eight patients
def test_a_folder_of_real_runs(tmp_path, monkeypatch):
    without_figures(monkeypatch)
    store = draw_store(tmp_path / "store", patients=12, clips=3)
    emb = tmp_path / "emb"
    embed(store, emb, encoder="pixels")
    clips = store.clips.to_pylist()
    few = "".join(
        f"{clip['clip_id']},{clip['label']}\n" for clip in clips if clip["patient_id"] in ("p00", "p04", "p08")
    )
    (tmp_path / "few.csv").write_text(f"clip_id,label\n{few}", encoding="utf-8")
    cluster(emb, tmp_path / "clusters", k=(3, 4), purity=True)
    propagate(emb, tmp_path / "propagated", labels=str(tmp_path / "few.csv"), precision=0.5)
    probe(emb, tmp_path / "probe", kind="knn")
    audit(emb, tmp_path / "audit")
    summary = report_with_summary(tmp_path, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    words = Walk(page).text
    assert [run["command"] for run in summary["runs"]] == KINDS
    assert all(run["figures"] for run in summary["runs"] if run["command"] != "embed")
    assert "is not as this version" not in words
    assert str(tmp_path) not in page
    for part in (
        "9 labels became",
        "Precision against coverage",
        "A vote of neighbors",
        "What is taken for what?",
        "What may be a shortcut?",
        "What all runs share",
        "72 frames as 576 numbers each",
    ):
        assert part in words, part
