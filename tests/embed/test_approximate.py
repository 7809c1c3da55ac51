"""Approximate indexes: their recall, exclusions, what is saved, and which kind is chosen."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from reference import neighbor_graph as oracle

from sslecho.embed.index import approximate, choose, exhaustive
from sslecho.embed.index.approximate import ApproximateIndex
from sslecho.embed.index.choose import build_index, choose_kind, load_index
from sslecho.embed.index.flat import FlatIndex
from sslecho.embed.index.recall import two_samples
from sslecho.errors import InputError

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "speed"))
from mixture import mixture

KINDS = approximate.KINDS


@pytest.fixture(scope="module")
def drawn():
    vectors, _, patients = mixture(1000, 16, n_classes=15, rank=8, hardness=0.5, seed=1)
    return vectors, patients


@pytest.fixture(scope="module")
def built(drawn):
    return {kind: build_index(drawn[0], kind=kind, groups=drawn[1], recall=0.95, seed=5) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reaches_its_recall_with_the_own_patient_left_out(drawn, built, kind):
    vectors, patients = drawn
    index = built[kind]
    assert index.kind == kind
    assert len(index) == 1000
    distances, ids = index.search(vectors * np.float32(3), 16, query_groups=patients, groups=patients)
    true_ids, _ = oracle.neighbor_graph(vectors, 16, patients)
    true_recall = oracle.recall(ids, true_ids)
    assert true_recall >= 0.95
    assert abs(index.recall - true_recall) < 0.02
    assert (patients[ids] != patients[:, None]).all()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(distances, 1 - np.einsum("nd,nkd->nk", unit, unit[ids]), atol=2e-6)
    assert (np.diff(distances, axis=1) >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_more_effort_finds_more_neighbors(drawn, built, kind):
    codes = np.arange(len(drawn[0]))
    index, samples = built[kind], two_samples(drawn[0], 5, codes=codes, seed=5)
    before = index.effort, index.recall
    index.tune(*samples, codes=codes, recall=0.3)
    loose = index.effort, index.recall
    index.tune(*samples, codes=codes, recall=1.0)
    strict = index.effort, index.recall
    index.effort, index.recall = before
    assert loose[0] < strict[0]
    assert loose[1] < strict[1]


@pytest.mark.parametrize("kind", KINDS)
def test_without_groups_a_vector_finds_itself(drawn, built, kind):
    distances, ids = built[kind].search(drawn[0][::50], 3)
    assert (ids[:, 0] == np.arange(0, 1000, 50)).mean() > 0.95
    assert (distances[:, 0] < 0.1).mean() > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_queries_of_large_groups_get_all_their_neighbors(kind, monkeypatch):
    """1,100 vectors are one patient's and lie closest: more than the first fetch holds, and more than the widest."""
    monkeypatch.setattr(approximate, "WIDEST", 500)
    monkeypatch.setattr(approximate, "QUERIES_AT_ONCE", 3)
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(1200, 8)).astype(np.float32)
    vectors[:1100] = vectors[0] * 5 + vectors[:1100] * np.float32(0.1)
    groups = np.where(np.arange(1200) < 1100, 0, np.arange(1200) // 2)
    index = ApproximateIndex.build(vectors, kind=kind)
    _, ids = index.search(vectors[:7], 20, query_groups=groups[:7], groups=groups)
    np.testing.assert_array_equal(ids, oracle.neighbor_graph(vectors, 20, groups)[0][:7])


def test_a_group_larger_than_the_first_fetch_is_asked_for_more(monkeypatch):
    """Without any exact search."""
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(600, 8)).astype(np.float32)
    vectors[:200] = vectors[0] * 5 + vectors[:200] * np.float32(0.1)
    groups = np.where(np.arange(600) < 200, 0, np.arange(600))
    index = ApproximateIndex.build(vectors, kind="ivf")
    index.effort = 10**6  # all lists
    fetches = []
    hits = ApproximateIndex._hits
    monkeypatch.setattr(
        ApproximateIndex, "_hits", lambda self, queries, fetch: fetches.append(fetch) or hits(self, queries, fetch)
    )
    monkeypatch.setattr(approximate, "search_exhaustively", None)
    _, ids = index.search(vectors[:5], 10, query_groups=groups[:5], groups=groups)
    np.testing.assert_array_equal(ids, oracle.neighbor_graph(vectors, 10, groups)[0][:5])
    assert fetches == [74, 296]


