"""The exact index: brute force with exclusions, filling, the cache, a missing FAISS."""

import sys

import numpy as np
import pytest
from reference import neighbors as oracle

from sslecho.embed.index import flat
from sslecho.embed.index import vectors as scaled
from sslecho.embed.index.flat import FlatIndex
from sslecho.errors import InputError, MissingExtraError


def grouped(seed, n=120, n_groups=7, d=5):
    """Groups of unequal size, each in a corner of its own, so that an item's nearest are of its own group."""
    rng = np.random.default_rng(seed)
    groups = np.minimum(rng.geometric(0.3, size=n), n_groups) - 1
    vectors = 3 * rng.normal(size=(n_groups, d))[groups] + rng.normal(size=(n, d))
    names = np.array([f"p{group:02d}" for group in range(n_groups)], dtype=object)
    return (vectors * rng.uniform(0.1, 9, size=(n, 1))).astype(np.float32), names[groups]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 6, 130])
@pytest.mark.parametrize("exclude", [True, False])
def test_equals_brute_force(seed, k, exclude):
    vectors, groups = grouped(seed)
    queries, query_groups = vectors[::5] + np.float32(0.01), groups[::5]
    options = {"groups": groups, "query_groups": query_groups} if exclude else {}
    distances, ids = FlatIndex.build(vectors).search(queries, k, **options)
    expected = oracle.search(vectors.tolist(), queries.tolist(), k, **options)
    np.testing.assert_array_equal(ids, expected[1])
    np.testing.assert_allclose(distances, expected[0], atol=2e-6)


def test_many_small_calls_find_the_same(monkeypatch):
    vectors, groups = grouped(4)
    index = FlatIndex.build(vectors)
    whole = index.search(vectors, 9, groups=groups, query_groups=groups)
    monkeypatch.setattr(flat, "FOUND_AT_ONCE", 50)
    monkeypatch.setattr(scaled, "ROWS_AT_ONCE", 7)
    pieces = FlatIndex.build(vectors).search(vectors, 9, groups=groups, query_groups=groups)
    np.testing.assert_array_equal(pieces[1], whole[1])
    np.testing.assert_allclose(pieces[0], whole[0], atol=2e-6)


def test_a_group_that_holds_nearly_all_vectors_is_left_out():
    """900 of 1000 vectors are the query's own patient and lie closer than all others."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(1000, 8)).astype(np.float32)
    vectors[:900] = vectors[0] + 1e-2 * vectors[:900]
    groups = np.where(np.arange(1000) < 900, 1, 2)
    _, ids = FlatIndex.build(vectors).search(vectors[:3], 5, groups=groups, query_groups=groups[:3])
    assert (ids >= 900).all()
    similarity = vectors[:3] @ (vectors[900:] / np.linalg.norm(vectors[900:], axis=1, keepdims=True)).T
    np.testing.assert_array_equal(ids, 900 + np.argsort(-similarity, axis=1)[:, :5])


def test_too_few_candidates_are_filled():
    vectors = np.eye(4, dtype=np.float32)
    distances, ids = FlatIndex.build(vectors).search(vectors[:1], 3, groups=["a", "a", "a", "b"], query_groups=["a"])
    assert ids.tolist() == [[3, -1, -1]]
    assert distances.tolist() == [[1, np.inf, np.inf]]
    alone = FlatIndex.build(vectors).search(vectors[:1], 2, groups=["a"] * 4, query_groups=["a"])
    assert alone[1].tolist() == [[-1, -1]]


def test_a_query_of_an_unknown_group_sees_all():
    vectors, groups = grouped(1)
    index = FlatIndex.build(vectors)
    _, ids = index.search(vectors, 4, groups=groups, query_groups=["somebody else"] * len(vectors))
    np.testing.assert_array_equal(ids, index.search(vectors, 4)[1])
    np.testing.assert_array_equal(ids[:, 0], np.arange(len(vectors)))


def test_a_vector_of_zeros_has_distance_1_to_all():
    distances, _ = FlatIndex.build(np.zeros((2, 3), np.float32)).search(np.ones((1, 3)), 2)
    assert distances.tolist() == [[1, 1]]


def test_a_saved_index_is_read_back_without_building(tmp_path, monkeypatch):
    vectors, _ = grouped(2)
    FlatIndex.build(vectors).save(tmp_path / "flat.index")
    expected = FlatIndex.build(vectors).search(vectors, 3)
    monkeypatch.setattr(FlatIndex, "build", None)
    found = FlatIndex.load(tmp_path / "flat.index", vectors).search(vectors, 3)
    np.testing.assert_array_equal(found[1], expected[1])


def damage(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        damage,
        lambda path: path.write_bytes(path.read_bytes()[:-40]),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 2')),
        lambda path: path.write_bytes(b"\x80\x04 no index"),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        lambda path: FlatIndex.build(grouped(3)[0] + np.float32(1)).save(path),
    ],
    ids=["a flipped bit", "cut short", "another version", "another file", "empty", "missing", "other vectors"],
)
def test_a_stale_or_damaged_index_is_built_anew(tmp_path, spoil):
    vectors, _ = grouped(3)
    path = tmp_path / "flat.index"
    FlatIndex.build(vectors).save(path)
    good = path.read_bytes()
    spoil(path)
    found = FlatIndex.load(path, vectors).search(vectors, 3)
    np.testing.assert_array_equal(found[1], FlatIndex.build(vectors).search(vectors, 3)[1])
    assert path.read_bytes() == good
    assert [file.name for file in tmp_path.iterdir()] == ["flat.index"]


def test_an_index_that_cannot_be_saved_still_searches(tmp_path):
    vectors, _ = grouped(3)
    assert len(FlatIndex.load(tmp_path / "no such folder" / "flat.index", vectors)) == len(vectors)


def test_the_hash_is_of_values_and_shape():
    vectors, _ = grouped(5)
    assert flat.hash_of(vectors) == flat.hash_of(np.asfortranarray(vectors))
    assert flat.hash_of(vectors) != flat.hash_of(vectors[::-1])
    assert flat.hash_of(vectors) != flat.hash_of(vectors.reshape(-1, 1))


def test_bad_input():
    vectors, groups = grouped(6)
    index = FlatIndex.build(vectors)
    with pytest.raises(InputError, match="3 dimensions and the index 5"):
        index.search(np.ones((1, 3)), 1)
    with pytest.raises(InputError, match="k = 0 neighbors"):
        index.search(vectors, 0)
    with pytest.raises(InputError, match="1 of 120 embeddings are not finite"):
        index.search(np.where(np.arange(120)[:, None] == 3, np.float32("nan"), vectors), 1)
    with pytest.raises(InputError, match="no embeddings to index"):
        FlatIndex.build(vectors[:0])
    with pytest.raises(InputError, match="group is missing for 1 of"):
        index.search(vectors, 1, groups=groups, query_groups=[None, *groups[1:]])
    with pytest.raises(ValueError, match="go together"):
        index.search(vectors, 1, groups=groups)
    with pytest.raises(ValueError, match="groups has 119 entries for 120"):
        index.search(vectors, 1, groups=groups[1:], query_groups=groups)


def test_without_faiss_the_error_names_both_extras(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sslecho\[cpu\]'.*pip install 'sslecho\[gpu\]'"):
        FlatIndex.build(np.ones((2, 2), np.float32))
