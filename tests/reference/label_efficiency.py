"""Label-efficiency figures from their definitions: items repeated as often as they are drawn, loops over pairs."""

import numpy as np


def repeated(units, weights):
    """Positions of items, each as often as its unit is drawn."""
    _, codes = np.unique(units, return_inverse=True)
    return [i for i, code in enumerate(codes) for _ in range(int(weights[code]))]


def macro_f1(truth, answers):
    scores = []
    for c in sorted({*truth, *answers}):
        hits = sum(t == c and a == c for t, a in zip(truth, answers, strict=True))
        scores.append(2 * hits / (sum(t == c for t in truth) + sum(a == c for a in answers)))
    return float(np.mean(scores))


def balanced_accuracy(truth, answers):
    return float(
        np.mean([np.mean([a == c for t, a in zip(truth, answers, strict=True) if t == c]) for c in set(truth)])
    )


def auroc(truth, probabilities):
    areas = []
    for c in range(probabilities.shape[1]):
        inside = [p[c] for t, p in zip(truth, probabilities, strict=True) if t == c]
        outside = [p[c] for t, p in zip(truth, probabilities, strict=True) if t != c]
        if inside and outside:
            areas.append(np.mean([(a > b) + 0.5 * (a == b) for a in inside for b in outside]))
    return float(np.mean(areas))


def figure(metric, truth, probabilities, positions):
    """A metric of these items, repeats allowed."""
    drawn, said = [int(truth[i]) for i in positions], probabilities[positions]
    if metric == "auroc":
        return auroc(drawn, said)
    answers = [int(row.argmax()) for row in said]
    return macro_f1(drawn, answers) if metric == "macro_f1" else balanced_accuracy(drawn, answers)


def labels_needed(numbers, curve, target):
    """The first number of labels at which straight lines over log x reach the target, walked in small steps."""
    if curve[0] >= target:
        return float(numbers[0])
    for k in range(1, len(numbers)):
        for step in range(1, 2001):
            share = step / 2000
            if curve[k - 1] + share * (curve[k] - curve[k - 1]) >= target:
                return float(numbers[k - 1] * (numbers[k] / numbers[k - 1]) ** share)
    return float("inf")
