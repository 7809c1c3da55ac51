"""Figures of spread, slowly: explicit loops, eigenvalues in place of singular values."""

import math

import numpy as np


def directions(vectors):
    rows = [[float(v) for v in row] for row in vectors]
    return [[v / math.sqrt(sum(u * u for u in row)) for v in row] for row in rows]


def squared_distance(x, y):
    return sum((a - b) ** 2 for a, b in zip(x, y, strict=True))


def singular_values(rows):
    """Square roots of the eigenvalues of the Gram matrix of the shorter side."""
    x = np.array(rows, float)
    n, d = x.shape
    gram = np.array([[sum(x[:, i] * x[:, j]) for j in range(d)] for i in range(d)]) if d <= n else None
    if gram is None:
        gram = np.array([[sum(x[i] * x[j]) for j in range(n)] for i in range(n)])
    return [math.sqrt(max(value, 0.0)) for value in np.linalg.eigvalsh(gram)]


def entropy_rank(singular, epsilon):
    total = sum(singular)
    return math.exp(-sum((s / total + epsilon) * math.log(s / total + epsilon) for s in singular if s + epsilon > 0))


def effective_rank(vectors):
    columns = list(zip(*vectors, strict=True))
    means = [sum(float(v) for v in column) / len(column) for column in columns]
    return entropy_rank(
        singular_values([[float(v) - m for v, m in zip(row, means, strict=True)] for row in vectors]), 0
    )


def rankme(vectors):
    return entropy_rank(singular_values(vectors), 1e-7)


def std_ratio(vectors):
    columns = list(zip(*directions(vectors), strict=True))
    stds = []
    for column in columns:
        mean = sum(column) / len(column)
        stds.append(math.sqrt(sum((v - mean) ** 2 for v in column) / len(column)))
    return sum(stds) / len(stds) / (1 / math.sqrt(len(columns)))


def alignment(first, second):
    pairs = list(zip(directions(first), directions(second), strict=True))
    return sum(squared_distance(x, y) for x, y in pairs) / len(pairs)


def uniformity(vectors):
    rows = directions(vectors)
    terms = [
        math.exp(-2 * squared_distance(rows[i], rows[j])) for i in range(len(rows)) for j in range(i + 1, len(rows))
    ]
    return math.log(sum(terms) / len(terms))
