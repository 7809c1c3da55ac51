"""Compile the encoder, and go on without where that fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from sslecho.models.encoder import Encoder
from sslecho.rundir import warn


class Compiled:
    """The encoders of a module (a teacher's too) compiled in place: names and weights stay as they are.

    Only their networks are: an objective is told the step's number, and would be compiled anew for each.
    Compiling happens in the first step, and may fail there (no compiler for the GPU's code, an unusual network).

    Args:
        module: holds the encoders.
        backend: of `torch.compile`; None compiles nothing.
    """

    def __init__(self, module: nn.Module, backend: str | Callable[..., Any] | None):
        self._networks = [part.net for part in module.modules() if isinstance(part, Encoder)] if backend else []
        for network in self._networks:
            # Sizes are few and fixed: whole views, small ones.
            network.compile(backend=backend, dynamic=False)

    def step(self, step: Callable[[], Any], undo: Callable[[], None]) -> Any:
        """Do a step; where compiling fails, say so once, undo what was begun and do it without, now and from now on.

        Args:
            undo: clears the gradients; weights are not changed before the compiled part is through.
        """
        if not self._networks:
            return step()
        from torch._dynamo.exc import TorchDynamoException  # late: it takes a second to import

        try:
            return step()
        except TorchDynamoException as error:
            reason = " ".join((str(error).strip() or type(error).__name__).splitlines()[:2])  # the second is the cause
            warn(f"the network can't be compiled ({reason}); it trains without, more slowly; --compile off skips this")
            self.off()
            undo()
            return step()

    def off(self) -> None:
        """Back to the plain network."""
        for network in self._networks:
            network._compiled_call_impl = None  # what nn.Module.compile sets; torch has no way back
        self._networks = []

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Without compiling: other batch sizes and eval mode would each be compiled anew."""
        if not self._networks:
            yield
            return
        with torch.compiler.set_stance("force_eager"):
            yield
