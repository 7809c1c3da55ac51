"""A pretraining: was it worth it, did the encoder stay healthy, how fast was it?"""

from collections.abc import Mapping
from typing import Any

from sslecho.report.bars import bars
from sslecho.report.chapter import Chapter, Figure, Part, Room, figure_of, warnings_of
from sslecho.report.cluster_parts import METHODS
from sslecho.report.headline import BASELINE_NAMES
from sslecho.report.markup import counted, text
from sslecho.report.run_folder import Run
from sslecho.report.sections import SECTIONS
from sslecho.report.training_part import training_part
from sslecho.report.wording import sentence

OTHERS = {**BASELINE_NAMES, "untrained": "untrained", "weights": "as it began"}
COLLAPSED = 2.0  # effective rank at which hardly one direction is left


@SECTIONS.add("pretrain")
def pretrain(run: Run, room: Room) -> Chapter:
    """The chapter of `sslecho pretrain`."""
    result = run.result
    method = str(result.get("method", "encoder"))
    name = METHODS.get(method, method)
    verdict = str(result.get("verdict") or "")
    parts = [] if result.get("knn_accuracy") is None else [_verdict_part(run)]
    seen = "the labels of training clips" if result.get("n_labeled_frames") else "no label"
    intro = (
        f"{text(name)} saw {seen}. A low loss alone proves nothing; an effective rank near 1 means that the encoder "
        "collapsed."
    )
    return Chapter(
        kind="Pretraining",
        title=_title(name, verdict),
        lede=_lede(run, name, verdict),
        facts=_facts(run),
        figures=_figures(result),
        warnings=warnings_of(run, *_doubts(run)),
        parts=[*parts, *training_part(run, views="two views each", intro=intro)],
    )


def _title(name: str, verdict: str) -> str:
    if verdict.startswith(("better", "worse", "not shown")):
        return f"The {name} encoder is {verdict.partition(' (')[0]}"
    return f"Whether {name} was worth its time is not known"


def _lede(run: Run, name: str, verdict: str) -> str:
    result = run.result
    learned = (
        f"{name} trained a {result.get('backbone')} for {counted(int(result.get('epochs') or 0), 'epoch')} on "
        f"{counted(int(result.get('n') or 0), 'clip')} of {counted(int(result.get('n_patients') or 0), run.unit)}."
    )
    if not verdict:
        return learned
    if verdict.startswith("can't tell"):
        return f"{learned} {sentence(verdict)}"
    return (
        f"{learned} Validation clips, named by their nearest neighbors of other {run.unit}s: it is {sentence(verdict)}"
    )


def _figures(result: Mapping[str, Any]) -> list[Figure]:
    if result.get("knn_accuracy") is None:
        rank = result.get("effective_rank")
        return [] if rank is None else [Figure("Effective rank", rank, is_share=False)]
    found = [_figure("This encoder", result)]
    return found + [_figure(str(OTHERS.get(name, name)), row) for name, row in (result.get("baselines") or {}).items()]


def _figure(name: str, row: Mapping[str, Any]) -> Figure:
    return figure_of(name, row, "knn_accuracy")


def _verdict_part(run: Run) -> Part:
    result = run.result
    lines = "".join(
        f"<li>{text(sentence('It is ' + str(row['verdict'])))}</li>" for row in (result.get("baselines") or {}).values()
    )
    body = (
        '<div class="result card"><div><h3>Balanced accuracy by neighbors, with 95 % intervals</h3>'
        f"{bars(_figures(result))}</div><div><h3>What this shows</h3><ul>{lines}</ul></div></div>"
    )
    intro = text(
        f"{counted(int(result['knn_n']), 'validation clip')} of {counted(int(result['knn_n_patients']), run.unit)} get "
        f"the label of their five nearest training clips of other {run.unit}s; the comparison was named before. "
        "Pretraining saw validation patients too, without their labels."
    )
    return Part("verdict", "Verdict", "Was the training worth it?", intro, body)


def _facts(run: Run) -> list[tuple[str, str, str]]:
    result, size = run.result, run.settings.get("image_size")
    pixels = f"{size} px" if size else ""
    frames = "" if result.get("n_frames") is None else counted(int(result["n_frames"]), "frame")
    facts = [
        ("Method", METHODS.get(str(result.get("method")), str(result.get("method"))), str(result.get("backbone"))),
        ("Trained on", counted(int(result.get("n") or 0), "clip"), frames),
        ("Independent", counted(int(result.get("n_patients") or 0), run.unit), f"split {result.get('split')}"),
        ("Epochs", str(result.get("epochs")), pixels),
    ]
    return [fact for fact in facts if fact[1] != "None"]


def _doubts(run: Run) -> list[str]:
    """Signs of a failed training that no warning of the run names."""
    result, doubts = run.result, []
    rank = result.get("effective_rank")
    if isinstance(rank, (int, float)) and rank < COLLAPSED:
        doubts.append(f"the effective rank is {rank:.1f}: the encoder collapsed, its embeddings hardly differ")
    if run.identity.get("all"):
        doubts.append("pretraining used the test patients (--all): figures of them are too good")
    if (verdict := str(result.get("verdict") or "")).startswith("can't tell"):
        doubts.append(f"whether the training helped is not known: {verdict.partition(': ')[2]}")
    loss, chance = result.get("loss"), result.get("loss_at_chance")
    if isinstance(loss, (int, float)) and isinstance(chance, (int, float)) and loss >= chance:
        doubts.append(
            f"the loss ({loss:.2f}) is not below that of an encoder that can't tell frames apart ({chance:.2f})"
        )
    return doubts
