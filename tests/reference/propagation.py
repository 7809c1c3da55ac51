"""Diffusion and its parts as the equations have them, on dense matrices and with loops."""

import math

import numpy as np


def dense_weights(ids, similarities, sharpness=3.0):
    """W = A + A^T with A_ij = max(cosine, 0)^sharpness over the neighbors of i (Iscen et al. 2019, equation 9)."""
    n = len(ids)
    directed = np.zeros((n, n))
    for i in range(n):
        for j, cosine in zip(ids[i], similarities[i], strict=True):
            if j >= 0 and cosine > 0:
                directed[i, j] = float(cosine) ** sharpness
    return directed + directed.T


def dense_diffusion(weights, labels, n_classes, alpha):
    """F = (I - alpha D^-1/2 W D^-1/2)^-1 Y (Zhou et al. 2004, equation 4); labels hold -1 where there is none."""
    n = len(weights)
    degrees = weights.sum(1)
    spread = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if weights[i, j] > 0:
                spread[i, j] = weights[i, j] / math.sqrt(degrees[i] * degrees[j])
    y = np.zeros((n, n_classes))
    for i, label in enumerate(labels):
        if label >= 0:
            y[i, label] = 1
    return np.linalg.solve(np.eye(n) - alpha * spread, y)


def at_most(errors, n, chance):
    """P(Binomial(n, chance) <= errors), term by term."""
    return sum(math.comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(errors + 1))


def fewest(precision, errors, confidence):
    """The smallest sample in which `errors` wrong ones still allow the claim, by trying one after another."""
    n = errors + 1
    while at_most(errors, n, 1 - precision) > 1 - confidence:
        n += 1
    return n


def least_precision(errors, n, confidence):
    """The precision at which so few errors have the chance 1 - confidence, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(errors, n, 1 - middle) < 1 - confidence else (low, middle)
    return low


def macro_f1_by_hand(truth, predicted):
    """The mean over the classes that occur of 2 TP / (2 TP + FP + FN); None is no prediction."""
    scores = []
    for name in sorted({*truth, *(word for word in predicted if word is not None)}):
        pairs = list(zip(truth, predicted, strict=True))
        both = sum(t == name and p == name for t, p in pairs)
        false = sum(t != name and p == name for t, p in pairs)
        missed = sum(t == name and p != name for t, p in pairs)
        scores.append(2 * both / (2 * both + false + missed))
    return sum(scores) / len(scores)
