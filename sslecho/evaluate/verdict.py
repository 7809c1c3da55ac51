"""The verdict of a label-efficiency benchmark, in words, from its numbers and nothing else."""

from collections.abc import Mapping, Sequence

from sslecho.evaluate.comparison import Lead, Saved, where_shown
from sslecho.metrics.intervals import too_few

NAMES = {"macro_f1": "macro F1", "balanced_accuracy": "balanced accuracy", "auroc": "AUROC"}


def counted(x: int, *, axis: str, unit: str, most: int) -> str:
    """A number of labels: "4 labeled patients", "8 labels a class", with "all" before the whole."""
    whole = "all " if x == most else ""
    if axis == "patients":
        return f"{whole}{x} labeled {unit}{'' if x == 1 else 's'}"
    return "all labels" if whole else f"{x} label{'' if x == 1 else 's'} a class"


def endpoint_sentence(lead: Lead, *, first: str, rival: str, metric: str, count: str) -> str:
    """The one comparison that was named before the run, by its own 95 % interval."""
    word = "better than" if lead.low > 0 else "worse than" if lead.high < 0 else "not shown to differ from"
    return (
        f"with {count} {first} is {word} {rival} in {NAMES[metric]}: {signed(lead.value)} "
        f"(95 %: {signed(lead.low)} to {signed(lead.high)}); this is the endpoint that was named before the run"
    )


def crossing_sentence(leads: Sequence[Lead], *, first: str, rival: str, axis: str, unit: str, most: int) -> str:
    """For which numbers of labels the first arm beats a rival, by the simultaneous bounds."""
    numbers = [lead.x for lead in leads]
    better, worse = where_shown(leads, 1), where_shown(leads, -1)
    if not better and not worse:
        widest = max(abs(bound) for lead in leads for bound in (lead.all_low, lead.all_high))
        return (
            f"{first} does not beat {rival} at any number of labels that was tried, nor the other way round "
            f"(differences up to {widest:.2f} are not ruled out)"
        )
    parts = []
    if better:
        parts.append(f"beats {rival} {_where(better, numbers, axis=axis, unit=unit, most=most)}")
    if worse:
        parts.append(f"is worse than {rival} {_where(worse, numbers, axis=axis, unit=unit, most=most)}")
    elsewhere = any(lead.shown == 0 for lead in leads)
    return f"{first} {' and '.join(parts)}{'; elsewhere no difference is shown' if elsewhere else ''}"


def saved_sentence(saved: Saved, *, first: str, rival: str, axis: str, unit: str, most: int) -> str:
    """What the labels of the first arm are worth in labels of a rival."""
    has = counted(saved.x, axis=axis, unit=unit, most=most)
    thing = f"labeled {unit}s" if axis == "patients" else "labels a class"
    if saved.needed is None:
        needs = f"more {thing} than there are: it does not get there with all {most}"
    elif saved.at_most:
        needs = f"{saved.needed:.0f} or fewer"
    else:
        needs = f"about {_number(saved.needed)} {thing}"
    low, high = ("more than there are" if end is None else _number(end) for end in (saved.low, saved.high))
    interval = low if low == high else f"{low} to {high}"
    return f"to reach what {first} has with {has}, {rival} needs {needs} (95 %: {interval})"


def verdict(
    endpoint: str, crossings: Mapping[str, str], saved: str, *, n_patients: int, n_supports: int, unit: str
) -> str:
    """All of it, with what makes it doubtful at its end.

    Args:
        endpoint, saved: sentences of the endpoint's rival.
        crossings: a sentence for each rival.
    """
    doubts = [too_few(n_patients, unit=f"test {unit}")]
    if n_supports < 5:
        doubts.append(f"only {n_supports} draws of labels: with fewer than 5 their spread is hardly known")
    parts = [endpoint, *crossings.values(), saved, *(doubt for doubt in doubts if doubt)]
    return ". ".join(part[0].upper() + part[1:] for part in parts) + "."


def signed(value: float) -> str:
    """A difference with its sign and without its leading zero: +.12."""
    return f"{value:+.2f}".replace("0.", ".", 1) if abs(value) >= 0.005 else "0"


def _where(stretches: Sequence[tuple[int, int]], numbers: Sequence[int], *, axis: str, unit: str, most: int) -> str:
    """ "up to 8 labeled patients", "from 4 labeled patients on", "at every number of labeled patients"."""
    thing = f"labeled {unit}s" if axis == "patients" else "labels a class"
    if stretches == [(numbers[0], numbers[-1])]:
        return f"at every number of {thing} that was tried ({numbers[0]} to {numbers[-1]})"
    if len(stretches) == 1:
        first, last = stretches[0]
        if first == numbers[0] and last != first:
            return f"up to {counted(last, axis=axis, unit=unit, most=most)}"
        if last == numbers[-1] and last != first:
            return f"from {counted(first, axis=axis, unit=unit, most=most)} on"
    words = [f"{first}" if first == last else f"{first} to {last}" for first, last in stretches]
    said = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    one = said == "1"
    return f"with {said} {thing.replace('patients', 'patient') if one and axis == 'patients' else thing}"


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 10 and value != round(value) else f"{value:.0f}"
