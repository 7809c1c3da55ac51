"""Make `import torchvision` work where its native part can't load.

A torchvision wheel built for CUDA beside a CPU-only torch raises `operator torchvision::nms does not exist`
on import, because its `_C.so` wants CUDA libraries. timm and lightly then fail with it, although nothing
that sslecho uses is in that native part. Declaring the schemas of the missing operators lets the import
through; calling such an operator still fails, which is right.
"""

import functools
import importlib.util
from pathlib import Path

import torch

# The operators that torchvision's own Python files look up while they are imported.
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_libraries: list[torch.library.Library] = []  # the schemas live as long as their library object


@functools.cache
def native_problem() -> str | None:
    """Why torchvision's native part can't load, or None where it can. Nothing of torchvision is imported."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return "torchvision is not installed"
    folder = Path(spec.origin).parent
    native = next((file for file in folder.glob("_C*") if file.suffix in {".so", ".pyd"}), None)
    if native is None:
        return "this torchvision has no native part"
    try:
        torch.ops.load_library(str(native))
    except (OSError, ImportError) as error:
        return str(error)
    return None


@functools.cache
def mend_torchvision() -> bool:
    """Declare the missing operators; call before the first import of torchvision, timm or lightly.

    Returns:
        Whether anything had to be declared: False on a healthy installation, where this does nothing.
    """
    if native_problem() is None:
        return False
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.partition("(")[0]):
            library.define(schema)
    _libraries.append(library)
    return True
