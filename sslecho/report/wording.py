"""Figures as people read them: shares without a leading zero, intervals, settings in words."""

from collections.abc import Mapping, Sequence
from typing import Any

DASH = "–"
# What a figure of a result is called; others keep their own name.
METRICS = {
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "macro_f1_all": "macro F1, abstentions counted as misses",
    "recall": "recall",
    "precision": "precision",
    "f1": "F1",
    "auroc": "AUROC",
    "ece": "expected calibration error",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "qwk": "quadratic weighted kappa",
    "spearman": "Spearman correlation",
    "mse_constant": "mean squared error of always the same grade",
    "knn_accuracy": "balanced accuracy by neighbors",
    "transfer_purity": "transfer purity",
    "purity": "purity",
    "purity_chance": "purity with the labels of whole clips shuffled",
    "nmi": "normalized mutual information",
    "ami": "adjusted mutual information",
    "ari": "adjusted Rand index",
    "scored_coverage": "coverage of the scored items",
}
HASHES = ("frames", "encoder", "rows", "truth", "known", "labels", "learned_from", "design", "weights")
NOT_SETTINGS = ("workers", "arms", *HASHES)


def metric_name(key: str) -> str:
    """The words for a figure's key in a result."""
    return METRICS.get(key, key.replace("_", " "))


def share(value: float | None, *, digits: int = 2) -> str:
    """Two digits without the leading zero, or a dash; 1.00 and more keep what stands before the point."""
    if value is None:
        return DASH
    return ("−" if value < 0 else "") + f"{abs(value):.{digits}f}".removeprefix("0")


def bounds(low: float | None, high: float | None) -> str:
    """An interval's ends, or nothing where there is none."""
    return "" if low is None or high is None else f"{share(low)}–{share(high)}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """.62 (.51–.73)."""
    ends = bounds(low, high)
    return share(value) + (f" ({ends})" if ends else "")


def signed(value: float) -> str:
    """A difference with its sign and without its leading zero: +.12."""
    return ("−" if value < 0 else "+") + share(abs(value))


def sentence(words: str) -> str:
    """Words with a capital letter and a full stop."""
    words = words.strip()
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".") if words else ""


def listed(names: Sequence[str]) -> str:
    """One, two and three."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def settings_in_words(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Settings as terms and values, without those that could name a folder: the page is passed on.

    Hashes of inputs are not settings; see `hashes_in_words`.
    """
    shown = []
    for name, value in settings.items():
        if name == "baseline":
            value = [str(item).partition("=")[0] for item in value]
        if isinstance(value, Mapping):
            value = list(value)
        if value in (None, [], ()) or name in NOT_SETTINGS or _may_be_a_path(value):
            continue
        shown.append((name.rstrip("_").replace("_", " "), value))
    return shown


def hashes_in_words(identity: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The hashes among what decides a result."""
    return [(name.replace("_", " "), identity[name]) for name in HASHES if isinstance(identity.get(name), str)]


def _may_be_a_path(value: Any) -> bool:
    words = value if isinstance(value, (list, tuple)) else [value]
    return any(mark in str(word) for word in words for mark in ("/", "\\", "regex:"))
