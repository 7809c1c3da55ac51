"""Classifiers of clips, one file an architecture: `video_network.py` says what each is.

All of them can begin with a pretrained encoder.
"""

from typing import TYPE_CHECKING, Any

from sslecho.registry import Registry

if TYPE_CHECKING:
    from sslecho.models.video.video_network import create_video as create_video

ARCHITECTURES = Registry(
    "architecture",
    "sslecho.models.video",
    shared=("video_network", "recurrent", "stages", "inflate"),
)


def __getattr__(name: str) -> Any:
    # The names of architectures are options of the command line, which must not wait for torch.
    if name != "create_video":
        raise AttributeError(f"module 'sslecho.models.video' has no attribute {name!r}")
    from sslecho.models.video.video_network import create_video

    return create_video
