"""A fitted classifier as a folder: its encoder beside its head, temperature, and the sets that it may promise.

encoder/                  the Encoder noun
model/model.safetensors   weights of the head
model/config.json         schema, classes, temperature, conformal sets, hash of the weights, about
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from safetensors import SafetensorError
from safetensors.torch import load, save

from sslecho.errors import NounError
from sslecho.metrics.calibration import Conformal
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.tasks.model_folder import read_model, write_model
from sslecho.tasks.probe_model import tempered
from sslecho.train.validation import frame_outputs, means

SCHEMA, VERSION = "sslecho.classifier", 1


@dataclass(frozen=True)
class Classifier:
    """An encoder with a head, and its calibration.

    Attributes:
        classes: names, in the order of the head's outputs.
        temperature: that log probabilities are divided by; 1 where it was not calibrated.
        conformal: sets of classes with a promise, or None.
        about: what it was learned from, in words and hashes.
    """

    encoder: Encoder
    head: LinearHead
    classes: tuple[str, ...]
    temperature: float
    conformal: Conformal | None
    about: dict[str, Any]

    def uncalibrated(
        self, read: Callable[[np.ndarray], np.ndarray], rows: Int64[np.ndarray, " n"]
    ) -> Float64[np.ndarray, "n c"]:
        """Probabilities of each frame, before the temperature.

        Args:
            read: rows -> uint8 frames [n, h, w].
        """
        return frame_outputs(read, rows, self.encoder, self.head, then=lambda o: o.softmax(1))

    @property
    def level(self) -> str:
        """What was scored and calibrated, "clip" or "frame": temperature and sets hold for it."""
        return str(self.about.get("level", "clip"))

    def of_frames(
        self, read: Callable[[np.ndarray], np.ndarray], rows: Int64[np.ndarray, " n"]
    ) -> Float64[np.ndarray, "n c"]:
        """Probabilities of each frame, with the temperature."""
        return tempered(self.uncalibrated(read, rows), self.temperature)

    def of_clips(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        rows: Int64[np.ndarray, " n"],
        clip: Int64[np.ndarray, " n"],
        n_clips: int,
    ) -> Float64[np.ndarray, "k c"]:
        """Probabilities of each clip by the mean of its frames, with the temperature as it was fitted.

        Args:
            clip: of each frame its clip, 0 to n_clips - 1; each has one.
        """
        if self.level == "clip":
            return tempered(means(self.uncalibrated(read, rows), clip, n_clips), self.temperature)
        return means(self.of_frames(read, rows), clip, n_clips)

    def save(self, folder: Path) -> None:
        """Write encoder and model into a run's folder; the model's config.json is written last."""
        self.encoder.save(folder / "encoder")
        weights = save({name: value.detach().cpu().contiguous() for name, value in self.head.state_dict().items()})
        write_model(
            folder / "model",
            weights,
            schema=SCHEMA,
            version=VERSION,
            classes=list(self.classes),
            dim=self.head.dim,
            sizes=list(self.head.sizes),
            temperature=self.temperature,
            conformal=None if self.conformal is None else self.conformal._asdict(),
            encoder_hash=self.encoder.hash(),
            about=self.about,
        )

    @classmethod
    def load(cls, folder: Path | str) -> "Classifier":
        """Read both from the run that holds them.

        Raises:
            NounError: no classifier there, of another version, damaged, or beside another encoder.
        """
        folder = Path(folder)
        config, weights = read_model(folder, schema=SCHEMA, version=VERSION, what="classifier", command="finetune")
        encoder = Encoder.load(folder)
        if encoder.hash() != config["encoder_hash"]:
            raise NounError(f"{folder}: its encoder is not the one that model/config.json names (hash); train again")
        head = LinearHead(config["dim"], config["sizes"])
        try:
            head.load_state_dict(load(weights))
        except (SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise NounError(f"{folder / 'model'} can't be read ({reason}); train again") from None
        conformal = None if config["conformal"] is None else Conformal(**config["conformal"])
        classes = tuple(config["classes"])
        return cls(encoder, head.eval(), classes, config["temperature"], conformal, config["about"])
