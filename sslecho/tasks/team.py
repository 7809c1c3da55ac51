"""The processes of `torchrun`, each of which assigns its share of the embeddings; or this process alone.

    OMP_NUM_THREADS=4 torchrun --nproc-per-node 8 -m sslecho cluster EMB -o DIR --k 100

The first process does what one alone would do: it fits, scores and writes. Whenever embeddings are to be assigned it
sends the clusters to the others, each of which has the same embeddings before it (memory-mapped, so that it reads its
share alone), and puts the shares together. Nothing but clusters and assignments is sent, over gloo. Without the
variable torchrun gives each process one thread, and the first one fits alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
from jaxtyping import Float

from sslecho.errors import InputError, SslechoError
from sslecho.tasks.assignment import Assignment
from sslecho.tasks.clusterers.clusterer import Clusters

PATIENCE = timedelta(days=7)  # the others wait while the first one fits


class Team:
    """This process among those that work together; make it with `joined`."""

    def __init__(self, rank: int, size: int):
        self._rank, self._size = rank, size

    @property
    def first(self) -> bool:
        """Whether this process is the one that fits, scores and writes."""
        return self._rank == 0

    def assign(self, clusters: Clusters, vectors: Float[np.ndarray, "n d"]) -> Assignment:
        """Assign all vectors, each process a share of them; for the first process, while the others `follow`.

        Raises:
            InputError: what `clusters.assign` raises, in whichever process.
        """
        if self._size == 1:
            return clusters.assign(vectors)
        self._tell(("assign", clusters))
        shares = self._gather(self._share(clusters, vectors))
        for share in shares:
            if isinstance(share, SslechoError):
                raise share
        columns = [
            None if any(part is None for part in parts) else np.concatenate(parts)
            for parts in zip(*shares, strict=True)
        ]
        return Assignment(*columns)  # pyright: ignore[reportArgumentType]

    def follow(self, vectors: Float[np.ndarray, "n d"]) -> None:
        """Assign shares until the first process is done; for all other processes.

        Raises:
            SslechoError: the first process failed; its error.
        """
        while True:
            word, content = self._tell(None)
            if word == "end":
                if content is not None:
                    raise content[0](content[1])
                return
            self._gather(self._share(content, vectors))

    @contextmanager
    def leading(self) -> Iterator[None]:
        """Around all that the first process does: the others go when it is done, with its error where it fails."""
        # As class and text: an error that lists problems can't be sent whole.
        failure: tuple[type[SslechoError], str] | None = (
            SslechoError,
            "the first process failed; its message says why",
        )
        try:
            yield
            failure = None
        except SslechoError as error:
            failure = (InputError if isinstance(error, InputError) else SslechoError, str(error))
            raise
        finally:
            if self._size > 1:
                self._tell(("end", failure))

    def _share(self, clusters: Clusters, vectors: Float[np.ndarray, "n d"]) -> Assignment | SslechoError:
        start, end = (len(vectors) * rank // self._size for rank in (self._rank, self._rank + 1))
        try:
            return clusters.assign(vectors[start:end])
        except SslechoError as error:  # raised by the first process: nobody may wait for this share
            return error

    def _tell(self, message: Any) -> Any:
        """What the first process says, in all processes."""
        import torch

        said = [message]
        torch.distributed.broadcast_object_list(said, src=0)
        return said[0]

    def _gather(self, share: Any) -> list[Any]:
        """The shares of all processes, in order, in the first one; an empty list in the others."""
        import torch

        shares: list[Any] | None = [None] * self._size if self.first else None
        torch.distributed.gather_object(share, shares, dst=0)
        return shares or []


@contextmanager
def joined() -> Iterator[Team]:
    """The processes that torchrun started, joined while the block runs; this one alone where it started none."""
    import torch

    if not torch.distributed.is_torchelastic_launched() or os.environ["WORLD_SIZE"] == "1":
        yield Team(0, 1)
        return
    torch.distributed.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield Team(torch.distributed.get_rank(), torch.distributed.get_world_size())
    finally:
        torch.distributed.destroy_process_group()
