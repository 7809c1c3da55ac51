"""A fitted classifier of clips as a folder: its network, how clips are cut into windows, and its calibration.

model/model.safetensors   weights of the network
model/config.json         schema, architecture and preprocessing, classes, windows, calibration, hash, about
encoder/                  the encoder inside, where the architecture has one: `sslecho embed` takes it
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from sslecho.data.store import Store
from sslecho.data.windows import Windows, key_centers
from sslecho.errors import NounError
from sslecho.metrics.aggregation import Aggregated, aggregate
from sslecho.metrics.calibration import Conformal
from sslecho.models.encoder import Encoder, resize
from sslecho.models.video import create_video
from sslecho.models.video.video_network import VideoNetwork
from sslecho.tasks.model_folder import read_model, write_model

SCHEMA, VERSION = "sslecho.viewer", 1
FRAMES_AT_ONCE = 256


@dataclass(frozen=True)
class Looking:
    """How a clip is looked at.

    Attributes:
        stride, stride_s: between a window's frames, in frames or in seconds (`data.windows.Windows`).
        n_windows: key windows of a clip.
        most_frames: of a clip; what comes later is not looked at.
        aggregate: how windows say what the clip is, one of `metrics.aggregation.AGGREGATES`.
        evidential: whether the network's outputs are evidence.
        prior: of each class, where they are.
    """

    stride: int
    stride_s: float | None
    n_windows: int
    most_frames: int
    aggregate: str
    evidential: bool
    prior: float


@dataclass(frozen=True)
class Viewer:
    """A network of clips, and its calibration.

    Attributes:
        arch: one of `models.video.ARCHITECTURES`.
        backbone: of the encoder that the architecture is made from.
        classes: names, in the order of the network's outputs.
        temperature: that clips' log probabilities are divided by; 1 where it was not calibrated.
        conformal: sets of classes with a promise, or None.
        about: what it was learned from, in words and hashes.
    """

    network: VideoNetwork
    arch: str
    backbone: str
    classes: tuple[str, ...]
    looking: Looking
    temperature: float
    conformal: Conformal | None
    about: dict[str, Any]

    def windows(self, store: Store) -> Windows:
        """The windows of a store's clips.

        Raises:
            InputError: a stride in seconds, and no frame times.
        """
        how = self.looking
        return Windows.of(store, self.network.n_frames, stride=how.stride, stride_s=how.stride_s)

    def logits(
        self, store: Store, rows: Int64[np.ndarray, " n"] | None = None, *, windows: Windows | None = None
    ) -> tuple[Float64[np.ndarray, "m c"], Int64[np.ndarray, " m"]]:
        """Logits of the key windows of clips, and their centers as rows of the store.

        Args:
            rows: frames that may be centers, ascending; by default all of the store.
            windows: of the store, where they are at hand: what is odd about frame times is then not told again.
        """
        rows = np.arange(len(store)) if rows is None else rows
        how = self.looking
        centers = key_centers(rows, store.clip_of_frame, n_windows=how.n_windows, most_frames=how.most_frames)
        return window_logits(store.read, windows or self.windows(store), centers, self.network), centers

    def aggregated(
        self,
        logits: Float64[np.ndarray, "m c"],
        clip: Int64[np.ndarray, " m"],
        n_clips: int,
        *,
        how: str | None = None,
        temperature: float | None = None,
    ) -> Aggregated:
        """What clips are, by their windows.

        Args:
            clip: of each window its clip, 0 to n_clips - 1.
            how: another aggregate than the viewer's own.
            temperature: another one than the viewer's own, which belongs to its own aggregate.
        """
        return aggregate(
            logits,
            clip,
            n_clips,
            how=how or self.looking.aggregate,
            evidential=self.looking.evidential,
            prior=self.looking.prior,
            temperature=self.temperature if temperature is None else temperature,
        )

    def save(self, folder: Path) -> None:
        """Write network and encoder into a run's folder; the model's config.json is written last."""
        network = self.network
        if network.encoder is not None:
            network.encoder.save(folder / "encoder")
        weights = save({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()})
        size = network.image_size
        write_model(
            folder / "model",
            weights,
            schema=SCHEMA,
            version=VERSION,
            arch=self.arch,
            backbone=self.backbone,
            image_size=list(size) if isinstance(size, tuple) else size,
            mean=network.mean,
            std=network.std,
            n_frames=network.n_frames,
            classes=list(self.classes),
            looking=dataclasses.asdict(self.looking),
            temperature=self.temperature,
            conformal=None if self.conformal is None else self.conformal._asdict(),
            about=self.about,
        )

    @classmethod
    def load(cls, folder: Path | str) -> "Viewer":
        """Read it from the run that holds it, in eval mode.

        Raises:
            NounError: no viewer there, of another version, or damaged.
        """
        config, weights = read_model(folder, schema=SCHEMA, version=VERSION, what="classifier of clips", command="view")
        size = config["image_size"]
        size = tuple(size) if isinstance(size, list) else size
        encoder = Encoder(config["backbone"], image_size=size, mean=config["mean"], std=config["std"])
        network = create_video(config["arch"], encoder, n_classes=len(config["classes"]), n_frames=config["n_frames"])
        try:
            network.load_state_dict(load(weights))
        except (SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise NounError(f"{folder} can't be read ({reason}); train again") from None
        conformal = None if config["conformal"] is None else Conformal(**config["conformal"])
        return cls(
            network.eval(),
            config["arch"],
            config["backbone"],
            tuple(config["classes"]),
            Looking(**config["looking"]),
            config["temperature"],
            conformal,
            config["about"],
        )


@torch.inference_mode()
def window_logits(
    read: Callable[[np.ndarray], np.ndarray],
    windows: Windows,
    centers: Int64[np.ndarray, " n"],
    network: VideoNetwork,
) -> Float64[np.ndarray, "n c"]:
    """Logits of windows, in eval mode, many windows at a time.

    Args:
        read: rows -> uint8 frames [n, h, w].
        centers: rows of the store.
    """
    device = next(network.parameters()).device
    training = network.training
    network.eval()
    parts: list[Float[Tensor, "m c"]] = []
    at_once = max(1, FRAMES_AT_ONCE // network.n_frames)
    for start in range(0, len(centers), at_once):
        rows = windows.rows(centers[start : start + at_once])
        # Neighboring windows share frames: each is read and resized once.
        seen, place = np.unique(rows, return_inverse=True)
        pictures = resize(torch.from_numpy(read(seen)).to(device), network.image_size)
        clips = pictures[torch.from_numpy(place.reshape(rows.shape)).to(device)]
        parts.append(network(clips).float().cpu())
    network.train(training)
    return torch.cat(parts).double().numpy() if parts else np.empty((0, network.n_classes))
