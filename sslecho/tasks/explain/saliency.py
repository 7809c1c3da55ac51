"""Where the answer would change: maps of a network's pictures, one a frame.

    gradient    |d o_c / d x|                                   Simonyan et al. 2014, "Deep Inside …", section 3
    guided      the same with guided rectifiers (rectifiers.py) Springenberg et al. 2015, "Striving for Simplicity"
    grad-cam    ReLU(sum_k a_k A_k), a_k = mean d o_c / d A_k   Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2

o_c is the logit of the class that is explained, A_k a channel of the last layer that still has a place for each part of
the picture, its mean taken over those places (of a layer over time: over time too). Maps are not negative; the scale of
each is its own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from sslecho.errors import SslechoError
from sslecho.tasks.explain.rectifiers import Guided

METHODS = ("gradient", "guided", "grad-cam")
SMALLEST = 2  # places a side: what is smaller has no map


def gradient(
    network: nn.Module, windows: Float[Tensor, "n t 1 h w"], classes: Int64[Tensor, " n"]
) -> Float[Tensor, "n t h w"]:
    """The gradient's size at each pixel.

    Args:
        network: in eval mode, or batch norm makes windows depend on each other.
        classes: whose logit is explained, of each window.
    """
    x = windows.clone().requires_grad_(True)
    with _way_back(network):
        chosen(network(x), classes).backward()
    assert x.grad is not None
    return x.grad[:, :, 0].abs()


def guided(
    network: nn.Module, windows: Float[Tensor, "n t 1 h w"], classes: Int64[Tensor, " n"]
) -> Float[Tensor, "n t h w"] | None:
    """Guided backpropagation; None where the network has no rectifier, so that it would be the gradient again.

    Raises:
        SslechoError: the network calls a rectifier in place and goes on with what it gave it.
    """
    x = windows.clone().requires_grad_(True)
    with _way_back(network), Guided() as gates:
        logits = network(x)
    with torch.no_grad():
        same = torch.allclose(logits, network(windows), rtol=1e-3, atol=1e-4)
    if not same:
        raise SslechoError("guided backpropagation changes this network's answers, so that it explains another one")
    if not gates.n_gates:
        return None
    chosen(logits, classes).backward()
    assert x.grad is not None
    return x.grad[:, :, 0].abs()


def grad_cam(
    network: nn.Module, windows: Float[Tensor, "n t 1 h w"], classes: Int64[Tensor, " n"]
) -> Float[Tensor, "n t h w"] | None:
    """Grad-CAM, enlarged to the picture; None where no layer has a place for each part of the picture."""
    kept: list[tuple[Tensor, Layout]] = []
    with torch.enable_grad(), _way_back(network), _watched(network, windows, kept):
        logits = network(windows.clone().requires_grad_(True))
    if not kept:
        return None
    values, layout = kept[-1]
    (slope,) = torch.autograd.grad(chosen(logits, classes), values, allow_unused=True)
    if slope is None:
        return None
    a, da = layout(values), layout(slope)  # [n, t', k, h, w]
    weights = da.mean((1, 3, 4), keepdim=True) if da.shape[1] != windows.shape[1] else da.mean((3, 4), keepdim=True)
    maps = (weights * a).sum(2).relu().detach()
    size = (windows.shape[1], *windows.shape[-2:])
    return F.interpolate(maps[:, None], size=size, mode="trilinear", align_corners=False)[:, 0]


MAPS: dict[str, Callable[..., Float[Tensor, "n t h w"] | None]] = {
    "gradient": gradient,
    "guided": guided,
    "grad-cam": grad_cam,
}


def chosen(logits: Float[Tensor, "n c"], classes: Int64[Tensor, " n"]) -> Float[Tensor, ""]:
    """The sum of the explained logits: windows don't know each other, so that each has its own gradient."""
    return logits.gather(1, classes[:, None]).sum()


def _way_back(network: nn.Module) -> AbstractContextManager[Any]:
    """What a forward pass needs for a way back: cuDNN's recurrent layers have none in eval mode, torch's own do."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
    return torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext()


Layout = Callable[[Tensor], Float[Tensor, "n t k h w"]]


@contextmanager
def _watched(
    network: nn.Module, windows: Float[Tensor, "n t 1 h w"], kept: list[tuple[Tensor, Layout]]
) -> Iterator[None]:
    """Meanwhile outputs of layers that have a place for each part of the picture are kept, the last one last."""
    n, t = windows.shape[:2]
    handles = []
    for module in network.modules():
        if hasattr(module, "blocks") and hasattr(module, "patch_embed"):
            # Of a Vision Transformer what goes into the last block: of its output the class token alone is used.
            blocks: Any = module.blocks
            grid = tuple(getattr(module.patch_embed, "grid_size", ()))
            if len(grid) == 2 and min(grid) >= SMALLEST:
                inner = getattr(blocks[-1], "norm1", blocks[-1])
                layout = _of_tokens(n, t, grid)
                handles.append(inner.register_forward_hook(_keeper(kept, lambda y, of=layout: of)))
    if not handles:
        last = any(getattr(module, "output_fmt", None) == "NHWC" for module in network.modules())
        handles = [
            module.register_forward_hook(_keeper(kept, lambda y: _of_channels(y, n, t, channels_last=last)))
            for module in network.modules()
        ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _keeper(kept: list[tuple[Tensor, Layout]], layout_of: Callable[[Tensor], Layout | None]) -> Callable[..., None]:
    def keep(module: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.requires_grad and (layout := layout_of(output)) is not None:
            kept[:] = [(output, layout)]

    return keep


def _of_tokens(n: int, t: int, grid: Sequence[int]) -> Layout:
    """Tokens of frames [n t, tokens, k], those of the picture last."""
    height, width = grid
    return lambda y: y[:, -height * width :].reshape(n, t, height, width, -1).movedim(-1, 2)


def _of_channels(y: Tensor, n: int, t: int, *, channels_last: bool) -> Layout | None:
    """Feature maps of frames [n t, k, h, w], or of windows over time [n, k, t', h, w]."""
    if y.ndim == 4 and y.shape[0] == n * t:
        to_front = (lambda z: z.movedim(-1, 1)) if channels_last else (lambda z: z)
        if min(to_front(y).shape[-2:]) >= SMALLEST:
            return lambda z: to_front(z).unflatten(0, (n, t))
    if y.ndim == 5 and y.shape[0] == n and min(y.shape[-2:]) >= SMALLEST:
        return lambda z: z.movedim(1, 2)
    return None
