"""Commands for models at work: export."""

from pathlib import Path
from typing import Annotated

import typer

from sslecho.api.export_settings import ExportSettings
from sslecho.cli.command import Call, Out, Said, add_command, result_of


def add_to(app: typer.Typer) -> None:
    """Register this file's commands."""

    @add_command(app, ExportSettings)
    def export(
        call: Call,
        run: Annotated[
            Path, typer.Argument(help="A run of `sslecho pretrain`, `finetune` or `grade`.", show_default=False)
        ],
        out: Out,
    ) -> Said:
        """Write a run's model for timm or as ONNX, with its model card."""
        from sslecho.api.export import export

        export(run, out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        lines = [
            f"{result['architecture']} as {result['format']}: {', '.join(result['files'])}; card: {result['card']}",
            f"outputs: {', '.join(result['outputs'])}; the largest difference to the run's own is "
            f"{result['largest_difference']:.1e}",
        ]
        loads = (
            f'timm.create_model("local-dir:{out}", pretrained=True)' if result["format"] == "timm" else "docs/export.md"
        )
        return Said(result, lines, f"wrote {out}; next: {loads}")
