"""Heads: what a network says of an embedding, as logits or grades."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn


@final
class LinearHead(nn.Module):
    """One linear layer for each group of outputs that came together, after dropout.

    Outputs that are added later get a layer of their own: the product for the old ones stays the one that it was, so
    that their logits are the same to the last bit, which one larger product does not promise.

    Args:
        dim: length of an embedding.
        sizes: how many outputs came together, in the order in which they came.
        dropout: share of the embedding's values that are left out while training.
    """

    def __init__(self, dim: int, sizes: Sequence[int], *, dropout: float = 0.0):
        super().__init__()
        self.dim, self.sizes = dim, tuple(sizes)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList([nn.Linear(dim, size) for size in self.sizes])

    def forward(self, embedded: Float[Tensor, "n d"]) -> Float[Tensor, "n c"]:
        """The outputs, those that came first in front."""
        embedded = self.dropout(embedded)
        return torch.cat([layer(embedded) for layer in self.layers], dim=1)

    def expanded(self, n_new: int) -> "LinearHead":
        """A copy with `n_new` outputs more, which start at random."""
        head = LinearHead(self.dim, (*self.sizes, n_new), dropout=self.dropout.p)
        for new, old in zip(head.layers, self.layers, strict=False):
            new.load_state_dict(old.state_dict())
        return head
