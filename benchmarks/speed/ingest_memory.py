"""Does the memory of ingest grow with the number of frames?

    OMP_NUM_THREADS=1 python benchmarks/speed/ingest_memory.py [--quick]

One long video and many short ones, n frames and 4 n frames, each ingested in a process of its own; peak memory
(ru_maxrss) of that process and of its largest worker. The ratios are 4 n over n and should be near 1. Prints a
table and, as its last line, one JSON object.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
from measure import finish

SIZE = 256
SEED = 0
CHILD = """
import json, resource, sys
from pathlib import Path
from sslecho.data.ingest import ingest
store, summary = ingest([Path(sys.argv[1])], Path(sys.argv[2]), patient_from="clip", workers=1)
peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([summary["frames"], *peaks]))
"""


def write_video(path: Path, n_frames: int) -> None:
    rng = np.random.default_rng(SEED)
    texture = rng.integers(30, 220, (SIZE + 64, SIZE + 64), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.height = stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(n_frames):
            shift = number % 64
            pixels = np.zeros((SIZE, SIZE), np.uint8)  # a margin, so that there is a sector to find
            pixels[24:-24, 24:-24] = texture[shift : shift + SIZE - 48, shift : shift + SIZE - 48]
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="gray")):
                container.mux(packet)
        container.mux(stream.encode())


def peak_mb(archive: Path, store: Path) -> list[float]:
    """Frames, and peak megabytes of the process and of its worker."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(archive), str(store)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer frames")
    n_frames = 500 if parser.parse_args().quick else 4000
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for shape, n_videos in (("one long video", 1), ("videos of 50 frames", n_frames // 50)):
            for times in (1, 4):
                archive = Path(folder) / f"{n_videos}-{times}"
                if n_videos == 1:
                    write_video(archive / "long.mp4", n_frames * times)
                else:
                    for number in range(n_videos * times):
                        write_video(archive / f"{number}.mp4", 50)
                frames, parent, worker = peak_mb(archive, archive.with_suffix(".store"))
                rows.append({"what": shape, "frames": frames, "stored_mb": round(frames * SIZE * SIZE / 1e6),
                             "parent_mb": round(parent), "worker_mb": round(worker)})  # fmt: skip
    ratios = {
        "long_parent": round(rows[1]["parent_mb"] / rows[0]["parent_mb"], 3),
        "long_worker": round(rows[1]["worker_mb"] / rows[0]["worker_mb"], 3),
        "many_parent": round(rows[3]["parent_mb"] / rows[2]["parent_mb"], 3),
        "many_worker": round(rows[3]["worker_mb"] / rows[2]["worker_mb"], 3),
    }
    finish("ingest_memory", ratios=ratios, rows=rows, seeds=(SEED,))


if __name__ == "__main__":
    main()
