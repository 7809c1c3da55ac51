"""Commands that learn from labels and are scored on other patients: probe, finetune, view, grade."""

from typing import Any

import typer

from sslecho.api.finetune_settings import FinetuneSettings
from sslecho.api.grade_settings import GradeSettings
from sslecho.api.probe_settings import ProbeSettings
from sslecho.api.view_settings import ViewSettings
from sslecho.cli.command import Call, Out, Said, add_command, result_of
from sslecho.cli.data import StoreArgument
from sslecho.cli.learn import EmbeddingsArgument


def add_to(app: typer.Typer) -> None:
    """Register this file's commands."""

    @add_command(app, ProbeSettings)
    def probe(call: Call, embeddings: EmbeddingsArgument, out: Out) -> Said:
        """Fit a classifier on frozen embeddings, calibrate it, and score it on other patients."""
        from sslecho.api.probe import probe

        probe(embeddings, out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        return Said(result, _probed(result), f"wrote {out}; its model names new embeddings: docs/probe.md")

    @add_command(app, FinetuneSettings)
    def finetune(call: Call, store: StoreArgument, out: Out) -> Said:
        """Train an encoder with a classifier on labeled frames, and score it on other patients."""
        from sslecho.api.finetune import finetune

        finetune(store, out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        lines = [
            f"{result['steps']} steps, loss {result['loss']:.3f}, {result['images_per_s']:.0f} images/s; kept: the "
            f"weights after {result['best_step']} steps",
            *_probed(result),
            *_forgotten(result["forgetting"]),
        ]
        return Said(result, lines, f"wrote {out}; its model and encoder name new clips: docs/finetune.md")

    @add_command(app, ViewSettings)
    def view(call: Call, store: StoreArgument, out: Out) -> Said:
        """Train a classifier of clips on labeled clips, and score it on other patients."""
        from sslecho.api.view import view

        view(store, out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        return Said(result, _viewed(result), f"wrote {out}; next: sslecho explain {store} --model {out} -o explained")

    @add_command(app, GradeSettings)
    def grade(call: Call, store: StoreArgument, out: Out) -> Said:
        """Train a grader of image quality on graded frames, and score it on other patients or sweeps."""
        from sslecho.api.grade import grade

        grade(store, out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        return Said(result, _graded(result), f"wrote {out}; its predictions have each frame's grade: docs/grade.md")


def _probed(result: dict[str, Any]) -> list[str]:
    """The figures, the classes below, and what confidence is worth."""
    lines = [f"{'':20} {'':>16} {'95 %':>15}"]
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "ece"):
        lines.append(_figure(name.replace("_", " "), result, name))
    for name, row in result["per_class"].items():
        about = f"  {row['n']} {result['level']}s of {row['n_patients']} {result['unit']}s"
        lines.append(_figure(f"  F1 {name}", row, "f1") + about)
    lines.append(
        f"n = {result['n']} {result['level']}s of {result['n_patients']} {result['unit']}s, split: test; learned from "
        f"{result['n_train']} of {result['n_train_patients']} {result['unit']}s"
    )
    if sets := result["sets"]:
        lines.append(
            f"sets that are to hold the truth in {100 * sets['level']:g} %: they do in "
            f"{_figure('', sets, 'coverage').strip()}, {sets['mean_size']:.1f} classes each"
        )
    if other := result["open_set"]:
        area = _figure("", other, "auroc").strip()
        lines.append(f"confidence tells {', '.join(other['classes'])} from what is known: AUROC {area}")
    return lines


def _viewed(result: dict[str, Any]) -> list[str]:
    """As a probe's; what other aggregates and levels say; what the network is."""
    by = result["levels"]
    shown = {"a window": by["frame"], "a clip": by["clip"], "a patient, each counting once": by["patient"]}
    right, wrong = (result[f"confidence_{name}"]["median"] for name in ("right", "wrong"))
    lines = [
        f"{result['arch']}, {result['parameters']:,} parameters ({result['taken']} taken over), windows of "
        f"{result['frames']}",
        f"{result['steps']} steps, loss {result['loss']:.3f}, {result['images_per_s']:.0f} windows/s; kept: weights "
        f"after {result['best_step']} steps",
        *_probed(result),
        *(_figure(f"  accuracy, {line['aggregate']}", line, "accuracy") for line in result["aggregates"]),
        *(_figure(f"  {words}", row, "accuracy") for words, row in shown.items()),
        _figure("  in two guesses", result, "top2"),
        f"confidence in the median: {_or_dash(right)} where right, {_or_dash(wrong)} where wrong",
    ]
    if result["control"] != "none":
        lines.append(f"labels were shuffled over clips: balanced accuracy by chance is {result['chance']:.3f}")
    return lines


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _graded(result: dict[str, Any]) -> list[str]:
    """Errors beside those of a constant and of raters, whole and by view."""
    lines = [f"{'':20} {'':>16} {'95 %':>15}"]
    for name in ("mse", "mse_constant", "mae", "qwk", "spearman"):
        lines.append(_figure(name.replace("_", " "), result, name))
    for name, row in result["per_view"].items():
        about = f"  {row['n']} {result['level']}s of {row['n_patients']} {result['unit']}s"
        lines.append(_figure(f"  MSE {name}", row, "mse") + about)
    for row in result["view_accuracy_by_grade"] or []:
        words = f"  view, grade {row['low']:g}-{row['high']:g}"
        lines.append(_figure(words, row, "accuracy") + f"  {row['n']} frames")
    if (raters := result["raters"]) and raters["mse"]:
        lines.append(
            f"on {raters['n']} frames that several raters graded: MSE {raters['grader_mse']:.3f}, raters against each "
            f"other {raters['mse']:.3f}; {raters['mse_over_irreducible']:.2f} of what no grader can avoid"
        )
    return [
        *lines,
        f"n = {result['n']} {result['level']}s of {result['n_patients']} {result['unit']}s, split: test; kept: the "
        f"weights after {result['best_step']} of {result['steps']} steps",
    ]


def _forgotten(lost: dict[str, Any] | None) -> list[str]:
    """What new classes have cost the old ones."""
    if lost is None:
        return []
    low, high = lost["difference_low"], lost["difference_high"]
    interval = "" if low is None else f" ({low:+.3f} to {high:+.3f})"
    return [
        f"the {len(lost['classes'])} classes known before: balanced accuracy {lost['before']:.3f} then, "
        f"{lost['now']:.3f} now, {lost['difference']:+.3f}{interval}; {lost['now_among_old']:.3f} among themselves"
    ]


def _figure(words: str, row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return f"{words:20} {'–':>16}"
    interval = "" if row[f"{name}_low"] is None else f"({row[f'{name}_low']:.3f}–{row[f'{name}_high']:.3f})"
    return f"{words:20} {row[name]:16.3f} {interval:>15}"
