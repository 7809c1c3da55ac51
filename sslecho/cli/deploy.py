"""Commands for models at work: predict, export."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sslecho.api.export_settings import ExportSettings
from sslecho.api.predict_settings import PredictSettings
from sslecho.cli.command import Call, Out, Said, add_command, result_of

SHOWN = 10  # answers


def add_to(app: typer.Typer) -> None:
    """Register this file's commands."""

    @add_command(app, PredictSettings)
    def predict(
        call: Call,
        sources: Annotated[
            list[Path],
            typer.Argument(help="New files and folders; with --live one, or - for a pipe.", show_default=False),
        ],
        out: Out,
    ) -> Said:
        """Name and grade new files with a model, and say what a person should look at."""
        from sslecho.api.predict import predict_with_summary
        from sslecho.api.predict_files import PAGE, TABLE

        result = predict_with_summary(sources, out, overwrite=call.overwrite, **call.options)
        if call.options["live"]:
            return Said(result, _lived(result), f"wrote {out}: live.csv and, but for --no-video, live.mp4")
        return Said(result, _predicted(result), f"wrote {out}: {TABLE} and {PAGE}; with paths: {result['private']}")

    @add_command(app, ExportSettings)
    def export(
        call: Call,
        run: Annotated[
            Path, typer.Argument(help="A run of `sslecho pretrain`, `finetune`, `view` or `grade`.", show_default=False)
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


def _predicted(result: dict[str, Any]) -> list[str]:
    """Counts, the first answers with their files, and how fast it was."""
    from sslecho.cli.data import by_reason
    from sslecho.report.markup import counted

    item = result["level"]
    lines = [
        f"{result['accepted']:,} of {counted(result['files'], 'file')} read: {counted(result['n'], 'clip')}, "
        f"{counted(result['frames'], 'frame')}"
    ]
    for row in result["predictions"][:SHOWN]:
        said = []
        if row.get("prediction") is not None:
            said.append(f"{row['prediction']} {row['confidence']:.2f}" + ("  (look at it)" if row["abstained"] else ""))
        if row.get("grade") is not None:
            said.append(f"grade {row['grade']:.1f}")
        where = row["path"] or f"clip {row['clip_id']}"
        where += f" frame {row['frame_index']}" if "frame_index" in row else ""
        lines.append(f"  {where}: {', '.join(said)}")
    if len(result["predictions"]) > SHOWN:
        lines.append(f"  … and {len(result['predictions']) - SHOWN:,} more; --json lists all")
    if result["classes"]:
        named = ", ".join(f"{n} {name}" for name, n in result["named"].items()) or "none"
        lines.append(f"named: {named}; left to a person: {counted(result['abstained'], item)}")
    if result["mean_grade"] is not None:
        low, high = result["scale"]
        lines.append(f"mean grade {result['mean_grade']:.2f} on a scale from {low} to {high}")
    lines += by_reason(result["quarantine"])
    speed = f"the model alone {result['model_frames_per_s']:.0f} frames/s"
    if result["frames_per_s"] is not None:
        speed = f"{result['frames_per_s']:.0f} frames/s, {result['clips_per_s']:.1f} clips/s with reading; {speed}"
    return [*lines, speed]


def _lived(result: dict[str, Any]) -> list[str]:
    """The clip's answer, and whether frames were answered in time."""
    clip, said = result["clip"], []
    if clip["prediction"] is not None:
        look = "  (look at it)" if clip["abstained"] else ""
        said.append(f"{clip['prediction']} {clip['confidence']:.2f}{look}")
    if clip["grade"] is not None:
        said.append(f"grade {clip['grade']:.1f}")
    return [
        f"the clip: {', '.join(said) or 'not named'}",
        f"{result['frames']} frames at {result['frames_per_s']:.1f} a second, {result['dropped']} dropped; from a "
        f"frame's arrival to its answer: median {result['p50_ms']:.1f} ms, p95 {result['p95_ms']:.1f} ms, longest "
        f"{result['max_ms']:.1f} ms",
    ]
