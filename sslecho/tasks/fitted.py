"""Any model that names or grades frames, from the run that holds it: which one it is stands in its config."""

from pathlib import Path

from sslecho.errors import NounError
from sslecho.models.encoder import Encoder
from sslecho.rundir import read_json
from sslecho.tasks import classifier, grader, viewer
from sslecho.tasks.classifier import Classifier
from sslecho.tasks.grader import Grader
from sslecho.tasks.viewer import Viewer

Fitted = Classifier | Grader | Viewer


def load_fitted(folder: Path | str) -> Fitted | Encoder:
    """The classifier of frames or clips or the grader of a run, or the encoder where nothing was fitted on it.

    Raises:
        NounError: neither is there, or a model of another kind, or a damaged one.
    """
    folder = Path(folder)
    schema = schema_of(folder)
    if schema is None and not any((folder / name).exists() for name in ("encoder", "config.json")):
        raise NounError(f"{folder} holds no model; name the folder of a run of `sslecho finetune`, `view` or `grade`")
    if schema is None:
        return Encoder.load(folder)
    if schema == classifier.SCHEMA:
        return Classifier.load(folder)
    if schema == grader.SCHEMA:
        return Grader.load(folder)
    if schema == viewer.SCHEMA:
        return Viewer.load(folder)
    raise NounError(
        f"{folder} holds {schema!r}, which does not name frames by itself; name a run of `sslecho finetune`, `view` or "
        "`grade`"
    )


def schema_of(folder: Path) -> str | None:
    """What stands in a run's model folder; None where there is none."""
    path = folder / "model" / "config.json"
    if not path.exists():
        return None
    try:
        return str(read_json(path).get("schema"))
    except (OSError, ValueError, AttributeError):
        raise NounError(f"{path} can't be read; train again") from None
