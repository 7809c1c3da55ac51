"""Rules that pick clips to label, slowly: loops over pairs, sets and a search through all subsets."""

import itertools
import math


def distance(x, y):
    return math.sqrt(sum((float(a) - float(b)) ** 2 for a, b in zip(x, y, strict=True)))


def typicality(vectors, k):
    """1 / mean distance to the k nearest others."""
    values = []
    for i, x in enumerate(vectors):
        others = sorted(distance(x, y) for j, y in enumerate(vectors) if j != i)[:k]
        values.append(len(others) / sum(others) if others else 0.0)
    return values


def typiclust(vectors, clusters, labeled, units, *, budget, per_unit, k, small):
    """Rows in the order of picking: each time the clusters with the fewest labels, of them the largest."""
    members = {c: [i for i, own in enumerate(clusters) if own == c] for c in set(clusters)}
    labels = {c: sum(labeled[i] for i in rows) + (len(rows) < small) for c, rows in members.items()}
    picked = []
    for _ in range(budget):
        free = [i for i in range(len(vectors)) if not labeled[i] and i not in picked]
        free = [i for i in free if sum(units[j] == units[i] for j in picked) < per_unit]
        if not free:
            break
        able = [c for c, rows in members.items() if set(rows) & set(free)]
        chosen = min(able, key=lambda c: (labels[c], -len(members[c]), c))
        values = typicality([vectors[i] for i in members[chosen]], k)
        best = max((value, -i) for value, i in zip(values, members[chosen], strict=True) if i in free)
        picked.append(-best[1])
        labels[chosen] += 1
    return picked


def balls(vectors, radius):
    """Of each vector the set of those nearer than `radius`, itself included."""
    n = len(vectors)
    return [{j for j in range(n) if j == i or distance(vectors[i], vectors[j]) < radius} for i in range(n)]


def purity_radius(vectors, clusters, purity):
    """The largest distance between two vectors at which so many open balls hold one cluster only."""
    n = len(vectors)
    apart = [[distance(x, y) for y in vectors] for x in vectors]
    found = 0.0
    for radius in sorted(apart[i][j] for i in range(n) for j in range(i)):
        pure = [all(clusters[i] == clusters[j] for j in range(n) if apart[i][j] < radius) for i in range(n)]
        if sum(pure) >= purity * n:
            found = max(found, radius)
    return found


def probcover(vectors, labeled, units, *, budget, per_unit, radius, weights):
    """Rows in the order of picking, and the weight that each covers anew."""
    near = balls(vectors, radius)
    covered = set().union(*(near[i] for i in range(len(vectors)) if labeled[i]))
    picked, gains = [], []
    for _ in range(budget):
        free = [i for i in range(len(vectors)) if not labeled[i] and i not in picked]
        free = [i for i in free if sum(units[j] == units[i] for j in picked) < per_unit]
        gain, row = max((sum(weights[j] for j in near[i] - covered), -i) for i in free) if free else (0, 0)
        if gain <= 1e-12:
            break
        picked.append(-row)
        gains.append(gain)
        covered |= near[-row]
    return picked, gains


def best_coverage(vectors, *, budget, radius):
    """The most vectors that any `budget` balls cover."""
    near = balls(vectors, radius)
    return max(len(set().union(*chosen)) for chosen in itertools.combinations(near, budget))


def kcenter(vectors, labeled, *, budget):
    known, picked = [i for i in range(len(vectors)) if labeled[i]], []
    for _ in range(budget):
        free = [i for i in range(len(vectors)) if i not in known]
        picked.append(max(free, key=lambda i: (min(distance(vectors[i], vectors[j]) for j in known), -i)))
        known.append(picked[-1])
    return picked
