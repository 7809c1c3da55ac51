"""Cells: every arm with every number of labels, support and run; what each said of the test clips stays on the disk.

    CELLS/ARM/x8-s2-r0.npy    float32 [n_test, n_classes]

A file is written whole, so a run that was killed goes on with the cells that are missing. A cell depends on its arm,
number, support and run alone, and its arithmetic runs on one thread: the number of workers changes nothing.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

from sslecho.data.limits import Limits
from sslecho.data.workers import Pool
from sslecho.errors import SslechoError
from sslecho.evaluate.arms import Arm, Lesson
from sslecho.evaluate.design import Design
from sslecho.progress import track
from sslecho.rundir import write_atomic


@dataclass(frozen=True)
class Cell:
    """One lesson of one arm, for a worker.

    Attributes:
        asked: rows of the store's clips that are tested.
        path: where the answer goes.
    """

    arm: Arm
    lesson: Lesson
    asked: Int64[np.ndarray, " m"]
    path: Path


def seed_of(design: Design, *, support: int, run: int) -> int:
    """The seed of a cell; neither the arm nor the number of labels enters, so that points of a curve share it."""
    return int(np.random.SeedSequence((design.seed, support, run)).generate_state(1)[0])


def path_of(folder: Path, arm: Arm, *, x: int, support: int, run: int) -> Path:
    return folder / arm.name / f"x{x}-s{support}-r{run}.npy"


def run_cells(
    design: Design, arms: Sequence[Arm], numbers: Sequence[int], folder: Path, *, supports: int, workers: int
) -> None:
    """Run all cells whose file is missing.

    Args:
        numbers: of labeled patients, or of labels a class.
        folder: where the files go.
        workers: processes; 1 works in this one.

    Raises:
        SslechoError: the disk is full, or a worker died twice on one cell.
    """
    for arm in arms:
        (folder / arm.name).mkdir(parents=True, exist_ok=True)
    # The longest first, so that no worker has one left when the others are done.
    every = [
        (x, support, run, arm)
        for x in sorted(numbers, reverse=True)
        for arm in arms
        for support in range(supports)
        for run in range(arm.n_runs)
    ]
    left = [key for key in every if not path_of(folder, key[3], x=key[0], support=key[1], run=key[2]).exists()]
    cells = (_cell(design, *key, folder) for key in left)
    with track("cells", total=len(every), unit="cells", done=len(every) - len(left)) as bar:
        for _ in _done(cells, n_workers=min(workers, len(left))):
            bar.advance()


def answers(path: Path) -> Float32[np.ndarray, "m c"]:
    """What a finished cell said."""
    return np.load(path)


def do(cell: Cell) -> None:
    """Let the arm learn and write what it says of the test clips."""
    from threadpoolctl import threadpool_limits

    lesson = cell.lesson
    with threadpool_limits(1):
        if len(np.unique(lesson.codes)) < 2:
            # Nothing to tell apart: whoever has seen one class can only name that one.
            said = np.tile(np.eye(lesson.n_classes)[lesson.codes[0]], (len(cell.asked), 1))
        else:
            said = cell.arm.learn(lesson, cell.asked)
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(said, dtype=np.float32))
    write_atomic(cell.path, buffer.getvalue())


def _cell(design: Design, x: int, support: int, run: int, arm: Arm, folder: Path) -> Cell:
    labeled = design.labeled(x, support=support)
    lesson = Lesson(
        labeled.clips,
        labeled.codes,
        labeled.units,
        n_classes=len(design.classes),
        run=run,
        seed=seed_of(design, support=support, run=run),
    )
    return Cell(arm, lesson, design.test.clips, path_of(folder, arm, x=x, support=support, run=run))


def _done(cells: Iterator[Cell], *, n_workers: int) -> Iterator[None]:
    if n_workers <= 1:
        yield from (do(cell) for cell in cells)
        return
    with Pool(n_workers, limits=Limits(seconds=None, memory_mb=None)) as pool:
        for _ in pool.in_order(do, cells, on_death=_died):
            yield None


def _died(cell: Cell, reason: str) -> None:
    raise SslechoError(
        f"a worker died on {cell.path.parent.name} with {len(cell.lesson.clips)} labels ({reason}); "
        "the same command goes on from there, with fewer --workers where memory ran out"
    )
