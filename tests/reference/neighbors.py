"""Nearest neighbors and their scores, slowly: explicit loops over queries and gallery."""

import math


def cosine_distance(x, y):
    dot = sum(float(a) * float(b) for a, b in zip(x, y, strict=True))
    return 1 - dot / math.sqrt(sum(float(a) ** 2 for a in x) * sum(float(b) ** 2 for b in y))


def search(vectors, queries, k, groups=None, query_groups=None):
    """The k nearest of each query among the vectors of other groups; -1 and infinity where there are fewer."""
    distances, ids = [], []
    for q, query in enumerate(queries):
        found = []
        for i, vector in enumerate(vectors):
            if groups is not None and groups[i] == query_groups[q]:
                continue
            found.append((cosine_distance(query, vector), i))
        found = sorted(found)[:k]
        found += [(math.inf, -1)] * (k - len(found))
        distances.append([d for d, _ in found])
        ids.append([i for _, i in found])
    return distances, ids


def neighbor_purity(labels, neighbors, gallery_labels):
    shares = []
    for label, found in zip(labels, neighbors, strict=True):
        if label is None:
            continue
        near = [gallery_labels[i] for i in found if i >= 0 and gallery_labels[i] is not None]
        shares.append(near.count(label) / len(near) if near else 0.0)
    return sum(shares) / len(shares)


def knn_accuracy(labels, neighbors, gallery_labels):
    right = []
    for label, found in zip(labels, neighbors, strict=True):
        if label is None:
            continue
        near = [gallery_labels[i] for i in found if i >= 0 and gallery_labels[i] is not None]
        most = max((near.count(name) for name in near), default=0)
        winner = next((name for name in near if near.count(name) == most), None)
        right.append(winner == label)
    return sum(right) / len(right)


def balanced_accuracy(labels, right):
    shares = []
    for name in {label for label in labels if label is not None}:
        of_class = [bool(hit) for label, hit in zip(labels, right, strict=True) if label == name]
        shares.append(sum(of_class) / len(of_class))
    return sum(shares) / len(shares)


def drawn_accuracies(labels, right, units, draws):
    """Balanced accuracy of each draw of units, whose items are taken as often as the unit was drawn."""
    found = []
    for drawn in draws:
        items = [i for unit in drawn for i, own in enumerate(units) if own == unit]
        found.append(balanced_accuracy([labels[i] for i in items], [right[i] for i in items]))
    return found
