"""The next batch comes to the device while this one trains: pinned memory and a stream of its own, on CUDA alone."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from sslecho.train.batches import Frames
from sslecho.train.pictures import Loaded, load


class Ahead:
    """Reads batches, and on CUDA copies them to the device, one step ahead of the training; a context manager.

    Args:
        frames: to read from.
        pairs: rows and partners' rows of each step.
        device: where the batches are wanted. Elsewhere than on CUDA they stay where they were read.
    """

    def __init__(self, frames: Frames, pairs: Any, device: torch.device):
        self._frames, self._pairs, self._device = frames, pairs, device
        self._upcoming: Future[Any] | None = None
        self._stream: Any = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._reader = ThreadPoolExecutor(1)

    def __enter__(self) -> "Ahead":
        self._upcoming = self._submit()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._reader.shutdown()

    def next(self, *, hold: bool = False) -> Loaded:
        """The next step's batch; reading of the one after it begins.

        Args:
            hold: let it begin with the next call only: what is read then depends on this step.
        """
        loaded, copied = (self._upcoming or self._submit()).result()
        self._upcoming = None if hold else self._submit()
        if copied is not None:
            current = torch.cuda.current_stream(self._device)
            current.wait_event(copied)  # the device waits, not the host
            for tensor in _tensors(loaded):
                tensor.record_stream(current)  # its memory is not given away while that stream uses it
        return loaded

    def _submit(self) -> Future[Any]:
        return self._reader.submit(self._read)

    def _read(self) -> tuple[Any, Any]:
        loaded = load(self._frames, next(self._pairs, None))
        if self._stream is None or loaded is None:
            return loaded, None
        copies: dict[int, Tensor] = {}  # by identity: the partner's pictures are often the same tensor
        with torch.cuda.stream(self._stream):
            for tensor in _tensors(loaded):
                if id(tensor) not in copies:
                    copies[id(tensor)] = tensor.pin_memory().to(self._device, non_blocking=True)
            copied = self._stream.record_event()
        fields = {name: copies.get(id(value), value) for name, value in loaded._asdict().items()}
        return loaded._replace(**fields), copied


def _tensors(loaded: Loaded) -> list[Tensor]:
    return [value for value in loaded if isinstance(value, Tensor)]
