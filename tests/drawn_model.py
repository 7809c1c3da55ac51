"""Models with random weights in the folders of runs, for tests of what is done with them."""

from pathlib import Path

import torch

from sslecho.metrics.calibration import Conformal
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.models.video import create_video
from sslecho.objectives.grade import GradeHead
from sslecho.tasks.classifier import Classifier
from sslecho.tasks.grader import Grader
from sslecho.tasks.viewer import Looking, Viewer

VIEWS = ("A4C", "PLAX", "other")
SCALE = (2, 6)


def drawn_encoder(*, seed: int = 3) -> Encoder:
    """A small network that no one has trained."""
    torch.manual_seed(seed)
    return Encoder("test_resnet", image_size=32, mean=0.3, std=0.2).eval()


def draw_classifier(
    folder: Path, *, level: str = "clip", temperature: float = 0.4, q: float | None = 0.66, seed: int = 3
) -> Path:
    """A classifier of three views.

    Args:
        q: of its sets; None promises none.
    """
    encoder = drawn_encoder(seed=seed)
    head = LinearHead(encoder.dim, (2, 1))
    with torch.no_grad():
        for layer in head.layers:
            layer.weight.mul_(30)
    conformal = None if q is None else Conformal(q, 0.9, 30)
    folder.mkdir(parents=True, exist_ok=True)
    Classifier(encoder, head.eval(), VIEWS, temperature, conformal, {"level": level, "unit": "patient"}).save(folder)
    return folder


def draw_viewer(folder: Path, *, arch: str = "lstm", frames: int = 2, seed: int = 5) -> Path:
    """A classifier of clips of three views, by the mean of two windows."""
    network = create_video(arch, drawn_encoder(seed=seed), n_classes=len(VIEWS), n_frames=frames).eval()
    with torch.no_grad():
        for value in network.parameters():
            if value.shape == (len(VIEWS),):
                value.copy_(torch.tensor([0.0, 0.6, -0.4]))
    looking = Looking(1, None, 2, 300, "mean", False, 0.8)
    conformal = Conformal(0.7, 0.9, 30)
    folder.mkdir(parents=True, exist_ok=True)
    Viewer(network, arch, "test_resnet", VIEWS, looking, 0.5, conformal, {"level": "clip"}).save(folder)
    return folder


def draw_grader(folder: Path, *, loss: str = "mse", views: tuple[str, ...] = (), seed: int = 4) -> Path:
    """A grader, with views beside the grade where some are named."""
    encoder = drawn_encoder(seed=seed)
    head = GradeHead(encoder.dim, SCALE, loss=loss, mean=3.5)
    view_head = LinearHead(encoder.dim, (len(views),)) if views else None
    folder.mkdir(parents=True, exist_ok=True)
    Grader(encoder, head, view_head, views, {"unit": "patient"}).save(folder)
    return folder
