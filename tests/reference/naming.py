"""Labeling cost, slowly: over every way to halve the units, item by item, from the definition."""

from fractions import Fraction
from itertools import combinations


def first_seen(clusters, confidences, units, cluster, items, m):
    """The m items of a cluster that a person sees: by turns of the units, the most confident first."""
    inside = [i for i in items if clusters[i] == cluster]
    turns = {}
    for unit in {units[i] for i in inside}:
        own = sorted((i for i in inside if units[i] == unit), key=lambda i: (-confidences[i], i))
        turns |= {item: turn for turn, item in enumerate(own)}
    return sorted(inside, key=lambda i: (turns[i], -confidences[i], i))[:m]


def name_of(labels, seen, agreement):
    """The most frequent label of what was seen, or None where too few agree."""
    if not seen:
        return None
    shown = [labels[i] for i in seen]
    best = max(sorted(set(shown)), key=shown.count)
    return best if Fraction(shown.count(best), len(shown)) >= Fraction(agreement).limit_denominator(100) else None


def naming_over_all_halves(labels, clusters, confidences, units, *, m, agreement, others=()):
    """Coverage, precision, class coverage, class precision, images looked at, clusters named."""
    ids = sorted(set(units))
    everything = range(len(labels))
    named = right = scored = class_named = class_right = class_items = of_class = looked = n_names = directions = 0
    for half in combinations(ids, len(ids) // 2):
        first = [i for i in everything if units[i] in half]
        second = [i for i in everything if units[i] not in half]
        for naming, rest in ((first, second), (second, first)):
            directions += 1
            names = {}
            for cluster in set(clusters):
                seen = first_seen(clusters, confidences, units, cluster, naming, m)
                looked += len(seen)
                names[cluster] = name_of(labels, seen, agreement)
                n_names += names[cluster] is not None
            for i in rest:
                name = names[clusters[i]]
                scored += 1
                named += name is not None
                right += name == labels[i]
                is_class, gets_class = labels[i] not in others, name is not None and name not in others
                class_items += is_class
                of_class += is_class and gets_class
                class_named += gets_class
                class_right += gets_class and name == labels[i]
    return {
        "coverage": named / scored,
        "precision": right / named if named else None,
        "class_coverage": of_class / class_items,
        "class_precision": class_right / class_named if class_named else None,
        "n_images": looked / directions,
        "n_named": n_names / directions,
    }
