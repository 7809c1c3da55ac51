"""The settings of `export`; nothing heavy is imported here."""

from dataclasses import dataclass

from sslecho.config import option


@dataclass(frozen=True)
class ExportSettings:
    """A run to a folder that needs no sslecho."""

    format: str = option(
        "timm",
        "A folder for timm.create_model, or an ONNX graph with the preprocessing in it.",
        choices=("timm", "onnx"),
    )
