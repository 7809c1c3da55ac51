"""How much faster are random reads from a store than from PNG files? Warm, and with cold files.

    OMP_NUM_THREADS=1 python benchmarks/speed/store.py [--quick]

The same frames, 256 x 256 pixels, in batches of 128 at random, read in turn from a store and from one PNG file a
frame (Pillow). Cold: the files' pages are dropped from memory before each repeat. Frames per second, medians of
repeats; the goal for both ratios is 5. Prints a table and, as its last line, one JSON object.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measure import finish, in_turn, ratio
from PIL import Image
from scipy import ndimage

from sslecho.data.writer import StoreWriter

SIZE = 256
BATCH = 128
SEED = 0


def draw(rng: np.random.Generator) -> np.ndarray:
    """A frame that PNG packs about as well as real ultrasound: smooth speckle in a fan, black around it."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    speckle = ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE)), (1, 2))
    gray = 90 + 200 * speckle - 0.2 * y
    fan = (np.abs(np.arctan2(x - SIZE / 2, y + 20)) < 0.65) & (np.hypot(x - SIZE / 2, y + 20) < 265)
    return np.where(fan, gray, 0).clip(0, 255).astype(np.uint8)


def drop_from_memory(files: list[Path]) -> None:
    os.sync()
    for file in files:
        handle = os.open(file, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer frames and repeats")
    options = parser.parse_args()
    n_frames, repeats = (1024, 3) if options.quick else (4096, 9)
    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as folder:
        pngs = [Path(folder) / f"{number:05d}.png" for number in range(n_frames)]
        with StoreWriter(Path(folder) / "store", (SIZE, SIZE)) as writer:
            for number, png in enumerate(pngs):
                frame = draw(rng)
                Image.fromarray(frame).save(png)
                writer.add_clip(frame[None], {"clip_id": str(number)})
            store = writer.commit()
        shards = [store.path / shard["file"] for shard in store.manifest["shards"]]

        def read_store(rows: np.ndarray) -> np.ndarray:
            return store.read(rows)

        def read_pngs(rows: np.ndarray) -> np.ndarray:
            return np.stack([np.asarray(Image.open(pngs[row])) for row in rows])

        sample = rng.integers(0, n_frames, BATCH)
        assert np.array_equal(read_store(sample), read_pngs(sample))

        def rate(read: Callable[[np.ndarray], np.ndarray], files: list[Path], cold: bool) -> Callable[[], float]:
            def measure() -> float:
                rows = rng.permutation(n_frames)[: n_frames // 2 // BATCH * BATCH].reshape(-1, BATCH)
                if cold:
                    drop_from_memory(files)
                started = time.perf_counter()
                for batch in rows:
                    read(batch)
                return rows.size / (time.perf_counter() - started)

            return measure

        rates = in_turn(
            {
                "store, warm": rate(read_store, shards, False),
                "PNG, warm": rate(read_pngs, pngs, False),
                "store, cold": rate(read_store, shards, True),
                "PNG, cold": rate(read_pngs, pngs, True),
            },
            repeats=repeats,
        )
        megabytes = {"store": sum(file.stat().st_size for file in shards) / 1e6,
                     "PNG": sum(file.stat().st_size for file in pngs) / 1e6}  # fmt: skip
    rows = [
        {
            "what": name,
            "frames_per_s": round(statistics.median(values), 1),
            "lowest": round(min(values), 1),
            "highest": round(max(values), 1),
            "megabytes": round(megabytes[name.split(",")[0]], 1),
        }
        for name, values in rates.items()
    ]
    ratios = {
        "png": ratio(rates["store, warm"], rates["PNG, warm"]),
        "png_cold": ratio(rates["store, cold"], rates["PNG, cold"]),
    }
    finish("store", ratios=ratios, rows=rows, seeds=(SEED,))


if __name__ == "__main__":
    main()
