"""`export`: a run -> a folder that timm or an ONNX runtime loads without sslecho, with the model card beside it."""

from pathlib import Path
from typing import Any

from sslecho.api.export_onnx import write_onnx
from sslecho.api.export_settings import ExportSettings
from sslecho.api.export_timm import write_timm
from sslecho.config import build, identity, to_toml
from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.report.model_card import model_card
from sslecho.report.run_folder import Run
from sslecho.rundir import RunDir, sha256_of, warn, write_text
from sslecho.tasks.fitted import load_fitted, schema_of
from sslecho.tasks.viewer import Viewer

EXPORTED = ("pretrain", "finetune", "grade", "view")
CARD = "README.md"  # where model hubs look for it


def export(run: Path | str, out: Path | str, *, overwrite: bool = False, **options: Any) -> Path:
    """Write a run's model as others load it; what is written was compared with the run's own answers.

    Args:
        run: a finished run of pretrain, finetune, grade or view.
        out: the folder to write.
        overwrite: remove an earlier export there first.
        options: the fields of `ExportSettings` (`format="onnx"`).

    Returns:
        The folder.

    Raises:
        InputError: no such run, an architecture that the format can't hold, or a folder with something else in it.
        SslechoError: the exported model does not say what the run's says.
    """
    settings = build(ExportSettings, options)
    path, out = Path(run), Path(out)
    source = Run.read(path)
    if source.command not in EXPORTED:
        raise InputError(
            f"{path} holds a run of `sslecho {source.command}`, and `export` takes those of {', '.join(EXPORTED)}"
        )
    card = model_card(source)
    model = load_fitted(path)
    of_clips = isinstance(model, Viewer)
    encoder = model if isinstance(model, Encoder) else model.network.encoder if of_clips else model.encoder
    fitted = sha256_of(path / "model" / "config.json") if schema_of(path) else None
    folder = RunDir.open(
        out,
        command="export",
        identity={**identity(settings), "encoder": encoder and encoder.hash(), "model": fitted},
        settings=to_toml(settings, "export"),
        overwrite=overwrite,
    )
    if folder.done:
        return out
    written = {"timm": write_timm, "onnx": write_onnx}[settings.format](model, out)
    for warning in written["warnings"]:
        warn(warning)
    write_text(out / CARD, card.to_markdown())
    folder.finish(
        {
            "out": str(out),
            "format": settings.format,
            "command": source.command,
            "architecture": model.arch if of_clips else encoder and encoder.backbone,
            **{name: source.result.get(name) for name in ("n", "n_patients", "split", "unit")},
            "card": CARD,
            **written,
        }
    )
    return out
