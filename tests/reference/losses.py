"""The losses of pretraining by explicit loops over frames, pairs and outputs, each from its paper's equation.

Arrays are float64; `n` frames, `d` outputs, `k` prototypes. Nothing here is vectorized on purpose.
"""

import math
from collections.abc import Sequence

import numpy as np

Array = np.ndarray


def cosine(a: Array, b: Array) -> float:
    return float(np.dot(a, b) / math.sqrt(np.dot(a, a) * np.dot(b, b)))


def softmax(values: Sequence[float]) -> list[float]:
    highest = max(values)
    powers = [math.exp(value - highest) for value in values]
    return [power / sum(powers) for power in powers]


def slow_supcon(
    first: Array,
    second: Array,
    clips: list[int],
    labels: list[int],
    *,
    temperature: float,
    form: str,
    normalize: bool = True,
    clip_positives: bool = True,
) -> float:
    """Khosla et al. 2020, equations 2 and 3; unlabeled frames and other classes of the same clip are left out."""
    n = len(first)
    views = [(i, row) for i, row in enumerate(first)] + [(i, row) for i, row in enumerate(second)]
    losses = []
    for at, (i, anchor) in enumerate(views):
        if labels[i] < 0:
            continue
        positives, candidates = [], []
        for other_at, (j, other) in enumerate(views):
            if other_at == at or labels[j] < 0:
                continue
            similarity = (cosine(anchor, other) if normalize else float(np.dot(anchor, other))) / temperature
            own = j == i
            if own or (labels[j] == labels[i] and (clip_positives or clips[j] != clips[i])):
                positives.append(similarity)
                candidates.append(similarity)
            elif labels[j] != labels[i] and clips[j] != clips[i]:
                candidates.append(similarity)
        highest = max(candidates)
        total = highest + math.log(sum(math.exp(c - highest) for c in candidates))
        if form == "out":
            losses.append(-sum(p - total for p in positives) / len(positives))
        else:
            losses.append(-math.log(sum(math.exp(p - total) for p in positives) / len(positives)))
    assert len(views) == 2 * n
    return sum(losses) / len(losses) if losses else 0.0


def slow_info_nce(queries: Array, keys: Array, clips: list[int], temperature: float) -> float:
    """Chen et al. 2021, equation 1 with the factor of algorithm 1; keys of the query's clip are left out."""
    losses = []
    for i, query in enumerate(queries):
        shares = {i: cosine(query, keys[i]) / temperature}
        for j, key in enumerate(keys):
            if clips[j] != clips[i]:
                shares[j] = cosine(query, key) / temperature
        total = math.log(sum(math.exp(value) for value in shares.values()))
        losses.append(-(shares[i] - total))
    return 2 * temperature * sum(losses) / len(losses)


def slow_byol(predicted: Array, target: Array) -> float:
    """Grill et al. 2020, equation 2: squared distance of the two vectors at length 1."""
    total = 0.0
    for q, z in zip(predicted, target, strict=True):
        q_length, z_length = math.sqrt(sum(q * q)), math.sqrt(sum(z * z))
        total += sum((a / q_length - b / z_length) ** 2 for a, b in zip(q, z, strict=True))
    return total / len(predicted)


def slow_barlow_twins(first: Array, second: Array, off_diagonal: float) -> float:
    """Zbontar et al. 2021, equations 1 and 2, with the 1e-5 of batch norm under the root."""
    n, d = first.shape

    def standardized(z: Array) -> list[list[float]]:
        columns = []
        for j in range(d):
            column = [float(z[b, j]) for b in range(n)]
            mean = sum(column) / n
            variance = sum((value - mean) ** 2 for value in column) / n
            columns.append([(value - mean) / math.sqrt(variance + 1e-5) for value in column])
        return columns

    one, two = standardized(first), standardized(second)
    loss = 0.0
    for i in range(d):
        for j in range(d):
            c = sum(one[i][b] * two[j][b] for b in range(n)) / n
            loss += (1 - c) ** 2 if i == j else off_diagonal * c**2
    return loss


