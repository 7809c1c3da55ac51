"""How good is a network for clips of validation patients while it learns? The watch that ends a run early.

A clip's probabilities are the mean of its frames', as they are where results are scored.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from sslecho.metrics.paired import balanced_accuracy
from sslecho.models.encoder import Encoder, resize
from sslecho.objectives.classify import Classify
from sslecho.train.learner import Learner

FRAMES_AT_ONCE = 256
TIES = 1e-4  # of the loss; below what one clip more changes in an accuracy of up to a thousand


class Validation:
    """Balanced accuracy of validation clips.

    Args:
        read: rows -> uint8 frames [n, h, w].
        rows: frames of validation clips, as rows of the store.
        clip_of_row: of each, its clip's place in `truth`.
        truth: the class of each clip.
    """

    score = "val_score"

    def __init__(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        rows: Int64[np.ndarray, " n"],
        *,
        clip_of_row: Int64[np.ndarray, " n"],
        truth: Int64[np.ndarray, " c"],
    ):
        self.every = 1
        self._read, self._rows, self._clip_of_row, self._truth = read, rows, clip_of_row, truth

    def check(self, module: Learner, *, step: int, total: int) -> dict[str, float]:
        """`val_balanced_accuracy`, `val_loss` (the mean over classes of their clips' log loss), and `val_score`.

        The score is the accuracy less a small part of the loss, which decides among equals: few clips have few
        accuracies, and the first of the best would end many runs too early.
        """
        objective = module.objective
        assert isinstance(objective, Classify)
        encoder, head = objective.fitted(module.encoder)
        probabilities = frame_outputs(self._read, self._rows, encoder, head, then=lambda o: o.softmax(1))
        of_clips = means(probabilities, self._clip_of_row, len(self._truth))
        answers = of_clips.argmax(1)
        log_loss = -np.log(np.maximum(of_clips[np.arange(len(answers)), self._truth], 1e-12))
        of_class = [log_loss[self._truth == c].mean() for c in np.unique(self._truth)]
        accuracy, loss = balanced_accuracy(self._truth, answers == self._truth), float(np.mean(of_class))
        return {"val_balanced_accuracy": accuracy, "val_loss": loss, self.score: accuracy - TIES * loss}


@torch.inference_mode()
def frame_outputs(
    read: Callable[[np.ndarray], np.ndarray],
    rows: Int64[np.ndarray, " n"],
    encoder: Encoder,
    head: nn.Module,
    *,
    then: Callable[[Tensor], Tensor],
) -> Float64[np.ndarray, "n c"]:
    """What a head makes of each frame, both in eval mode.

    Args:
        then: outputs [m, c] -> what is wanted of them, such as probabilities.
    """
    device = next(encoder.parameters()).device
    modes = encoder.training, head.training
    for module in (encoder, head):
        module.eval()
    parts: list[Float[Tensor, "m c"]] = []
    for start in range(0, len(rows), FRAMES_AT_ONCE):
        frames = torch.from_numpy(read(rows[start : start + FRAMES_AT_ONCE])).to(device)
        parts.append(then(head(encoder(resize(frames, encoder.image_size)).float())).cpu())
    for module, training in zip((encoder, head), modes, strict=True):
        module.train(training)
    return torch.cat(parts).double().numpy()


def means(
    values: Float64[np.ndarray, "n c"], group: Int64[np.ndarray, " n"], n_groups: int
) -> Float64[np.ndarray, "g c"]:
    """The mean of each group's rows."""
    sums = np.zeros((n_groups, values.shape[1]))
    np.add.at(sums, group, values)
    return sums / np.bincount(group, minlength=n_groups)[:, None]
