"""Settings that all commands share that train on labels; nothing heavy is imported here either."""

from dataclasses import dataclass

from sslecho.api.settings import Machine
from sslecho.config import option


@dataclass(frozen=True)
class LearningSettings(Machine):
    """How a network learns from labels, and until when."""

    layer_decay: float = option(
        1.0, "Learning rate of a layer as a share of that of the layer above it.", minimum=0.1, maximum=1.0
    )
    epochs: int = option(30, "Passes over the labeled frames of train.", minimum=1)
    min_steps: int = option(200, "Steps at least; few labels make short epochs.", minimum=1)
    patience: int = option(
        10, "Looks at the validation patients, of 30 in a run, without gain before it ends early.", minimum=1
    )
    batch_size: int = option(64, "Frames a step, over all processes.", minimum=2)
    optimizer: str = option("adamw", "How to descend.", choices=("adamw", "sgd"))
    lr: float = option(3e-4, "Peak learning rate.", minimum=1e-8)
    weight_decay: float = option(1e-4, "Of weight matrices; biases and norms are left alone.", minimum=0.0)
    warmup_epochs: float = option(2.0, "Epochs in which the learning rate rises.", minimum=0.0)
    clip_grad: float | None = option(None, "Longest gradient; a longer one is scaled down to it.", minimum=1e-6)
    precision: str = option("auto", "Arithmetic: bf16 where the hardware has it.", choices=("auto", "32", "bf16", "16"))
    device: str = option("auto", "Where to train.", choices=("auto", "cpu", "cuda"), decides=False)
    devices: int = option(1, "GPUs or processes on this machine.", minimum=1)
    nodes: int = option(1, "Machines, each started by torchrun.", minimum=1)
    compile: str = option(
        "auto", "Compile the network: auto does on CUDA.", choices=("auto", "on", "off"), decides=False
    )
    checkpoint_seconds: float = option(
        120.0, "Time between two checkpoints; 0 makes one after every step.", minimum=0.0, decides=False
    )
    seed: int = option(0, "Decides every random number.", minimum=0)
