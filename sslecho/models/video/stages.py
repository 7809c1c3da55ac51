"""A CNN of timm in two parts: its stem with the first stage, up to a quarter of the picture's side, and the rest.

timm's networks say where their feature maps come from (`feature_info`). Their layers are run one after another in the
order in which the network names them, and whether that gives what the network itself gives is tried on a picture: what
can't be taken apart is refused, never run differently.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sslecho.errors import InputError
from sslecho.models.encoder import NETWORK_ERRORS, Encoder, height_width

QUARTER = 4


class Stages(NamedTuple):
    """Names of a network's layers, in order.

    Attributes:
        first: the stem and the first stage.
        rest: all that follows, to the embedding.
        channels: of the first part's feature map.
    """

    first: tuple[str, ...]
    rest: tuple[str, ...]
    channels: int


def separate(encoder: Encoder) -> Stages:
    """The two parts of an encoder.

    Raises:
        InputError: it has no feature map at a quarter of the side, or is more than one layer after another.
    """
    net: Any = encoder.net
    told = getattr(net, "feature_info", None)
    quarters = [one for one in (told if isinstance(told, list) else []) if one["reduction"] == QUARTER]
    if not quarters:
        raise _not_separable(encoder, "it has no feature map at a quarter of the picture's side")
    if getattr(net, "output_fmt", "NCHW") != "NCHW":
        raise _not_separable(encoder, "its feature maps have their channels last")
    names, last = _layers(net, "", quarters[-1]["module"]), quarters[-1]["module"]
    cut = names.index(last) + 1
    stages = Stages(tuple(names[:cut]), tuple(names[cut:]), quarters[-1]["num_chs"])
    training = net.training
    try:
        with torch.no_grad():
            picture = torch.linspace(-2, 2, 2 * _area(encoder), device=next(net.parameters()).device).sin()
            picture = picture.view(2, 1, *height_width(encoder.image_size))
            net.eval()
            middle = run(net, stages.first, picture)
            fits = middle.dim() == 4 and middle.shape[1] == stages.channels
            same = fits and torch.allclose(run(net, stages.rest, middle), net(picture), rtol=1e-4, atol=1e-5)
    except NETWORK_ERRORS as error:
        raise _not_separable(encoder, str(error).splitlines()[0] if str(error) else type(error).__name__) from None
    finally:
        net.train(training)
    if not same:
        raise _not_separable(encoder, "its layers are not run one after another")
    return stages


def run(net: nn.Module, names: tuple[str, ...], x: Float[Tensor, "n c h w"]) -> Tensor:
    """What layers of these names make of x, one after another."""
    for name in names:
        x = net.get_submodule(name)(x)
    return x


def _layers(module: nn.Module, prefix: str, last: str) -> list[str]:
    """Names of the layers in order; a group of layers is opened only where `last` is inside."""
    names = []
    for name, child in module.named_children():
        whole = f"{prefix}{name}"
        names += _layers(child, f"{whole}.", last) if last.startswith(f"{whole}.") else [whole]
    return names


def _area(encoder: Encoder) -> int:
    height, width = height_width(encoder.image_size)
    return height * width


def _not_separable(encoder: Encoder, reason: str) -> InputError:
    return InputError(
        f"--arch stfm needs an encoder whose first stage stands apart, and {encoder.backbone} can't be separated "
        f"({reason}); choose another --arch, or pretrain a CNN of timm such as --backbone resnet18"
    )
