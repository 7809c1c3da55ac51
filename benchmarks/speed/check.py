"""How do the time and memory of `sslecho check` grow with the number of frames?

    python benchmarks/speed/check.py [--quick]

The pass over all frames is measured on stores of n and 4 n frames of 128 x 128 pixels, in a process each; the search
among hashes, which alone could grow faster, on up to a million hashes of pictures with the statistics of a large
archive: bits that are not even, and one picture in ten with a near copy. Recall is the share of these pairs found.
A ratio of 4 n over n that is 4 is linear. Prints a table and, last, one line of JSON.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import finish
from scipy import ndimage

from sslecho.data.audit.candidates import near_pairs
from sslecho.data.audit.phash import Hashes
from sslecho.data.writer import StoreWriter

SIDE, FRAMES_A_CLIP, SEED = 128, 25, 0
COPIES = 0.1  # of the pictures have a near copy
FLIPPED = 0.12  # of a copy's bits, in the middle: as half of the real repeats differ
CHILD = """
import json, resource, sys, time
from sslecho.data.audit.audit import audit
from sslecho.data.store import Store
store = Store.open(sys.argv[1])
started = time.process_time()
audit(store)
print(json.dumps([time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""


def make_store(folder: Path, frames: int) -> Path:
    """Clips of blurred noise, each its own picture."""
    rng = np.random.default_rng(SEED)
    with StoreWriter(folder, (SIDE, SIDE)) as writer:
        for clip in range(frames // FRAMES_A_CLIP):
            picture = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), 5)
            noise = rng.integers(0, 30, (FRAMES_A_CLIP, SIDE, SIDE))
            pictures = np.clip(110 + 400 * picture + noise, 0, 255).astype(np.uint8)
            writer.add_clip(pictures, {"clip_id": f"c{clip}", "patient_id": f"p{clip // 4}", "source_id": f"s{clip}"})
        writer.commit()
    return folder


def make_hashes(n: int) -> tuple[Hashes, set[tuple[int, int]]]:
    """Hashes with uneven bits, and the pairs of near copies among them."""
    rng = np.random.default_rng(SEED)
    even = np.clip(rng.normal(0.5, 0.15, 320), 0.05, 0.95)
    bits = rng.random((n, 320)) < even
    n_copies = round(n * COPIES / 2)
    place = rng.permutation(n)[: 2 * n_copies].reshape(-1, 2)
    bits[place[:, 1]] = bits[place[:, 0]] ^ (rng.random((n_copies, 320)) < FLIPPED)
    words = np.packbits(bits, axis=1).view(np.uint64)
    pairs = {(int(min(a, b)), int(max(a, b))) for a, b in place}
    return Hashes(np.ascontiguousarray(words[:, 0]), np.ascontiguousarray(words[:, 1:])), pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    n_frames, n_hashes = (1_000, 15_625) if quick else (5_000, 250_000)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for frames in (n_frames, 4 * n_frames):
            store = make_store(Path(folder) / f"store{frames}", frames)
            done = subprocess.run([sys.executable, "-c", CHILD, str(store)], capture_output=True, text=True, check=True)
            seconds, peak = json.loads(done.stdout.splitlines()[-1])
            rows.append(
                {
                    "what": "check",
                    "n": frames,
                    "cpu_s": seconds,
                    "ms_each": 1e3 * seconds / frames,
                    "peak_mb": peak / 1e6,
                }
            )
    for n in (n_hashes, 4 * n_hashes):
        hashes, pairs = make_hashes(n)
        started = time.process_time()
        found = near_pairs(hashes, np.arange(n), seed=SEED)
        seconds = time.process_time() - started
        hit = len(pairs & set(zip(found.a.tolist(), found.b.tolist(), strict=True)))
        rows.append(
            {"what": "search", "n": n, "cpu_s": seconds, "ms_each": 1e3 * seconds / n, "recall": hit / len(pairs)}
        )
    ratios = {
        "check_time_4n_over_n": round(rows[1]["cpu_s"] / rows[0]["cpu_s"], 2),
        "check_memory_4n_over_n": round(rows[1]["peak_mb"] / rows[0]["peak_mb"], 2),
        "search_time_4n_over_n": round(rows[3]["cpu_s"] / rows[2]["cpu_s"], 2),
        "search_recall": round(rows[3]["recall"], 4),
    }
    finish("check", ratios=ratios, rows=rows, seeds=(SEED,))


if __name__ == "__main__":
    main()
