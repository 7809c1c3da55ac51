"""What `finetune` begins with: an encoder's weights, its architecture alone, or a classifier that has to grow."""

import copy
import hashlib
from dataclasses import dataclass

import numpy as np

from sslecho.api.finetune_settings import FinetuneSettings
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

    def begin(self, *, n_new: int, dropout: float) -> tuple[Encoder, LinearHead]:
        """Encoder and head; what is random is drawn from torch's generator."""
        backbone, size, mean, std = self.architecture
        if self.encoder is not None:
            encoder = copy.deepcopy(self.encoder)  # what was there before is asked once more, for what was forgotten
        else:
            encoder = Encoder(backbone, image_size=size, mean=mean, std=std, provenance=provenance())
            check_size(encoder)
        if self.before is None:
            return encoder, LinearHead(encoder.dim, (n_new,), dropout=dropout)
        head = self.before.head.expanded(n_new) if n_new else copy.deepcopy(self.before.head)
        head.dropout.p = dropout
        return encoder, head


def start_of(store: Store, settings: FinetuneSettings) -> Start:
    """What the user names.

    Raises:
        InputError: no encoder is named, or options contradict each other.
        NounError: what is named is no encoder, or no classifier where its head is to be kept.
    """
    scratch = settings.from_ == "scratch"
    if settings.encoder is None and not scratch:
        raise InputError("--encoder is missing: name a run of `sslecho pretrain`, or say --from scratch")
    if settings.head == "keep" and (scratch or settings.encoder is None):
        raise InputError("--head keep keeps what --encoder has learned, so it can't go with --from scratch")
    if settings.image_size is not None and not scratch:
        raise InputError(f"--image-size {settings.image_size} is for --from scratch; an encoder has its own size")
    before = None
    if settings.head == "keep":
        assert settings.encoder is not None
        try:
            before = Classifier.load(settings.encoder)
        except NounError as error:
            raise NounError(f"--head keep needs a fine-tuned --encoder: {error}") from None
    if settings.encoder is not None:
        encoder = Encoder.load(settings.encoder) if before is None else before.encoder
        size = encoder.image_size if settings.image_size is None else settings.image_size
        architecture = (encoder.backbone, size, encoder.mean, encoder.std)
        return Start(None if scratch else encoder, before, architecture)
    size = settings.image_size or IMAGE_SIZE
    if settings.image_size is None and settings.backbone in PRESETS:
        size = plain_size(PRESETS[settings.backbone].image_size)
    return Start(None, None, (settings.backbone, size, *_gray_levels(store, settings.seed)))


def _gray_levels(store: Store, seed: int) -> tuple[float, float]:
    """Mean and standard deviation of some frames outside the test split, scaled to [0, 1]."""
    rows = np.flatnonzero(store.column("split", level="frame") != "test").astype(np.int64)
    rows = np.sort(np.random.default_rng(seed).permutation(rows)[:SAMPLE])
    gray = store.read(rows).astype(np.float32) / 255
    return round(float(gray.mean()), 6), round(max(float(gray.std()), 1e-3), 6)