@pytest.mark.parametrize("kind", KINDS)
def test_too_few_candidates_are_filled(drawn, built, kind):
    groups = np.zeros(1000, int)
    groups[[7, 900]] = 1
    distances, ids = built[kind].search(drawn[0][:2], 4, query_groups=[0, 0], groups=groups)
    assert np.sort(ids[:, :2]).tolist() == [[7, 900], [7, 900]]
    assert ids[:, 2:].tolist() == [[-1, -1], [-1, -1]]
    assert np.isinf(distances[:, 2:]).all()
    _, none = built[kind].search(drawn[0][:1], 2, query_groups=[1], groups=np.ones(1000, int))
    assert none.tolist() == [[-1, -1]]


@pytest.mark.parametrize("kind", KINDS)
def test_copies_of_a_vector(kind):
    vectors = np.random.default_rng(4).normal(size=(500, 8)).astype(np.float32)
    vectors[50:300] = vectors[49]
    own = np.arange(500)
    index = build_index(vectors, kind=kind, recall=0.9)
    distances, ids = index.search(vectors, 5, query_groups=own, groups=own)
    assert (ids != own[:, None]).all()
    assert index.recall >= 0.85
    assert (distances[49:300] < 1e-5).mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_a_map_on_disk_is_as_good_as_memory(tmp_path, drawn, built, kind):
    np.save(tmp_path / "vectors.npy", drawn[0])
    on_disk = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    index = build_index(on_disk, kind=kind, groups=drawn[1], recall=0.95, seed=5)
    _, ids = index.search(on_disk[:200], 9, query_groups=drawn[1][:200], groups=drawn[1])
    _, expected = built[kind].search(drawn[0][:200], 9, query_groups=drawn[1][:200], groups=drawn[1])
    # HNSW built by several threads may differ a little.
    assert (ids == expected).mean() > (0.97 if kind == "hnsw" else 0.9999)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_index_is_read_back_without_building(tmp_path, drawn, built, kind, monkeypatch):
    vectors, patients = drawn
    path = tmp_path / "some.index"
    first = load_index(path, vectors, kind=kind, groups=patients, recall=0.95, seed=5)
    header = json.loads(path.read_bytes().split(b"\n")[0])
    assert header["kind"] == kind
    assert header["recall"] == first.recall >= 0.93
    monkeypatch.setattr(choose, "build_index", None)
    again = load_index(path, vectors, kind=kind, groups=patients, recall=0.95, seed=5)
    assert (again.kind, again.effort, again.recall) == (kind, first.effort, first.recall)
    np.testing.assert_array_equal(again.search(vectors[:99], 7)[1], first.search(vectors[:99], 7)[1])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


