"""How a network was trained: loss and speed by epoch, the signs of its health, and what it ended with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sslecho.report.chapter import Part
from sslecho.report.curves import draw_health, draw_training
from sslecho.report.figure import DARK, LIGHT, Theme
from sslecho.report.markup import picture, text
from sslecho.report.run_folder import Run

DRAWN = ("loss", "images_per_s", "data_wait")
WATCHED = ("effective_rank", "knn_accuracy", "val_balanced_accuracy", "val_mse", "val_loss")


def training_part(run: Run, *, views: str, intro: str = "") -> list[Part]:
    """The part of a run that trained a network; none where neither log nor figures are left.

    Args:
        views: what an image is, below the speed.
        intro: HTML; without it what best step was taken.
    """
    body = training_body(run.result, run.log, subtitles={"loss": "on training frames", "images_per_s": views})
    if not body:
        return []
    best, steps = run.result.get("best_step"), run.result.get("steps")
    if not intro and best is not None:
        intro = (
            f"Of {steps:,} steps the weights after step {best:,} were kept: the best look at validation clips. "
            "A training loss that falls while the validation figure does not rise is overfitting."
        )
    return [Part("training", "Training", "How was it trained?", intro, body)]


def training_body(result: Mapping[str, Any], log: Sequence[Mapping[str, Any]], *, subtitles: Mapping[str, str]) -> str:
    """Curves and tiles as HTML; empty where nothing is known."""
    lines = [line for line in log if all(isinstance(line.get(name), (int, float)) for name in DRAWN)]
    figure = ""
    if lines:
        figure = both(
            lambda theme: draw_training(lines, chance=result.get("loss_at_chance"), subtitles=subtitles, theme=theme),
            alt="Loss, images per second and share of time waiting for data, by epoch",
            wide=True,
        )
        if any(name in line for line in lines for name in WATCHED):
            figure += both(
                lambda theme: draw_health(lines, theme=theme),
                alt="Figures of validation clips, effective rank and norm of the gradient, by epoch",
                wide=True,
            )
    tiles = "".join(
        f'<div class="tile card"><span>{text(name)}</span><b>{text(value)}</b></div>'
        for name, value in _tiles(result)
        if value
    )
    return figure + (f'<div class="tiles four">{tiles}</div>' if tiles else "")


def both(draw: Callable[[Theme], bytes], *, alt: str, wide: bool = False) -> str:
    """A figure drawn for light and for dark pages."""
    return picture(draw(LIGHT), draw(DARK), alt=alt, wide=wide)


def _tiles(result: Mapping[str, Any]) -> list[tuple[str, Any]]:
    rank, dim = result.get("effective_rank"), result.get("dim")
    return [
        ("Epochs", result.get("epochs")),
        ("Steps", None if result.get("steps") is None else f"{result['steps']:,}"),
        ("Images per second", _rounded(result.get("images_per_s"), 0)),
        ("Waiting for data", None if result.get("data_wait") is None else f"{100 * result['data_wait']:.1f} %"),
        ("Last loss", _rounded(result.get("loss"), 2)),
        ("Loss at chance", _rounded(result.get("loss_at_chance"), 2)),
        ("Effective rank", rank if rank is None else f"{rank:.0f}" + (f" of {dim}" if dim else "")),
        ("Device", ", ".join(str(result[name]) for name in ("device", "precision") if result.get(name))),
    ]


def _rounded(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:,.{digits}f}"
