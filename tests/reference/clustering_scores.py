"""Scores of a clustering, slowly: explicit loops over items, pairs of items and permutations, from the equations."""

from collections import Counter
from itertools import combinations, permutations
from math import comb, log


def purity(labels, clusters):
    right = 0
    for cluster in set(clusters):
        inside = [label for label, own in zip(labels, clusters, strict=True) if own == cluster]
        right += max(inside.count(label) for label in set(inside))
    return right / len(labels)


def inverse_purity(labels, clusters):
    return purity(clusters, labels)


def accuracy(labels, clusters):
    """Every one-to-one match of clusters and classes is tried."""
    classes, ids = sorted(set(labels)), sorted(set(clusters))
    wide = max(len(classes), len(ids))
    slots = classes + [None] * (wide - len(classes))
    best = 0
    for order in permutations(slots, len(ids)):
        name = dict(zip(ids, order, strict=True))
        best = max(best, sum(name[own] == label for label, own in zip(labels, clusters, strict=True)))
    return best / len(labels)


def rand_adjusted(labels, clusters):
    """Hubert & Arabie: over all pairs of items; the expectation is that of the hypergeometric model."""
    both = in_class = in_cluster = pairs = 0
    for i, j in combinations(range(len(labels)), 2):
        same_class, same_cluster = labels[i] == labels[j], clusters[i] == clusters[j]
        both += same_class and same_cluster
        in_class += same_class
        in_cluster += same_cluster
        pairs += 1
    expected = in_class * in_cluster / pairs
    return (both - expected) / ((in_class + in_cluster) / 2 - expected)


def entropy(labels):
    return -sum(m / len(labels) * log(m / len(labels)) for m in Counter(labels).values())


def mutual_information(labels, clusters):
    n, joint = len(labels), Counter(zip(labels, clusters, strict=True))
    a, b = Counter(labels), Counter(clusters)
    return sum(m / n * log(n * m / (a[x] * b[y])) for (x, y), m in joint.items())


def expected_mutual_information(labels, clusters):
    """The mean over every assignment of the clusters' ids to the items, by exact hypergeometric counts."""
    n = len(labels)
    total = 0.0
    for a in Counter(labels).values():
        for b in Counter(clusters).values():
            for m in range(1, min(a, b) + 1):
                chance = comb(a, m) * comb(n - a, b - m) / comb(n, b)
                total += chance * m / n * log(n * m / (a * b))
    return total


def nmi(labels, clusters):
    return mutual_information(labels, clusters) / ((entropy(labels) + entropy(clusters)) / 2)


def ami(labels, clusters):
    expected = expected_mutual_information(labels, clusters)
    mean_entropy = (entropy(labels) + entropy(clusters)) / 2
    return (mutual_information(labels, clusters) - expected) / (mean_entropy - expected)


def name_clusters(labels, clusters, items):
    """The majority label of each cluster among `items`; of equally frequent labels the first in sorted order."""
    names = {}
    for cluster in {clusters[i] for i in items}:
        inside = [labels[i] for i in items if clusters[i] == cluster]
        names[cluster] = max(sorted(set(inside)), key=inside.count)
    return names


def score_named(labels, clusters, names, items):
    """Share of `items` whose cluster's name is their label, and share whose cluster has a name."""
    right = sum(clusters[i] in names and names[clusters[i]] == labels[i] for i in items)
    return right / len(items), sum(clusters[i] in names for i in items) / len(items)


def transfer_over_all_halves(labels, clusters, units):
    """Transfer purity and coverage as means over *every* way to halve the units, instead of random ones."""
    ids = sorted(set(units))
    values, coverages = [], []
    for half in combinations(ids, len(ids) // 2):
        first = [i for i in range(len(labels)) if units[i] in half]
        second = [i for i in range(len(labels)) if units[i] not in half]
        for naming, scored in ((first, second), (second, first)):
            value, coverage = score_named(labels, clusters, name_clusters(labels, clusters, naming), scored)
            values.append(value)
            coverages.append(coverage)
    return sum(values) / len(values), sum(coverages) / len(coverages)


def purity_over_all_clip_permutations(labels, clusters, clips):
    """Mean purity over *every* permutation of the clips, a donor's labels stretched to the receiver's length."""
    ids = sorted(set(clips))
    items = {clip: [i for i in range(len(labels)) if clips[i] == clip] for clip in ids}
    values = []
    for donors in permutations(ids):
        shuffled = list(labels)
        for receiver, donor in zip(ids, donors, strict=True):
            for position, item in enumerate(items[receiver]):
                source = position * len(items[donor]) // len(items[receiver])
                shuffled[item] = labels[items[donor][source]]
        values.append(purity(shuffled, clusters))
    return sum(values) / len(values)