STALE = {
    "a flipped bit": (flip, {}),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:-40]), {}),
    "another version": (lambda path: path.write_bytes(path.read_bytes().replace(b'n": 1', b'n": 2')), {}),
    "missing": (lambda path: path.unlink(), {}),
    "empty": (lambda path: path.write_bytes(b""), {}),
    "another recall": (lambda path: None, {"recall": 0.9}),
    "another seed": (lambda path: None, {"seed": 6}),
    "other groups": (lambda path: None, {"groups": np.arange(1000) // 7}),
    "another kind": (lambda path: None, {"kind": "ivfpq"}),
}


@pytest.mark.parametrize(("spoil", "changed"), STALE.values(), ids=STALE)
def test_a_stale_or_damaged_index_is_built_anew(tmp_path, drawn, monkeypatch, spoil, changed):
    vectors, patients = drawn
    path = tmp_path / "some.index"
    settings = {"kind": "ivf", "groups": patients, "recall": 0.95, "seed": 5}
    load_index(path, vectors, **settings)
    spoil(path)
    built = []
    monkeypatch.setattr(
        choose, "build_index", lambda *given, **named: built.append(build_index(*given, **named)) or built[-1]
    )
    settings |= changed
    found = load_index(path, vectors, **settings)
    assert built == [found]
    assert load_index(path, vectors, **settings).kind == settings["kind"]
    assert len(built) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["some.index"]


def test_other_vectors_make_an_index_stale(tmp_path, drawn):
    vectors, _ = drawn
    path = tmp_path / "some.index"
    load_index(path, vectors, kind="ivf", recall=0.5)
    moved = vectors.copy()
    moved[3, 2] += 1
    _, ids = load_index(path, moved, kind="ivf", recall=0.5).search(moved[3:4], 1)
    assert ids.tolist() == [[3]]


def test_an_exact_index_will_do_for_any_recall_and_no_other_for_an_exact_one(tmp_path, drawn):
    path = tmp_path / "some.index"
    FlatIndex.build(drawn[0]).save(path)
    assert load_index(path, drawn[0], recall=0.9).kind == "exact"
    load_index(path, drawn[0], recall=0.5, kind="ivf")
    content = path.read_bytes()
    assert FlatIndex.load(path, drawn[0]).kind == "exact"
    assert path.read_bytes() != content


def test_an_index_that_cannot_be_saved_still_searches(tmp_path, drawn):
    assert len(load_index(tmp_path / "no such folder" / "some.index", drawn[0], kind="ivf")) == 1000


def test_the_kind_is_chosen_by_size_queries_and_recall():
    assert choose_kind(2000, 512, n_queries=2000, recall=0.98) == "exact"
    assert choose_kind(88_063, 512, n_queries=88_063, recall=0.98) == "ivf"
    assert choose_kind(88_063, 512, n_queries=100, recall=0.98) == "exact"
    assert choose_kind(88_063, 512, n_queries=10**6, recall=0.98) == "hnsw"
    assert choose_kind(88_063, 512, n_queries=10**6, recall=1.0) == "exact"
    assert choose_kind(10**8, 256, n_queries=1, recall=0.98) == "ivfpq"
    index = build_index(np.eye(3, dtype=np.float32))
    assert (index.kind, index.recall) == ("exact", 1)


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_a_recall_that_a_kind_cannot_reach_gives_the_exact_index(drawn, monkeypatch, kind):
    monkeypatch.setattr(ApproximateIndex, "_recalls", lambda *_: np.full(9, 0.5))
    index = build_index(drawn[0], kind=kind, recall=0.9)
    assert (index.kind, index.recall) == ("exact", 1)


def test_codes_have_a_byte_for_at_least_four_values():
    assert [approximate._n_codes(dim) for dim in (512, 24, 30, 5, 3)] == [128, 6, 6, 1, 1]


def test_small_blocks_find_the_same(drawn, built, monkeypatch):
    expected = built["ivfpq"].search(drawn[0][:100], 5)
    monkeypatch.setattr(approximate, "GATHERED_AT_ONCE", 1)
    monkeypatch.setattr(approximate, "QUERIES_AT_ONCE", 7)
    monkeypatch.setattr(exhaustive, "COLUMNS_AT_ONCE", 100)
    np.testing.assert_array_equal(built["ivfpq"].search(drawn[0][:100], 5)[1], expected[1])


@pytest.mark.parametrize("kind", KINDS)
def test_bad_input(drawn, built, kind):
    vectors, patients = drawn
    index = built[kind]
    with pytest.raises(InputError, match="3 dimensions and the index 16"):
        index.search(np.ones((1, 3)), 1)
    with pytest.raises(InputError, match="k = 0 neighbors"):
        index.search(vectors, 0)
    with pytest.raises(InputError, match="embeddings are not finite"):
        index.search(np.full((1, 16), np.nan), 1)
    with pytest.raises(InputError, match="embeddings are not finite"):
        build_index(np.where(np.arange(1000)[:, None] == 3, np.float32("inf"), vectors), kind=kind)
    with pytest.raises(InputError, match=r"255 embeddings are too few .* needs 256"):
        build_index(vectors[:255], kind=kind)
    with pytest.raises(InputError, match=r"recall = 0.0 is no share"):
        build_index(vectors, kind=kind, recall=0.0)
    with pytest.raises(InputError, match="no embeddings to index"):
        build_index(vectors[:0])
    with pytest.raises(ValueError, match="go together"):
        index.search(vectors, 1, groups=patients)
    with pytest.raises(ValueError, match="query_groups has 2 entries for 1 queries"):
        index.search(vectors[:1], 1, groups=patients, query_groups=[1, 2])
    with pytest.raises(ValueError, match="groups has 2 entries for 1000"):
        build_index(vectors, kind=kind, groups=[1, 2])
