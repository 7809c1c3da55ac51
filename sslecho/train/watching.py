"""What looks at a network now and then while it learns, when, and by which process."""

import contextlib
from typing import Any, Protocol, runtime_checkable

import torch

from sslecho.train.device import from_first
from sslecho.train.interrupt import StopRequest
from sslecho.train.learner import Learner


@runtime_checkable
class Watch(Protocol):
    """Looks at the network now and then.

    Attributes:
        every: steps between two looks, at least; they are taken at the ends of epochs, and after the last step.
        score: the name of the number, if there is one, by which one state is better than another: the higher, the
            better.
    """

    every: int
    score: str

    def check(self, module: Learner, *, step: int, total: int) -> dict[str, float]:
        """Numbers for the log, in eval mode and without gradients.

        Raises:
            SslechoError: the run is not worth going on with.
        """
        ...


def is_due(done: int, *, every: int, per_epoch: int, total: int) -> bool:
    """Whether to look after so many steps: a function of their number alone, so that a resumed run looks when a
    straight one does."""
    epochs = max(1, -(-every // per_epoch))
    return done == total or done % (per_epoch * epochs) == 0


def look(
    watch: Watch, learner: Learner, fabric: Any, stop: StopRequest, *, step: int, total: int, whole: bool
) -> dict[str, float]:
    """What the watch sees, in the first process; all get it, or the error.

    Args:
        whole: let a request to stop wait. Where looks decide which weights are kept, one that is missing is another
            result.

    Returns:
        Nothing where a request to stop cut the look short.
    """

    def check() -> dict[str, float]:
        learner.eval()
        try:
            with torch.no_grad(), contextlib.nullcontext() if whole else stop.cuts_short():
                return watch.check(learner, step=step, total=total)
            return {}
        finally:
            learner.train()

    return from_first(fabric, check)
