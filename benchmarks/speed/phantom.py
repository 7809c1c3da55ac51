"""How fast does the phantom draw? Frames per second on one core, set-up of a clip apart.

    OMP_NUM_THREADS=1 python benchmarks/speed/phantom.py [--quick]

Medians over clips. The ratios compare with the goal of 60 frames/s per core at 256 x 256 pixels. Prints a
table and, as its last line, one JSON object.
"""

import argparse
import json
import platform
import statistics
import time

from sslecho.phantom.echo import EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal.still import PLANE_SHARES, draw_still
from sslecho.phantom.heart.views import VIEWS
from sslecho.rundir import commit

GOAL_PER_S = 60.0
SEED = 0


def clip_times(view: str, patient: int, *, size: int, frames: int) -> tuple[float, float]:
    """Seconds to set a clip up, and per frame; CPU time, so that other work on the machine counts less."""
    started = time.process_time()
    clip = EchoClip(Factors.from_seed(SEED), patient=patient, view=view, frames=frames, size=size)
    ready = time.process_time()
    clip.render()
    return ready - started, (time.process_time() - ready) / frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer clips and frames")
    options = parser.parse_args()
    frames = 12 if options.quick else 40
    views = list(VIEWS)[:: 4 if options.quick else 1]
    clip_times(views[0], 0, size=128, frames=2)
    rows = []
    for size in (128, 256):
        times = [clip_times(view, k, size=size, frames=frames) for k, view in enumerate(views)]
        setup, frame = (statistics.median(values) for values in zip(*times, strict=True))
        slowest = max(value for _, value in times)
        rows.append({"what": f"echo {size} px", "setup_ms": 1e3 * setup, "frame_ms": 1e3 * frame,
                     "slowest_frame_ms": 1e3 * slowest, "frames_per_s": 1 / frame})  # fmt: skip
    planes = list(PLANE_SHARES)
    stills = []
    for k in range(len(planes) * (1 if options.quick else 4)):
        started = time.process_time()
        draw_still(Factors.from_seed(SEED), patient=k, plane=planes[k % len(planes)], size=128)
        stills.append(time.process_time() - started)
    still = statistics.median(stills)
    rows.append({"what": "fetal still 128 px", "setup_ms": 1e3 * still, "frame_ms": 1e3 * still,
                 "slowest_frame_ms": 1e3 * max(stills), "frames_per_s": 1 / still})  # fmt: skip
    print(f"{'what':<20}{'set-up ms':>12}{'frame ms':>12}{'slowest':>12}{'frames/s':>12}")
    for row in rows:
        print(f"{row['what']:<20}" + "".join(f"{value:>12.1f}" for name, value in row.items() if name != "what"))
    ratios = {"frames_per_s_to_goal": rows[1]["frames_per_s"] / GOAL_PER_S}
    machine = platform.processor() or platform.machine()
    print(
        json.dumps(
            {"name": "phantom", "commit": commit(), "machine": machine, "seeds": [SEED], "ratios": ratios, "rows": rows}
        )
    )


if __name__ == "__main__":
    main()
