"""Which device and precision to use, and why: the door to Lightning Fabric."""

import contextlib
import logging
import os
from collections.abc import Callable
from typing import Any

import torch

from sslecho.errors import InputError, SslechoError

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def choose_device(device: str) -> tuple[str, str]:
    """Resolve "auto".

    Returns:
        "cpu" or "cuda", and the reason in words.

    Raises:
        InputError: CUDA was asked for and torch can't use it.
    """
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        built = "this torch is a CPU-only build" if torch.version.cuda is None else "no usable GPU or driver was found"
        raise InputError(f"--device cuda: {built}; use --device cpu, or install a CUDA build of torch")
    if device == "auto":
        if available:
            return "cuda", f"a GPU is there: {torch.cuda.get_device_name(0)}"
        return "cpu", "no GPU that torch can use"
    return device, "asked for"


def choose_precision(precision: str, device: str) -> tuple[str, str]:
    """Resolve "auto": bfloat16 where the hardware multiplies it, else float32.

    A CPU without bfloat16 instructions emulates them, at about half the speed of float32.

    Returns:
        "32", "bf16" or "16", and the reason in words.
    """
    if precision == "16" and device == "cpu":
        raise InputError("--precision 16 needs a GPU; on a CPU say 32, or bf16 where the CPU has it")
    if precision != "auto":
        return precision, "asked for"
    if device == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16", "the GPU multiplies bfloat16"
        return "32", "the GPU has no bfloat16"
    if cpu_has_bf16():
        return "bf16", "the CPU multiplies bfloat16 (AVX512-BF16 or AMX)"
    return "32", "the CPU has no bfloat16 instructions"


def cpu_has_bf16() -> bool:
    """Whether bfloat16 products run in hardware here."""
    # Private in torch 2.x, so a version without it counts as "no".
    asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(bool(check()) for check in asked if check is not None)


def choose_compiler(compile: str, device: str) -> str | None:
    """Resolve "auto", "on" or "off".

    On a CPU it must be asked for, since it needs a C++ compiler there.

    Returns:
        A backend of `torch.compile`, or None.
    """
    return "inductor" if compile == "on" or (compile == "auto" and device == "cuda") else None


def make_fabric(*, device: str, devices: int, nodes: int, precision: str) -> Any:
    """A launched `lightning_fabric.Fabric` for a resolved device and precision.

    Raises:
        InputError: more devices than there are, or other processes than torchrun started.
    """
    started = os.environ["WORLD_SIZE"] if torch.distributed.is_torchelastic_launched() else str(devices * nodes)
    if started != str(devices * nodes):  # each would take itself for the only one, in the same folder
        raise InputError(
            f"--devices {devices} and --nodes {nodes} make {devices * nodes} processes, and torchrun started "
            f"{started}; --devices is its --nproc-per-node, --nodes its --nnodes"
        )
    if device == "cuda" and devices > torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise InputError(f"--devices {devices}: torch finds {found} GPUs on this machine; ask for at most {found}")
    with quiet_lightning():
        from lightning_fabric import Fabric

        fabric = Fabric(
            accelerator="gpu" if device == "cuda" else "cpu",
            devices=devices,
            num_nodes=nodes,
            precision=PRECISIONS[precision],  # pyright: ignore[reportArgumentType]
            strategy="ddp" if devices * nodes > 1 else "auto",
        )
        fabric.launch()
    return fabric


def from_first(fabric: Any, make: Callable[[], Any]) -> Any:
    """What the first process makes, or its error, in all processes: none may go on to wait for it."""
    made, error = None, None
    if fabric.is_global_zero:
        try:
            made = make()
        except SslechoError as raised:
            error = raised
    made, error = fabric.broadcast((made, error))
    if error is not None:
        raise error
    return made


@contextlib.contextmanager
def quiet_lightning() -> Any:
    """Keep Lightning's banners and tips off stderr, where sslecho shows its own progress."""
    loggers = [logging.getLogger(name) for name in ("lightning_fabric", "lightning.fabric", "lightning_utilities")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
