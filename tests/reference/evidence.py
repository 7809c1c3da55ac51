"""Evidential losses and the aggregation of windows by explicit loops, each from its paper's equation."""

import math

from scipy.special import digamma, gammaln


def softplus(o: float) -> float:
    return max(o, 0.0) + math.log1p(math.exp(-abs(o)))


def slow_re_edl(logits, labels, *, lambda1: float, lambda2: float) -> float:
    """The mean over items of sum_k (y_k - p_k)^2, with the general form of p."""
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        evidence = [softplus(float(o)) for o in row]
        for k, e in enumerate(evidence):
            others = sum(evidence) - e
            p = (e + lambda2) / (e + lambda1 * others + lambda2 * len(row))
            total += ((1.0 if k == label else 0.0) - p) ** 2
    return total / len(labels)


def slow_edl(logits, labels, *, form: str, kl_weight: float) -> float:
    """Sensoy et al. 2018, equations 3 (log), 4 (digamma) and 5 (mse), and the divergence below equation 5."""
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        alpha = [softplus(float(o)) + 1 for o in row]
        s, n = sum(alpha), len(alpha)
        for k, a in enumerate(alpha):
            y = 1.0 if k == label else 0.0
            if form == "mse":
                p = a / s
                total += (y - p) ** 2 + p * (1 - p) / (s + 1)
            elif form == "log":
                total += y * (math.log(s) - math.log(a))
            else:
                total += y * (float(digamma(s)) - float(digamma(a)))
        tilde = [1.0 if k == label else a for k, a in enumerate(alpha)]
        strength = sum(tilde)
        kl = float(gammaln(strength)) - float(gammaln(n)) - sum(float(gammaln(a)) for a in tilde)
        kl += sum((a - 1) * (float(digamma(a)) - float(digamma(strength))) for a in tilde)
        total += kl_weight * kl
    return total / len(labels)


def slow_window(row, *, evidential: bool, prior: float) -> tuple[list[float], float]:
    """p and u of one window."""
    if evidential:
        evidence = [softplus(float(o)) for o in row]
        s = sum(e + prior for e in evidence)
        return [(e + prior) / s for e in evidence], len(evidence) * prior / s
    powers = [math.exp(float(o) - max(map(float, row))) for o in row]
    p = [power / sum(powers) for power in powers]
    return p, 1 - max(p)


def slow_aggregate(logits, clips, n_clips: int, *, how: str, evidential: bool, prior: float = 0.8):
    """For each clip its probabilities and uncertainty, by a loop over its windows."""
    made = []
    for clip in range(n_clips):
        rows = [row for row, of in zip(logits, clips, strict=True) if of == clip]
        windows = [slow_window(row, evidential=evidential, prior=prior) for row in rows]
        n, k = len(rows), len(rows[0])
        mean = [math.fsum(p[c] for p, _ in windows) / n for c in range(k)]
        if how == "evidence":
            alpha = [sum(softplus(float(row[c])) for row in rows) + prior for c in range(k)]
            made.append(([a / sum(alpha) for a in alpha], k * prior / sum(alpha)))
        elif how == "min-uncertainty":
            made.append(min(windows, key=lambda window: window[1]))
        else:
            p = mean
            if how == "vote":
                votes = [sum(1 for q, _ in windows if q.index(max(q)) == c) for c in range(k)]
                p = [(votes[c] + mean[c]) / (n + 1) for c in range(k)]
            u = sum(u for _, u in windows) / n if evidential else 1 - mean[p.index(max(p))]
            made.append((p, u))
    return [p for p, _ in made], [u for _, u in made]
