"""Self-supervised and contrastive pretraining for ultrasound, with the patient as the unit.

Every command of `sslecho` is a function here; each takes and returns nouns: Store, Encoder, Embeddings, Predictions,
Scores.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

# Where each public name lives; nothing is imported before it is used, so that `sslecho --help` stays fast.
_HOMES = {
    "Embeddings": "sslecho.embed.embeddings",
    "Encoder": "sslecho.models.encoder",
    "Predictions": "sslecho.tasks.predictions",
    "Scores": "sslecho.evaluate.scores",
    "Store": "sslecho.data.store",
    "audit": "sslecho.api.audit",
    "augmentations": "sslecho.api.augmentations",
    "check": "sslecho.api.check",
    "cluster": "sslecho.api.cluster",
    "demo": "sslecho.api.demo",
    "doctor": "sslecho.api.doctor",
    "embed": "sslecho.api.embed",
    "explain": "sslecho.api.explain",
    "export": "sslecho.api.export",
    "finetune": "sslecho.api.finetune",
    "grade": "sslecho.api.grade",
    "ingest": "sslecho.api.ingest",
    "label_efficiency": "sslecho.api.label_efficiency",
    "phantom": "sslecho.api.phantom",
    "predict": "sslecho.api.predict",
    "pretrain": "sslecho.api.pretrain",
    "probe": "sslecho.api.probe",
    "propagate": "sslecho.api.propagate",
    "report": "sslecho.api.report",
    "review": "sslecho.api.review",
    "select": "sslecho.api.select",
    "split": "sslecho.api.split",
    "view": "sslecho.api.view",
    "visualize": "sslecho.api.visualize",
}

__all__ = [*sorted(_HOMES), "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sslecho' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """Keeps `sslecho.embed` the verb: importing the layer `sslecho.embed` would put the layer in its place.

    docs/decisions/0002-verbs-before-layers.md has the reasons.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
