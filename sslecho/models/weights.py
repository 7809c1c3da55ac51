"""Weights from elsewhere into an encoder, with an account of what fitted."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sslecho.errors import InputError
from sslecho.models.encoder import Encoder, check_size, height_width, plain_size
from sslecho.models.presets import PRESETS
from sslecho.models.state_dicts import find_network, first_names
from sslecho.models.stem import Levels, absorb, gray_stem
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.models.weight_files import Weights, read_weights

ENOUGH = 0.9  # of the encoder's tensors; with fewer it is another network that shares some names
IMAGENET = Levels((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # what DINO, MoCo, lightly and solo-learn train with


@dataclass(frozen=True)
class Match:
    """Which of an encoder's tensors came from a file; batch norm's counters of steps are not counted.

    Attributes:
        kind, sha256: of the file.
        where: the place in it ("teacher: backbone."); "" where its names are the network's own.
        others: places that would have done as well.
        n_matched, n_wanted: tensors of the encoder that were set, and all of them.
        missing: tensors of the encoder that the file does not have; they keep their random start.
        unexpected: tensors that stand at that place and are no part of the encoder, but for a classifier.
        reshaped: tensors of another shape, which were left out.
        resampled: positions of patches that were resampled to another picture size.
        stem: how a stem for RGB became one for gray.
        normalized: where the mean and std of gray levels come from.
    """

    kind: str
    sha256: str
    where: str
    others: tuple[str, ...]
    n_matched: int
    n_wanted: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]
    resampled: tuple[str, ...]
    stem: str
    normalized: str

    @property
    def complete(self) -> bool:
        """Whether all of the encoder was set."""
        return self.n_matched == self.n_wanted

    def __str__(self) -> str:
        """In one line, without the file's path."""
        parts = [
            f"{self.n_matched} of {self.n_wanted} tensors matched" + (f" under {self.where}" if self.where else "")
        ]
        if self.others:
            parts.append(f"as good and left alone: {', '.join(self.others)}")
        for word, names in (
            ("missing", self.missing),
            ("of another shape", self.reshaped),
            ("not the encoder's", self.unexpected),
            ("resampled", self.resampled),
        ):
            if names:
                parts.append(f"{len(names)} {word} ({_listed(names)})")
        return "; ".join([*parts, f"stem: {self.stem}", f"mean and std: {self.normalized}"])

    def as_dict(self) -> dict[str, Any]:
        """For JSON: all names, no path."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


def load_encoder(
    path: Path | str, *, backbone: str | None = None, image_size: int | None = None, option: str = "--weights"
) -> Encoder:
    """An encoder from weights alone, to be used as it is.

    Args:
        path: a pretraining run or its encoder, a folder of timm's, or a file with weights.
        backbone: the architecture, for a file that does not say it.
        image_size: side of the pictures; by default what the folder says, or what timm has for the architecture.
        option: how messages call the path.

    Returns:
        The encoder, in eval mode; `provenance["weights"]` has what matched.

    Raises:
        InputError: nothing to read, no architecture known, or weights of another network.
    """
    weights = read_weights(path, option=option)
    backbone = backbone or weights.backbone
    if backbone is None:
        raise InputError(
            f"{weights.named} does not say its architecture; name a folder of timm's or a pretraining run, or give the "
            "backbone in Python: sslecho.models.weights.load_encoder(path, backbone=…)"
        )
    mean, std = IMAGENET.gray
    size = image_size or weights.image_size or own_size(backbone)
    encoder = Encoder(backbone, image_size=size, mean=mean, std=std, provenance=weights.provenance)
    check_size(encoder)
    encoder.provenance["weights"] = fit_weights(encoder, weights).as_dict()
    return encoder.eval()


def own_size(backbone: str) -> int | tuple[int, int]:
    """The picture size that a preset takes, or that timm has for an architecture."""
    if backbone in PRESETS:
        return plain_size(PRESETS[backbone].image_size)
    mend_torchvision()
    import timm

    size = timm.get_pretrained_cfg_value(backbone, "input_size") or (3, 224, 224)
    return plain_size((size[-2], size[-1]))


def fit_weights(encoder: Encoder, weights: Weights) -> Match:
    """Set the encoder's tensors to those of a file that have their name and shape.

    Args:
        encoder: changed in place. It also gets the mean and std that the weights were trained with, as far as those are
            known: the file's own; else for RGB ImageNet's, or timm's for the architecture in a .safetensors file.

    Raises:
        InputError: the file is of another architecture, or less than 90 % of the tensors match.
    """
    named, backbone, net = weights.named, encoder.backbone, encoder.net
    if weights.backbone is not None and weights.backbone != backbone:
        raise InputError(
            f"{named} is a {weights.backbone} and --backbone is {backbone}; say --backbone {weights.backbone}"
        )
    pool = getattr(net, "global_pool", None)
    if weights.pool is not None and isinstance(pool, str) and weights.pool != pool:
        raise InputError(
            f"{named} pools by {weights.pool!r} and timm's {backbone} by {pool!r}, so it makes other embeddings; "
            f"save it with global_pool={pool!r}"
        )
    own: dict[str, Tensor] = net.state_dict()
    wanted = [name for name in own if not name.endswith("num_batches_tracked")]
    found = find_network(weights.content, own, [name for name, _ in net.named_children()])
    if found is None:
        raise InputError(
            f"{named}: none of its names ({_listed(first_names(weights.content)) or 'it holds no tensor'}) is one of "
            f"--backbone {backbone} ({_listed(wanted)}); {_cure(weights)}"
        )
    state = dict(found.state)
    resampled = _resample_positions(net, state, own)
    stems = [name for name in _names(net, "first_conv") if _is_rgb(state.get(f"{name}.weight"), own[f"{name}.weight"])]
    levels, normalized = _levels(weights, backbone, rgb=bool(stems))
    offsets = {}
    for name in stems:
        assert levels is not None  # they are known for RGB
        state[f"{name}.weight"], offsets[name] = gray_stem(state[f"{name}.weight"], levels)
    fitting = {name: value.to(own[name].dtype) for name, value in state.items() if _same_shape(value, own.get(name))}
    heads = tuple(f"{name}." for name in _names(net, "classifier"))
    match = Match(
        kind=weights.kind,
        sha256=weights.sha256,
        where=found.where,
        others=found.others,
        n_matched=sum(name in fitting for name in wanted),
        n_wanted=len(wanted),
        missing=tuple(name for name in wanted if name not in state),
        unexpected=tuple(name for name in state if name not in own and not name.startswith(heads)),
        reshaped=tuple(name for name in state if name in own and name not in fitting),
        resampled=resampled,
        stem="one channel already",
        normalized=normalized,
    )
    if match.n_matched < ENOUGH * match.n_wanted:
        raise InputError(
            f"{named} is not of --backbone {backbone} at this picture size: {match}; at least {ENOUGH:.0%} must match; "
            f"{_cure(weights)}"
        )
    if levels is not None:
        encoder.mean, encoder.std = levels.gray
        if stems:
            match = dataclasses.replace(match, stem=_settle(encoder, fitting, offsets, levels))
    net.load_state_dict(fitting, strict=False)
    return match


def _levels(weights: Weights, backbone: str, *, rgb: bool) -> tuple[Levels | None, str]:
    """What the weights were trained with, and how that is known; None for one channel and a file that says nothing."""
    if weights.levels is not None:
        mean, std = weights.levels
        n = 3 if rgb and len(mean) == 1 else 1
        return Levels(mean * n, std * n), "the file's own"
    if not rgb:
        return None, "not said by the file; not changed"
    if weights.kind == "safetensors" and backbone not in PRESETS:
        import timm

        mean, std = (timm.get_pretrained_cfg_value(backbone, name) for name in ("mean", "std"))
        if mean and std:
            return Levels(tuple(mean), tuple(std)), "not said by the file; timm's for the architecture"
    return IMAGENET, "not said by the file; ImageNet's"


def _settle(encoder: Encoder, fitting: dict[str, Tensor], offsets: Mapping[str, Tensor], levels: Levels) -> str:
    """Put the stems' offsets where they belong; how near the gray network then is to the RGB one."""
    even = len(set(levels.mean)) == 1
    exact, edge = True, False
    for name, offset in offsets.items():
        conv = encoder.net.get_submodule(name)
        edge |= not even and any(side > step for side, step in zip(conv.kernel_size, conv.stride, strict=True))
        # Some convolutions standardize their weights over all channels in each pass: then a sum is another filter.
        exact &= "Std" not in type(conv).__name__
        if not even:
            x = torch.zeros(1, 1, *height_width(encoder.image_size))
            exact &= absorb(encoder.net, fitting, name, offset, x)
    how = "equal on gray pictures" if exact else "not equal on gray pictures"
    return f"RGB weights summed, {how}" + (" but where filters reach over the edge" if exact and edge else "")


