"""What a page says of a classifier, however it was trained: figures, confusion, calibration, errors."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sslecho.report.bars import bars
from sslecho.report.chapter import Chapter, Figure, Part, Room, warnings_of
from sslecho.report.class_table import class_table
from sslecho.report.confusion_table import confusion_of, confusion_table, worst_pairs
from sslecho.report.markup import counted, text
from sslecho.report.reliability_charts import calibration_part
from sslecho.report.run_folder import Run
from sslecho.report.wording import listed, share, with_interval
from sslecho.report.worst import Wrong, chosen, sheet

# What says in a result how the classifier was made, with the word before it.
HOW = {"kind": "", "arch": "", "from": "from", "balance": "balance", "aggregate": "aggregate"}
SHOWN = {"balanced_accuracy": "Balanced accuracy", "macro_f1": "Macro F1", "accuracy": "Accuracy", "auroc": "AUROC"}


def classifier_chapter(run: Run, room: Room, *, kind: str, maker: str, parts: list[Part]) -> Chapter:
    """The chapter of a finished classifier.

    Args:
        kind: what kind of run it is, such as "Fine-tuning".
        maker: who names the classes, as the subject of the title: "The probe".
        parts: of this kind alone, after those that all classifiers have.
    """
    result = run.result
    classes = [str(name) for name in result["classes"]]
    scored = _scored(run, classes)
    own = [_result_part(run, classes)]
    if scored is not None:
        own.append(_confusion_part(run, classes, scored))
    own.append(_class_part(run))
    own.append(calibration_part(run))
    if scored is not None:
        own += _worst_part(run, room, scored)
    low = result.get("balanced_accuracy_low")
    title = (
        f"{maker} tells {len(classes)} classes apart, with a balanced accuracy of {share(result['balanced_accuracy'])}"
    )
    if low is not None and low <= 1 / len(classes):
        title = f"{maker} is not shown to tell {len(classes)} classes apart better than chance"
    return Chapter(
        kind=kind,
        title=title,
        lede=_lede(run, classes),
        facts=_facts(run, classes),
        figures=_figures(result, classes),
        warnings=warnings_of(run),
        parts=[*own, *parts],
    )


def _scored(run: Run, classes: list[str]) -> np.ndarray | None:
    """The items that the figures are of; None where the predictions are gone or are others."""
    if run.items is None:
        return None
    labels, split, answers = run.column("label"), run.column("split"), run.column("prediction")
    inside = np.isin(labels.astype(str), classes) & np.isin(answers.astype(str), classes)
    found = np.flatnonzero(inside & (split == run.result.get("split")))
    return found if len(found) == run.result.get("n") else None


def _figures(result: Mapping[str, Any], classes: list[str]) -> list[Figure]:
    chance = {"balanced_accuracy": 1 / len(classes), "auroc": 0.5}
    counts = [of_one.get("n", 0) for of_one in (result.get("per_class") or {}).values()]
    if sum(counts):
        chance["accuracy"] = max(counts) / sum(counts)
    return [
        Figure(
            name, result.get(key), result.get(f"{key}_low"), result.get(f"{key}_high"), chance.get(key),
            "one class for all" if key == "accuracy" else "chance",
        )
        for key, name in SHOWN.items()
        if result.get(key) is not None
    ]  # fmt: skip


def _lede(run: Run, classes: list[str]) -> str:
    result = run.result
    value, low, high = (result.get(f"accuracy{end}") for end in ("", "_low", "_high"))
    learned = ""
    if result.get("n_train") is not None:
        learned = (
            f"It learned from {counted(result['n_train'], run.level)} of "
            f"{counted(result.get('n_train_patients') or 0, run.unit)}. "
        )
    return (
        f"{learned}Of {run.counts} of split "
        f"{result.get('split')}, it names {with_interval(value, low, high)} rightly; naming all of them alike would be "
        f"right for {share(_most_frequent(result))}, and answering at random gives a balanced accuracy of "
        f"{share(1 / len(classes))}."
    )


def _most_frequent(result: Mapping[str, Any]) -> float | None:
    counts = [of_one.get("n", 0) for of_one in (result.get("per_class") or {}).values()]
    return max(counts) / sum(counts) if sum(counts) else None


def _facts(run: Run, classes: list[str]) -> list[tuple[str, str, str]]:
    result = run.result
    facts = [
        ("Scored", f"{result.get('split')} split",
         f"{counted(int(result['n']), run.level)}, {counted(int(result['n_patients']), run.unit)}"),
        ("Classes", str(len(classes)), ""),
    ]  # fmt: skip
    if result.get("n_train") is not None:
        learned = counted(result.get("n_train_patients") or 0, run.unit)
        facts.append(("Learned from", counted(result["n_train"], run.level), learned))
    made, *more = [f"{word} {result[name]}".strip() for name, word in HOW.items() if result.get(name)] or [""]
    if made:
        facts.append(("How", made, ", ".join(more)))
    return facts


def _result_part(run: Run, classes: list[str]) -> Part:
    result = run.result
    lines = "".join(f"<li>{text(line)}</li>" for line in _shows(run, classes))
    body = (
        f'<div class="result card"><div><h3>With 95 % intervals over {run.unit}s</h3>'
        f"{bars(_figures(result, classes), key='chance, or the most frequent class for all')}</div>"
        f"<div><h3>What this shows</h3><ul>{lines}</ul></div></div>"
    )
    intro = (
        "Balanced accuracy is the mean over classes of the share that is named rightly, so a rare class counts as much "
        "as a frequent one. Strength and length of training were chosen on validation patients where there are some; "
        "the figures are of patients that had no part in either."
    )
    return Part("result", "Result", "How good is it on others?", intro, body)


def _shows(run: Run, classes: list[str]) -> list[str]:
    result = run.result
    lines = []
    low = result.get("balanced_accuracy_low")
    if low is not None:
        word = "lies above" if low > 1 / len(classes) else "does not exclude"
        lines.append(f"The interval of the balanced accuracy {word} chance ({share(1 / len(classes))}).")
    per_class = result.get("per_class") or {}
    lost = [name for name, of_one in per_class.items() if of_one.get("n") and not of_one.get("recall")]
    if lost:
        lines.append(f"Never named rightly: {listed(lost[:8])}{' and others' if len(lost) > 8 else ''}.")
    thin = [name for name, of_one in per_class.items() if of_one.get("n") and of_one.get("n_patients", 0) < 3]
    if thin:
        lines.append(f"Scored on one or two {run.unit}s only, so not to be believed: {listed(thin[:8])}.")
    if open_set := result.get("open_set"):
        found = with_interval(open_set.get("auroc"), open_set.get("auroc_low"), open_set.get("auroc_high"))
        lines.append(
            f"Items of classes it never saw ({listed([str(name) for name in open_set['classes']][:8])}) are told from "
            f"the others by its confidence with an AUROC of {found}."
        )
    if lost := result.get("forgetting"):
        lines += _forgetting(lost)
    return lines or ["There are too few units for an interval."]


def _forgetting(lost: Mapping[str, Any]) -> list[str]:
    low, high = lost.get("difference_low"), lost.get("difference_high")
    sure = "" if low is None or high is None else f", 95 %: {low:+.2f} to {high:+.2f}"
    return [
        f"Balanced accuracy on the {len(lost['classes'])} classes it knew before: {share(lost['before'])} then, "
        f"{share(lost['now'])} now ({lost['difference']:+.2f}{sure})."
    ]


def _confusion_part(run: Run, classes: list[str], scored: np.ndarray) -> Part:
    counts = confusion_of(run.column("label")[scored], run.column("prediction")[scored], classes)
    pairs = worst_pairs(counts, classes)
    said = f"Most often mixed up: {'; '.join(pairs)}." if pairs else f"No scored {run.level} got a wrong name."
    body = confusion_table(counts, classes, items=f"{run.level}s")
    intro = f"A row a true class, a column an answer; the shade is the share of the row. {text(said)}"
    return Part("confusion", "Confusion", "What is taken for what?", intro, body)


def _class_part(run: Run) -> Part:
    intro = (
        f"Brackets are 95 % intervals over {run.unit}s. The last column says on how many {run.unit}s a class was "
        f"tried: with one or two of them a figure says little, whatever it is."
    )
    return Part("classes", "By class", "For which classes does it hold?", intro, class_table(run))


def _worst_part(run: Run, room: Room, scored: np.ndarray) -> list[Part]:
    labels, answers, confidence = (run.column(name) for name in ("label", "prediction", "confidence"))
    wrong = scored[labels[scored] != answers[scored]]
    if not len(wrong):
        return []
    order = wrong[np.argsort(-confidence[wrong].astype(float), kind="stable")]
    errors = [
        Wrong(item, f"{labels[item]} called {answers[item]}", f"confidence {share(float(confidence[item]))}")
        for item in chosen(order.tolist(), run.column("unit_id"))
    ]
    gone = "" if run.store is not None else " The store is gone, so there are no pictures."
    intro = (
        f"{counted(len(wrong), run.level)} of {len(scored):,} got a wrong name. Here are those it was surest of, at "
        f"most two of a {run.unit}: a wrong label, a picture between two views, or a habit of the classifier.{gone}"
    )
    body = sheet(run, errors, most_bytes=room.bytes)
    return [Part("errors", "Worst errors", "Where is it wrong, and sure?", text(intro), body)]
