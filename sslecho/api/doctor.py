"""`doctor`: what works on this machine, and how to mend what doesn't."""

import importlib.util
import os
import shutil
from importlib import metadata
from typing import Any

from sslecho.rundir import provenance

PACKAGES = (
    "torch torchvision timm lightly pytorch-lightning numpy scipy scikit-learn umap-learn faiss-cpu faiss-gpu pyarrow "
    "pillow av pydicom imagecodecs matplotlib typer rich safetensors tensorboardX distributed"
).split()


def doctor() -> dict[str, Any]:
    """Look at versions, device, codecs and extras; nothing is written.

    Returns:
        `sslecho`, `packages`, `device`, `precision`, `torchvision`, `faiss`, `dicom`, `problems` (each with its cure)
        and `lines`, the same for a reader.
    """
    from sslecho.data.readers.dicom.codecs import codecs
    from sslecho.models.torchvision_ops import mend_torchvision, native_problem
    from sslecho.train.device import choose_device, choose_precision

    packages = {name: _version(name) for name in PACKAGES}
    device, device_why = choose_device("auto")
    precision, precision_why = choose_precision("auto", device)
    native = native_problem()
    mend_torchvision()
    problems = _faiss_problems(packages)
    syntaxes = codecs()
    if native is not None:
        problems.append(
            f"torchvision's native part can't load ({native}). It is usually a CUDA build beside a CPU-only torch. "
            "sslecho works around it; other programs fail with `operator torchvision::nms does not exist`. "
            "Cure: install torch and torchvision from the same index"
        )
    lines = [
        f"sslecho {provenance()['sslecho']}, Python {provenance()['python']}, {provenance()['platform']}",
        f"device: {device} ({device_why}); precision: {precision} ({precision_why})",
        f"{len(os.sched_getaffinity(0))} cores, {shutil.disk_usage('.').free / 1e9:.0f} GB free in this folder",
        "packages: " + ", ".join(f"{name} {version}" for name, version in packages.items() if version),
        "DICOM decodes here: " + ", ".join(codec.name for codec in syntaxes if codec.decodes),
    ]
    for codec in syntaxes:
        if not codec.decodes:
            lines.append(f"DICOM does not decode here: {codec.name}" + (f"; {codec.cure}" if codec.cure else ""))
    if packages["distributed"] is None:
        lines.append("extra `scale` (ingest on a Dask cluster) is not installed; pip install 'sslecho[scale]'")
    lines += [f"problem: {problem}" for problem in problems] or ["no problem was found"]
    return {
        "sslecho": provenance()["sslecho"],
        "packages": packages,
        "device": {"name": device, "why": device_why},
        "precision": {"name": precision, "why": precision_why},
        "torchvision": {"native": native is None, "why": native},
        "faiss": packages["faiss-cpu"] or packages["faiss-gpu"],
        "dicom": [{"name": c.name, "decodes": c.decodes, "cure": c.cure} for c in syntaxes],
        "problems": problems,
        "lines": lines,
    }


def _faiss_problems(packages: dict[str, str | None]) -> list[str]:
    both = packages["faiss-cpu"] and packages["faiss-gpu"]
    if both:
        return ["faiss-cpu and faiss-gpu write the same folder and are both installed; pip uninstall one of them"]
    if importlib.util.find_spec("faiss") is None:
        return ["no FAISS, which clustering needs; pip install 'sslecho[cpu]', or 'sslecho[gpu]' for a CUDA machine"]
    return []


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