def _is_rgb(given: Tensor | None, own: Tensor) -> bool:
    """Whether these are the weights of a convolution like the encoder's for three channels instead of one."""
    if given is None or given.ndim != 4:
        return False
    return given.shape == (own.shape[0], 3 * own.shape[1], *own.shape[2:])


def _same_shape(value: Tensor, own: Tensor | None) -> bool:
    return own is not None and value.shape == own.shape


def _resample_positions(net: Any, state: dict[str, Tensor], own: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Resample a ViT's positions to the encoder's number of patches, as timm does."""
    given = state.get("pos_embed")
    if given is None or "pos_embed" not in own or given.ndim != 3 or given.shape[1] == own["pos_embed"].shape[1]:
        return ()
    n_prefix = 0 if getattr(net, "no_embed_class", False) else net.num_prefix_tokens
    n_patches = given.shape[1] - n_prefix
    if n_patches < 1 or round(n_patches**0.5) ** 2 != n_patches:
        return ()  # not of a square picture: they stay of another shape
    from timm.layers.pos_embed import resample_abs_pos_embed

    grid = list(net.patch_embed.grid_size)
    state["pos_embed"] = resample_abs_pos_embed(given, new_size=grid, num_prefix_tokens=n_prefix)
    return ("pos_embed",)


def _names(net: Any, key: str) -> tuple[str, ...]:
    """What timm says of a network under a key: one name, several, or none."""
    said = net.default_cfg.get(key) or ()
    return (said,) if isinstance(said, str) else tuple(said)


def _listed(names: Iterable[str], n: int = 3) -> str:
    """The first few names."""
    names = list(names)
    return ", ".join(names[:n]) + (", …" if len(names) > n else "")


def _cure(weights: Weights) -> str:
    """Name the architecture that the file says it has, where it does."""
    arch = weights.content.get("arch")
    if not isinstance(arch, str):
        arch = getattr(weights.content.get("args"), "arch", None)
    said = f" (the file says {arch!r})" if isinstance(arch, str) else ""
    return f"name the --backbone that it was trained as{said}, in timm's spelling"
