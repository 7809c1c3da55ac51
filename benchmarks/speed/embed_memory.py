"""Does the memory of embedding grow with the number of frames?

    python benchmarks/speed/embed_memory.py [--quick]

Peak resident memory of `sslecho embed` in a process of its own, over stores of n and 4 n frames of 128 x 128 pixels
(16 kB a frame, its vector 2.3 kB). Prints a table and, last, one line of JSON.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import finish

from sslecho.data.writer import StoreWriter

SIDE, FRAMES_A_CLIP = 128, 50
CHILD = """
import json, resource, sys
import sslecho
sslecho.embed(sys.argv[1], sys.argv[2], encoder="pixels", batch_size=128)
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
"""


def make_store(folder: Path, frames: int) -> Path:
    rng = np.random.default_rng(0)
    with StoreWriter(folder, (SIDE, SIDE)) as writer:
        for clip in range(frames // FRAMES_A_CLIP):
            pictures = rng.integers(0, 256, (FRAMES_A_CLIP, SIDE, SIDE)).astype(np.uint8)
            writer.add_clip(pictures, {"clip_id": f"c{clip}", "patient_id": f"p{clip // 4}", "source_id": f"s{clip}"})
        writer.commit()
    return folder


def peak_bytes(store: Path, out: Path) -> int:
    command = [sys.executable, "-c", CHILD, str(store), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    n = 1000 if parser.parse_args().quick else 5000
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for frames in (n, 4 * n):
            store = make_store(Path(folder) / f"store{frames}", frames)
            peak = peak_bytes(store, Path(folder) / f"embeddings{frames}")
            rows.append({"frames": frames, "frames_mb": frames * SIDE**2 / 1e6, "peak_mb": peak / 1e6})
    grown = rows[1]["peak_mb"] - rows[0]["peak_mb"]
    rows[1]["grown_bytes_a_frame"] = grown * 1e6 / (3 * n)
    finish("embed_memory", ratios={"peak_4n_over_n": round(rows[1]["peak_mb"] / rows[0]["peak_mb"], 3)}, rows=rows)


if __name__ == "__main__":
    main()
