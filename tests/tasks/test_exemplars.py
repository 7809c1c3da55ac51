"""Which items of a cluster are looked at: loops as the oracle, patients by turns, what may not be shown."""

import numpy as np

from sslecho.tasks.exemplars import N_BORDERS, N_MEDOIDS, N_OUTLIERS, pick_exemplars


def some(seed=0, n=300, k=5):
    rng = np.random.default_rng(seed)
    clusters = np.minimum(rng.geometric(0.4, size=n) - 1, k - 1)
    clusters[clusters == 2] = 3  # cluster 2 is empty
    return clusters, rng.random(n).astype(np.float32), rng.random(n).astype(np.float32), rng.integers(6, size=n)


def by_turns(items, telling, units):
    left, order, round_of = list(items), [], {}
    for item in sorted(left, key=lambda i: -telling[i]):
        round_of[item] = sum(units[other] == units[item] for other in order)
        order.append(item)
    return sorted(order, key=lambda i: (round_of[i], -telling[i]))


def test_equals_loops_over_items():
    clusters, confidences, distances, units = some()
    found = pick_exemplars(clusters, confidences, distances, units=units, may_show=np.ones(300, bool))
    assert [e.cluster for e in found] == [0, 1, 3, 4]
    for e in found:
        items = np.flatnonzero(clusters == e.cluster).tolist()
        assert (e.n, e.n_units) == (len(items), len({units[i] for i in items}))
        medoids = by_turns(items, confidences, units)[:N_MEDOIDS]
        assert e.medoids == medoids
        outliers = [i for i in by_turns(items, distances, units) if i not in medoids][:N_OUTLIERS]
        assert e.outliers == outliers
        rest = [i for i in by_turns(items, -confidences, units) if i not in medoids + outliers]
        assert e.borders == rest[:N_BORDERS]


def test_what_may_not_be_shown_is_counted_and_not_shown():
    clusters, confidences, distances, units = some(1)
    may_show = np.arange(300) % 2 == 0
    may_show[clusters == 4] = False  # all of it: shown all the same
    found = pick_exemplars(clusters, confidences, distances, units=units, may_show=may_show)
    for e in found:
        assert e.n == (clusters == e.cluster).sum()
        shown = np.array(e.medoids + e.borders + e.outliers)
        assert (clusters[shown] == e.cluster).all()
        assert may_show[shown].all() == (e.cluster != 4)


def test_without_distances_there_are_no_outliers_and_small_clusters_show_what_they_have():
    (e,) = pick_exemplars(
        np.zeros(2, np.int64), np.array([0.1, 0.9]), None, units=np.zeros(2, np.int64), may_show=np.ones(2, bool)
    )
    assert (e.medoids, e.borders, e.outliers) == ([1, 0], [], [])
