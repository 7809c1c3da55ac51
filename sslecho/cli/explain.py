"""The command that shows what a classifier looks at: explain."""

from typing import Any

import typer

from sslecho.api.explain_settings import ExplainSettings
from sslecho.cli.command import Call, Out, Said, add_command, result_of
from sslecho.cli.data import StoreArgument


def add_to(app: typer.Typer) -> None:
    """Register this file's command."""

    @add_command(app, ExplainSettings)
    def explain(call: Call, store: StoreArgument, out: Out) -> Said:
        """Show what a classifier looks at: cover the heart, exchange the surroundings, draw saliency maps."""
        from sslecho.api.explain import explain

        explain(store, out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        closing = f"wrote {out}; look at {out}/maps.png and {out}/occlusion.png; docs/explain.md says what they mean"
        return Said(result, _explained(result), closing)


def _explained(result: dict[str, Any]) -> list[str]:
    """Shares of the maps, then what was found."""
    lines = [f"{'':12} {'outside the sector':>30} {'on the heart':>30} {'random network':>16}"]
    for method, row in result["saliency"].items():
        cells = [_share(row, part) for part in ("outside", "heart")]
        control = "–" if row["random_correlation"] is None else f"{row['random_correlation']:.2f}"
        lines.append(f"{method:12} {cells[0]:>30} {cells[1]:>30} {control:>16}")
    return [
        *lines,
        f"n = {result['n']} {result['level']}s of {result['n_patients']} {result['unit']}s, split: {result['split']}; "
        f"maps of {result['n_maps']} of them; covered: {result['heart']}",
        *result["verdicts"],
    ]


def _share(row: dict[str, Any], part: str) -> str:
    if row[part] is None:
        return "–"
    interval = "" if row[f"{part}_low"] is None else f" ({row[f'{part}_low']:.2f}–{row[f'{part}_high']:.2f})"
    return f"{row[part]:.2f}{interval} of area {row[f'{part}_area']:.2f}"
