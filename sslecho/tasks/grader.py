"""A fitted grader as a folder: its encoder beside its heads.

encoder/                  the Encoder noun
model/model.safetensors   weights of the grade head and, where views were learned too, of the view head
model/config.json         schema, loss, scale, views, hashes, about
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from sslecho.errors import NounError
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.objectives.grade import GradeHead
from sslecho.tasks.grade import grades_of
from sslecho.tasks.model_folder import read_model, write_model
from sslecho.train.validation import frame_outputs

SCHEMA, VERSION = "sslecho.grader", 1


@dataclass(frozen=True)
class Grader:
    """An encoder with a grade head, and perhaps a view head.

    Attributes:
        view_head: None where views were not learned.
        views: names, in the order of that head's outputs.
        about: what it was learned from, in words and hashes.
    """

    encoder: Encoder
    head: GradeHead
    view_head: LinearHead | None
    views: tuple[str, ...]
    about: dict[str, Any]

    def grades(
        self, read: Callable[[np.ndarray], np.ndarray], rows: Int64[np.ndarray, " n"]
    ) -> Float64[np.ndarray, " n"]:
        """The grade of each frame, inside the scale.

        Args:
            read: rows -> uint8 frames [n, h, w].
        """
        return grades_of(read, rows, self.encoder, self.head)

    def view_probabilities(
        self, read: Callable[[np.ndarray], np.ndarray], rows: Int64[np.ndarray, " n"]
    ) -> Float64[np.ndarray, "n c"] | None:
        """The probability of each view, of each frame; None where views were not learned."""
        if self.view_head is None:
            return None
        return frame_outputs(read, rows, self.encoder, self.view_head, then=lambda o: o.softmax(1))

    def save(self, folder: Path) -> None:
        """Write encoder and model into a run's folder; the model's config.json is written last."""
        self.encoder.save(folder / "encoder")
        write_model(
            folder / "model",
            save({name: value.cpu().contiguous() for name, value in self._heads().state_dict().items()}),
            schema=SCHEMA,
            version=VERSION,
            loss=self.head.kind,
            dim=self.head.dim,
            scale=list(self.head.scale),
            views=list(self.views),
            encoder_hash=self.encoder.hash(),
            about=self.about,
        )

    @classmethod
    def load(cls, folder: Path | str) -> "Grader":
        """Read both from the run that holds them.

        Raises:
            NounError: no grader there, of another version, damaged, or beside another encoder.
        """
        folder = Path(folder)
        config, weights = read_model(folder, schema=SCHEMA, version=VERSION, what="grader", command="grade")
        encoder = Encoder.load(folder)
        if encoder.hash() != config["encoder_hash"]:
            raise NounError(f"{folder}: its encoder is not the one that model/config.json names (hash); train again")
        low, high = config["scale"]
        head = GradeHead(config["dim"], (low, high), loss=config["loss"], mean=(low + high) / 2)
        views = tuple(config["views"])
        found = cls(encoder, head, LinearHead(config["dim"], (len(views),)) if views else None, views, config["about"])
        try:
            found._heads().load_state_dict(load(weights))
        except (SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise NounError(f"{folder / 'model'} can't be read ({reason}); train again") from None
        found._heads().eval()
        return found

    def _heads(self) -> nn.Module:
        return nn.ModuleDict({"grade": self.head, **({} if self.view_head is None else {"view": self.view_head})})
