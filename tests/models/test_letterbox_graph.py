"""The exportable letterbox against the one that encoders are trained with."""

import pytest
import torch

from sslecho.models.encoder import resize
from sslecho.models.letterbox_graph import letterboxed


@pytest.mark.parametrize("shape", [(50, 70), (70, 50), (256, 256), (33, 20), (7, 5), (1, 9), (300, 201), (48, 32)])
@pytest.mark.parametrize("size", [32, (24, 48), (48, 32)])
def test_it_makes_the_same_picture_as_resize(shape, size):
    frames = torch.randint(0, 256, (2, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    made, wanted = letterboxed(frames, size), resize(frames, size)
    assert made.shape == wanted.shape
    assert (made - wanted).abs().max() < 2e-6
    assert made.dtype == torch.float32
