"""Class sizes of published sets, to scale: which patients, classes and clips, in which split.

    fetal_planes   FETAL_PLANES_DB (Burgos-Artizzu et al. 2020): 12,400 images of 1,792 women, halves by woman
    cactus         CACTUS (arXiv 2503.05604): 37,736 frames of one body; sweeps stand for patients
    chartsias      Chartsias et al. 2021 (arXiv 2108.03124): 1,538 training subjects, thirteen classes

A number of patients is measured against the published one; people and clips of each class shrink alike. What is to
scale are people and clips: a clip has as many frames as were asked for, whatever its class.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal.still import PLANE_IMAGES
from sslecho.phantom.kinds.chartsias import SUBJECTS, TEST, TRAIN
from sslecho.phantom.plan import Plan

FEWEST_TESTED = 40  # patients per class in the test split of "chartsias"; the published 9, 5 and 6 carry no interval
TEST_SWEEPS = 0.2  # of a class of "cactus"; the paper's split is not known, this share is chosen
# Of FETAL_PLANES_DB, women who have a class: recalled from the paper's table and not checked; they spread the images.
FETAL_HAVING = {"abdomen": 595, "brain": 1082, "femur": 754, "thorax": 755, "cervix": 917, "other": 734}
FETAL_WOMEN = 1792
# Frames of CACTUS. How many sweeps they come from isn't published: a third party's grouping by file name found 112
# among 29,845 frames of the five views, and may count a sweep twice whose grade changes. Random's are reckoned from it.
CACTUS = {"A4C": 7422, "SC": 6345, "PL": 6102, "PSAV": 5832, "PSMV": 6014, "Random": 6021}
CACTUS_SWEEPS = round(112 * sum(CACTUS.values()) / 29845)


@dataclass(frozen=True)
class Block:
    """People of whom each has some of these classes, all in one split.

    Args:
        people: how many.
        classes: name -> (people who have it, clips of theirs together).
    """

    split: str
    people: int
    classes: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Sizes:
    """A published set.

    Args:
        kind: that has its classes.
        people: its number, against which patients are measured.
        fewest: patients, so that every class has one in every split.
        blocks: a number of patients -> who they are.
        twins: a repeat of a class in one person is the same look once more, not a new study.
    """

    kind: str
    people: int
    fewest: int
    blocks: Callable[[int], list[Block]]
    twins: bool = False


def plans_of_sizes(name: str, factors: Factors, *, patients: int) -> list[Plan]:
    """All clips of an archive with the class sizes of a published set, in the order of patients.

    No patient is in two splits. Patients' numbers and the order of their clips tell nothing of class and split.

    Args:
        name: of SIZES.
        patients: at least the set's `fewest`; of "chartsias" those that are trained on, the tested ones come on top.
    """
    sizes = SIZES[name]
    rng = factors.stream("study", "sizes", name)
    blocks = sizes.blocks(patients)
    numbers = iter(rng.permutation(sum(block.people for block in blocks)).tolist())
    plans = []
    for block in blocks:
        names = list(block.classes)
        for held in _allot(rng, block):
            patient = next(numbers)
            clips = [(view, k) for view, count in zip(names, held, strict=True) for k in range(count)]
            for number, place in enumerate(rng.permutation(len(clips))):
                view, k = clips[place]
                study, occasion, acquisition = (0, k // 2, k % 2) if sizes.twins else (k, k, 0)
                plans.append(
                    Plan(
                        sizes.kind,
                        patient,
                        study,
                        view,
                        occasion,
                        acquisition,
                        clip=f"p{patient:04d}-{number:03d}",
                        folder=f"p{patient:04d}/s{study + 1}",
                        split=block.split,
                    )
                )
    return sorted(plans, key=lambda plan: plan.clip)


def _allot(rng: np.random.Generator, block: Block) -> np.ndarray:
    """Clips of every person and class, [people, classes]; nobody is left without."""
    held = np.zeros((block.people, len(block.classes)), int)
    for column, (people, clips) in enumerate(block.classes.values()):
        who = rng.permutation(block.people)[:people]
        held[who, column] = clips // people
        held[who[: clips % people], column] += 1
    for person in np.flatnonzero(held.sum(axis=1) == 0):
        giver = int((held > 0).sum(axis=1).argmax())
        column = int(rng.choice(np.flatnonzero(held[giver])))
        held[[person, giver], column] = held[[giver, person], column]
    return held


def _scaled(people: int, clips: int, scale: float, *, at_least: int = 1) -> tuple[int, int]:
    """People and clips of a class, so many clips a person as published."""
    fewer = max(at_least, round(people * scale))
    return fewer, round(clips * fewer / people)


def fetal_planes(patients: int) -> list[Block]:
    """Two halves by woman, as published; each has half of every class, for want of the true counts per half."""
    blocks = []
    for split, odd in (("train", patients % 2), ("test", 0)):
        women = patients // 2 + odd
        classes = {}
        for name, images in PLANE_IMAGES.items():
            total = round(images * patients / FETAL_WOMEN)
            half = total - total // 2 if split == "train" else total // 2
            people = max(1, round(FETAL_HAVING[name] * women / FETAL_WOMEN))
            classes[name] = (people, max(people, half))
        blocks.append(Block(split, women, classes))
    return blocks


def cactus(patients: int) -> list[Block]:
    """As many sweeps of each class as its share of the frames; a fifth of each is tested on."""
    exact = {name: patients * frames / sum(CACTUS.values()) for name, frames in CACTUS.items()}
    sweeps = {name: int(number) for name, number in exact.items()}
    # Largest remainders, so that the sweeps sum to what was asked for.
    for name in sorted(exact, key=lambda name: sweeps[name] - exact[name])[: patients - sum(sweeps.values())]:
        sweeps[name] += 1
    blocks = []
    for name, number in sweeps.items():
        tested = max(1, round(TEST_SWEEPS * number))
        blocks += [
            Block(split, count, {name: (count, count)})
            for split, count in (("train", number - tested), ("test", tested))
        ]
    return blocks


# Who has which classes together is not published. Those of the first two groups have about two echocardiograms a
# subject (rest and stress), those of the last have one: other sources. The groups' subjects sum to the published ones.
CHARTSIAS_GROUPS = (
    ("c_2ch", "c_3ch", "c_4ch", "c_sax"),
    ("n_2ch", "n_3ch", "n_4ch", "n_sax"),
    ("n_plax", "n_5ch", "c_plax", "n_rv", "n_ssn"),
)


def chartsias(patients: int) -> list[Block]:
    """Training subjects to scale, and tested ones to scale but never fewer than FEWEST_TESTED of a class."""
    scale = patients / SUBJECTS["train"]
    blocks = []
    for split, table, at_least in (("train", TRAIN, 1), ("test", TEST, FEWEST_TESTED)):
        groups = [
            {name: _scaled(*table[name][:2], scale, at_least=at_least) for name in group} for group in CHARTSIAS_GROUPS
        ]
        people = [max(count for count, _ in group.values()) for group in groups]
        people[-1] = max(people[-1], round(scale * SUBJECTS[split]) - sum(people[:-1]))
        blocks += [Block(split, count, group) for count, group in zip(people, groups, strict=True)]
    return blocks


SIZES: dict[str, Sizes] = {
    "fetal_planes": Sizes("fetal", FETAL_WOMEN, 12, fetal_planes, twins=True),
    "cactus": Sizes("cactus", CACTUS_SWEEPS, 14, cactus),
    "chartsias": Sizes("chartsias", SUBJECTS["train"], 13, chartsias),
}
