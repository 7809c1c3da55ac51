"""What learning from labels begins with: an encoder's weights, its architecture alone, or a classifier that grows."""

import copy
import hashlib
from dataclasses import dataclass

import numpy as np

from sslecho.api.pretrain_encoder import IMAGE_SIZE, SAMPLE
from sslecho.data.store import Store
from sslecho.errors import InputError, NounError
from sslecho.models.encoder import Encoder, check_size, plain_size
from sslecho.models.heads import LinearHead
from sslecho.models.presets import PRESETS
from sslecho.rundir import provenance
from sslecho.tasks.classifier import Classifier


@dataclass(frozen=True)
class Start:
    """Where learning begins.

    Attributes:
        encoder: with its weights, or None from scratch.
        before: the classifier whose head is kept, or None.
        architecture: backbone, picture size, mean and standard deviation of gray levels.
    """

    encoder: Encoder | None
    before: Classifier | None
    architecture: tuple[str, int | tuple[int, int], float, float]

    @property
    def hash(self) -> str:
        """Tells starts apart."""
        if self.before is not None:
            weights = b"".join(value.numpy().tobytes() for value in self.before.head.state_dict().values())
            return hashlib.sha256(self.before.encoder.hash().encode() + weights).hexdigest()
        if self.encoder is not None:
            return self.encoder.hash()
        return hashlib.sha256(repr(self.architecture).encode()).hexdigest()

    def new_encoder(self) -> Encoder:
        """A copy of the encoder, or one with weights from torch's generator.

        Raises:
            InputError: no such backbone, or not at this size.
        """
        if self.encoder is not None:
            return copy.deepcopy(self.encoder)  # what was there before is asked once more, for what was forgotten
        backbone, size, mean, std = self.architecture
        encoder = Encoder(backbone, image_size=size, mean=mean, std=std, provenance=provenance())
        check_size(encoder)
        return encoder

    def new_head(self, dim: int, *, n_new: int, dropout: float) -> LinearHead:
        """A head for new classes, behind those that it knew before."""
        if self.before is None:
            return LinearHead(dim, (n_new,), dropout=dropout)
        head = self.before.head.expanded(n_new) if n_new else copy.deepcopy(self.before.head)
        head.dropout.p = dropout
        return head


def start_of(
    store: Store,
    *,
    encoder: str | None,
    scratch: bool,
    backbone: str,
    image_size: int | None,
    seed: int,
    keep_head: bool = False,
) -> Start:
    """What the user names.

    Args:
        encoder: a run; its architecture counts from scratch too.
        scratch: whether its weights are left behind.
        backbone, image_size: where no encoder is named.
        seed: decides which frames gray levels are measured on, where no encoder knows them.
        keep_head: begin with the head of the named run.

    Raises:
        InputError: options contradict each other.
        NounError: what is named is no encoder, or no classifier where its head is to be kept.
    """
    if image_size is not None and encoder is not None and not scratch:
        raise InputError(f"--image-size {image_size} is for networks from scratch; an encoder has its own size")
    before = None
    if keep_head:
        if scratch or encoder is None:
            raise InputError("--head keep keeps what --encoder has learned, so it can't go with --from scratch")
        try:
            before = Classifier.load(encoder)
        except NounError as error:
            raise NounError(f"--head keep needs a fine-tuned --encoder: {error}") from None
    if encoder is not None:
        found = Encoder.load(encoder) if before is None else before.encoder
        size = found.image_size if image_size is None else image_size
        return Start(None if scratch else found, before, (found.backbone, size, found.mean, found.std))
    size = image_size or IMAGE_SIZE
    if image_size is None and backbone in PRESETS:
        size = plain_size(PRESETS[backbone].image_size)
    return Start(None, None, (backbone, size, *_gray_levels(store, seed)))


def _gray_levels(store: Store, seed: int) -> tuple[float, float]:
    """Mean and standard deviation of some frames outside the test split, scaled to [0, 1]."""
    rows = np.flatnonzero(store.column("split", level="frame") != "test").astype(np.int64)
    rows = np.sort(np.random.default_rng(seed).permutation(rows)[:SAMPLE])
    gray = store.read(rows).astype(np.float32) / 255
    return round(float(gray.mean()), 6), round(max(float(gray.std()), 1e-3), 6)
