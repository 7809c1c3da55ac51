"""What each process of `torchrun assigning_team.py FOLDER` does: assign in turn, then meet an embedding that is NaN."""

import sys
from pathlib import Path

import numpy as np

from sslecho.errors import InputError
from sslecho.tasks.clusterers.centroids import Centroids
from sslecho.tasks.team import joined


def main(folder: Path) -> None:
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    centroids = np.load(folder / "centroids.npy")
    with joined() as team:
        if not team.first:
            try:
                team.follow(vectors)
            except InputError as error:
                (folder / "followed.txt").write_text(str(error))
            return
        try:
            with team.leading():
                for k in (3, 7):
                    found = team.assign(Centroids(centroids[:k]), vectors)
                    np.savez(folder / f"{k}.npz", **found._asdict())
                vectors = np.where(np.arange(len(vectors))[:, None] == 0, np.nan, vectors).astype(np.float32)
                team.assign(Centroids(centroids), vectors)
        except InputError as error:
            (folder / "led.txt").write_text(str(error))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
