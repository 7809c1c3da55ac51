"""Find a network's weights in a file that some library wrote, whatever it calls them.

    lightly      state_dict: backbone.0.weight …              children of a ResNet by number, or by name
    solo-learn   state_dict: backbone.conv1.weight …, momentum_backbone.…
    DINO         teacher: backbone.blocks.0.…, student: module.backbone.blocks.0.…
    MoCo         state_dict: module.encoder_q.conv1.weight …, module.encoder_k.…
    MoCo v3      state_dict: module.base_encoder.conv1.weight …, module.momentum_encoder.…
    timm         state_dict: conv1.weight …, state_dict_ema: …

So a network's weights are where most of its own names end the file's, behind one prefix in one dictionary. Where two
places have as many, the one is taken that its authors score: DINO's teacher, an average (EMA) made for that, else the
network that was trained, not its slow copy.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

DEPTH = 3  # of dictionaries in dictionaries


class Found(NamedTuple):
    """Weights and where they stood.

    Attributes:
        where: the dictionary and the prefix ("teacher: backbone."), or "" for a plain file.
        state: all that stands there, under the network's own names where it has them.
        others: other places that hold as many.
    """

    where: str
    state: dict[str, Tensor]
    others: tuple[str, ...]


def find_network(content: Mapping[Any, Any], wanted: Collection[str], children: Sequence[str]) -> Found | None:
    """The network's weights in a file's content; None where not one name fits.

    Args:
        content: dictionaries that hold tensors, or further dictionaries.
        wanted: the network's names of its tensors.
        children: the network's parts in order: in `nn.Sequential(*children)` they are called by number.
    """
    numbers = {name: str(number) for number, name in enumerate(children)}
    by_number = {".".join([numbers.get(name.split(".")[0], "?"), *name.split(".")[1:]]): name for name in wanted}
    spellings = ({name: name for name in wanted}, by_number)
    places: list[tuple[int, int, str, dict[str, Tensor], str, dict[str, str]]] = []
    for path, tensors in _dictionaries(content):
        for names in spellings:
            prefixes = Counter(prefix for key in tensors for prefix in _prefixes(key, names))
            for prefix, count in prefixes.items():
                where = ": ".join(part for part in (".".join(path), prefix) if part)
                places.append((-count, _rank(where), where, tensors, prefix, names))
    if not places:
        return None
    places.sort(key=lambda place: place[:3])
    most, _, where, tensors, prefix, names = places[0]
    state = {
        names.get(key.removeprefix(prefix), key.removeprefix(prefix)): value
        for key, value in tensors.items()
        if key.startswith(prefix)
    }
    others = tuple(place[2] for place in places[1:] if place[0] == most)
    return Found(where, state, others)


def first_names(content: Mapping[Any, Any], n: int = 3) -> list[str]:
    """Some names of tensors in a file's content, for messages."""
    return [key for _, tensors in _dictionaries(content) for key in tensors][:n]


def _dictionaries(
    content: Mapping[Any, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, Tensor]]]:
    """Every dictionary that holds tensors, and where it stands."""
    tensors = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if tensors:
        yield path, tensors
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, Mapping) and len(path) < DEPTH:
            yield from _dictionaries(value, (*path, key))


def _prefixes(key: str, names: Collection[str]) -> Iterator[str]:
    """What stands before one of the names at the end of a key."""
    starts = [0, *(dot.end() for dot in re.finditer(r"\.", key))]
    yield from (key[:start] for start in starts if key[start:] in names)


def _rank(where: str) -> int:
    """0 for what is made to be used, 2 for a slow copy or DINO's student, 1 for all else."""
    words = set(re.split(r"[^a-z0-9]+|_", where.lower()))
    if words & {"teacher", "ema"}:
        return 0
    return 2 if words & {"student", "momentum", "k", "target", "slow"} else 1