def slow_vicreg(first: Array, second: Array, invariance: float, variance: float, covariance: float) -> float:
    """Bardes et al. 2022, equations 1 to 6, as their code averages them."""
    n, d = first.shape
    agree = sum((first[b, j] - second[b, j]) ** 2 for b in range(n) for j in range(d)) / (n * d)
    vary, apart = 0.0, 0.0
    for z in (first, second):
        means = [sum(z[b, j] for b in range(n)) / n for j in range(d)]
        for i in range(d):
            for j in range(d):
                cov = sum((z[b, i] - means[i]) * (z[b, j] - means[j]) for b in range(n)) / (n - 1)
                if i == j:
                    vary += max(0.0, 1 - math.sqrt(cov + 1e-4)) / d / 2
                else:
                    apart += cov**2 / d
    return float(invariance * agree + variance * vary + covariance * apart)


def slow_assignment(scores: Array, epsilon: float, rounds: int = 3) -> Array:
    """Cuturi 2013 as in Caron et al. 2020, equation 4: rows (frames) and columns (prototypes) scaled in turn."""
    n, k = scores.shape
    q = [[math.exp(scores[b, j] / epsilon) for j in range(k)] for b in range(n)]
    for _ in range(rounds):
        for j in range(k):  # a prototype is given to n / k frames
            total = sum(q[b][j] for b in range(n))
            for b in range(n):
                q[b][j] *= n / k / total
        for b in range(n):  # a frame is given away once
            total = sum(q[b])
            q[b] = [value / total for value in q[b]]
    return np.array(q)


def slow_swav(
    whole: list[Array], local: list[Array], queued: list[Array] | None, temperature: float, epsilon: float
) -> float:
    """Caron et al. 2020, equations 2 to 4 and 6."""
    views = whole + local
    terms = []
    for v, scores in enumerate(whole):
        rows = scores if queued is None else np.concatenate([scores, queued[v]])
        codes = slow_assignment(rows, epsilon)[: len(scores)]
        for w, other in enumerate(views):
            if w == v:
                continue
            loss = 0.0
            for b in range(len(scores)):
                told = softmax([value / temperature for value in other[b]])
                loss -= sum(code * math.log(p) for code, p in zip(codes[b], told, strict=True))
            terms.append(loss / len(scores))
    return sum(terms) / len(terms)


def slow_dino(
    student: list[Array], teacher: list[Array], center: Array, temperature: float, teacher_temperature: float
) -> float:
    """Caron et al. 2021, equations 1 and 3."""
    terms = []
    for v, target in enumerate(teacher):
        for w, told in enumerate(student):
            if w == v:
                continue
            for b in range(len(target)):
                p = softmax([(g - c) / teacher_temperature for g, c in zip(target[b], center, strict=True)])
                q = softmax([g / temperature for g in told[b]])
                terms.append(-sum(x * math.log(y) for x, y in zip(p, q, strict=True)))
    return sum(terms) / len(terms)


def slow_mae(predicted: Array, hidden: Array) -> float:
    """He et al. 2022, section 3, per-patch standardized targets; patches without contrast are left out."""
    terms = []
    for n in range(len(hidden)):
        for m in range(hidden.shape[1]):
            pixels = [float(value) for value in hidden[n, m]]
            mean = sum(pixels) / len(pixels)
            variance = sum((value - mean) ** 2 for value in pixels) / (len(pixels) - 1)
            if variance <= 1e-6:
                continue
            target = [(value - mean) / math.sqrt(variance + 1e-6) for value in pixels]
            errors = [(a - b) ** 2 for a, b in zip(predicted[n, m], target, strict=True)]
            terms.append(sum(errors) / len(errors))
    return sum(terms) / len(terms) if terms else 0.0
