"""The settings of FUSC and of TURTLE."""

from dataclasses import dataclass

from sslecho.config import option
from sslecho.views.policies import POLICIES

PRIORS = ("estimated", "uniform")


@dataclass(frozen=True)
class FuscSettings:
    """Lambda, 20 neighbors, 50 and 200 epochs and Adam's 1e-4 for the whole network are the paper's.

    Ours: the estimated prior, several heads, other patients' items alone as neighbors, and how a head alone is trained.
    The paper has one head, counts an item among its own neighbors and takes those of the same patient.
    """

    lam: float = option(5.0, "Lambda: how strongly clusters are held to the prior's sizes.", minimum=0.0)
    prior: str = option("estimated", "Sizes of clusters: estimated from the items, or all equal.", choices=PRIORS)
    heads: int = option(10, "Heads from different starts; the best on validation patients stays.", minimum=1)
    neighbors: int = option(20, "Nearest neighbors of an item, of which one is drawn a step.", minimum=1)
    exclude: str = option(
        "patient", "Who is no neighbor of an item: its own patient, its clip.", choices=("patient", "clip", "nothing")
    )
    self_label: bool = option(True, "Learn from the model's own sure answers at the end.")
    train: str = option("head", "The head on frozen embeddings, or the whole network.", choices=("head", "network"))
    steps: int = option(1000, "Steps of a head alone.", minimum=1)
    batch_size: int = option(1024, "Items a step of a head alone.", minimum=2)
    lr: float = option(0.02, "Adam's learning rate of a head alone.", minimum=1e-6)
    epochs: int = option(50, "Epochs of the whole network.", minimum=1)
    self_label_epochs: int = option(200, "Epochs of the whole network that learns from itself.", minimum=1)
    network_batch_size: int = option(128, "Frames a step of the whole network.", minimum=2)
    network_lr: float = option(1e-4, "Learning rate of the whole network.", minimum=1e-8)
    policy: str = option("echo", "Augmentations of the whole network's strong views.", choices=POLICIES)


@dataclass(frozen=True)
class TurtleSettings:
    """Lambda (the paper's gamma) and 10 steps of the inner problem are the paper's; sizes and rates are ours."""

    lam: float = option(10.0, "Lambda: how strongly clusters are held to the prior's sizes.", minimum=0.0)
    prior: str = option("estimated", "Sizes of clusters: estimated from the items, or all equal.", choices=PRIORS)
    inner_steps: int = option(10, "Steps of the classifiers for each step of the labeling.", minimum=1)
    steps: int = option(600, "Steps of the labeling; the paper has 6000.", minimum=1)
    batch_size: int = option(2048, "Items a step; the paper has 10,000.", minimum=2)
    lr: float = option(0.02, "Adam's learning rate of both.", minimum=1e-6)
