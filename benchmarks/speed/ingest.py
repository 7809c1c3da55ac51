"""How fast is ingest against the bare decoder, and what does each stage of a clip cost?

    OMP_NUM_THREADS=1 python benchmarks/speed/ingest.py [--quick]

Clips of a speckled fan that moves, 100 frames of 600 x 800 pixels, with text beside the fan, in H.264 (limited range)
and MJPEG (full range). Frames per CPU second, counted over all processes:

- the bare decode: PyAV with one thread, a view of each frame's luma plane, nothing else;
- ingest as a whole: planning, decoding in a worker, kind, sector, crop, scale, mask, checksum, writing, store. An
  ingest of one clip is taken off on both sides, so that starting Python and importing is not counted.

`decoder` is the second over the first for all clips (goal 0.7); `decoder_h264` and `decoder_mjpeg` for each kind.
`two_workers` is the wall clock's rate with two workers over that with one. The stages are timed alone, in this
process, as milliseconds of CPU for a clip. Prints a table and, as its last line, one JSON object.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import av
import numpy as np
from measure import finish, in_turn, ratio
from PIL import Image, ImageDraw
from scipy import ndimage

from sslecho.data.burned_in import find_text
from sslecho.data.letterbox import Letterbox
from sslecho.data.look import LOOK_AT_FRAMES, first_frames
from sslecho.data.readers.sniff import open_recording
from sslecho.data.sector import find_sector
from sslecho.data.triage import triage

HEIGHT, WIDTH, N_FRAMES = 600, 800, 100
SEED = 0
CODECS = {
    "h264": ("mp4", "libx264", "yuv420p", {"crf": "20"}),
    "mjpeg": ("avi", "mjpeg", "yuvj420p", {"qmin": "3", "qmax": "3"}),
}
CHILD = """
import json, resource, sys, time
from pathlib import Path
from sslecho.data.ingest import ingest

def spent():
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, (resource.RUSAGE_SELF,
                                                                                  resource.RUSAGE_CHILDREN)))

found = []
for source, out in zip(sys.argv[2::2], sys.argv[3::2]):
    cpu, wall = spent(), time.perf_counter()
    store, summary = ingest([Path(source)], Path(out), patient_from="clip", workers=int(sys.argv[1]))
    assert not summary["quarantine"], summary["quarantine"][0]["reason"]
    found.append([summary["frames"], spent() - cpu, time.perf_counter() - wall])
print(json.dumps(found))
"""


def draw(n_frames: int, seed: int) -> list[np.ndarray]:
    """Speckle that swings under a fan, and a line of text that stands still."""
    rng = np.random.default_rng(seed)
    speckle = ndimage.gaussian_filter(rng.normal(size=(HEIGHT + 60, WIDTH + 60)), (1.2, 2.5))
    tissue = (90 + 55 * speckle / speckle.std()).clip(0, 255).astype(np.uint8)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    fan = (np.abs(np.arctan2(x - WIDTH / 2, y + 40)) < 0.65) & (np.hypot(x - WIDTH / 2, y + 40) < 620)
    screen = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(screen).text((12, 12), "HOSPITAL  FR 50  MI 1.1", fill=220)
    frames = []
    for number in range(n_frames):
        dy, dx = (round(28 + 26 * wave(number / 9)) for wave in (np.sin, np.cos))
        moved = tissue[dy : dy + HEIGHT, dx : dx + WIDTH]
        frames.append(np.where(fan, moved, np.asarray(screen)).astype(np.uint8))
    return frames


def write(path: Path, frames: list[np.ndarray], kind: str) -> Path:
    _, codec, pix_fmt, options = CODECS[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=50, options=options)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, pix_fmt
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="gray")
            frame = frame.reformat(format=pix_fmt, dst_color_range="JPEG" if "yuvj" in pix_fmt else "MPEG")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def decode(path: Path) -> int:
    n_frames = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            plane = frame.planes[0]
            np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
            n_frames += 1
    return n_frames


def decode_rate(files: list[Path]) -> Callable[[], float]:
    def measure() -> float:
        started = time.process_time()
        n_frames = sum(decode(file) for file in files)
        return n_frames / (time.process_time() - started)

    return measure


def ingest_rates(archive: Path, one: Path, *, n_workers: int) -> tuple[float, float]:
    """Frames per CPU second and per second of the wall clock, without the start."""
    with tempfile.TemporaryDirectory() as out:
        pairs = [str(one), f"{out}/one", str(archive), f"{out}/all"]
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(n_workers), *pairs], check=True, capture_output=True, text=True
        )
    first, whole = json.loads(done.stdout.splitlines()[-1])
    n_frames = whole[0] - first[0]
    return n_frames / (whole[1] - first[1]), n_frames / (whole[2] - first[2])


def stages(path: Path) -> dict[str, float]:
    """Milliseconds of CPU for each stage of one clip, the least of three."""
    recording = open_recording(path)
    start, _ = first_frames(recording, range(recording.n_frames))
    gray = [frame.pixels for frame in start]
    colored = [frame.rgb for frame in start if frame.rgb is not None]
    sector = find_sector(gray)
    assert sector is not None
    letterbox = Letterbox(sector.box, (256, 256), mask=sector.mask)

    def read() -> None:
        looked_at, rest = first_frames(recording, range(recording.n_frames))
        assert len(looked_at) + sum(1 for _ in rest) == recording.n_frames

    named = {
        "bare decode": lambda: decode(path),
        "open and count": lambda: open_recording(path),
        "decode to gray, 5 frames in color": read,
        f"kind, from {LOOK_AT_FRAMES} frames": lambda: triage(gray, colored),
        f"sector, from {LOOK_AT_FRAMES} frames": lambda: find_sector(gray),
        f"text, from {LOOK_AT_FRAMES} frames": lambda: find_text(gray, sector.mask),
        "crop, mask and scale": lambda: [letterbox(pixels) for pixels in islice(_round(gray), recording.n_frames)],
    }
    return {name: min(_cpu_ms(stage) for _ in range(3)) for name, stage in named.items()}


def _round(frames: list[np.ndarray]):
    while True:
        yield from frames


def _cpu_ms(function: Callable[[], object]) -> float:
    started = time.process_time()
    function()
    return 1000 * (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer clips and repeats")
    n_clips, repeats = (4, 1) if parser.parse_args().quick else (10, 3)
    walls: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        both = Path(folder) / "both"
        frames = draw(N_FRAMES, SEED)
        files: dict[str, list[Path]] = {}
        for kind, (extension, *_) in CODECS.items():
            first = write(Path(folder) / f"one-{kind}" / f"0.{extension}", frames, kind)
            copies = [Path(folder) / kind / f"{number}.{extension}" for number in range(n_clips)]
            files[kind] = [*copies, *(both / f"{kind}-{copy.name}" for copy in copies[: n_clips // 2])]
            for copy in files[kind]:
                copy.parent.mkdir(exist_ok=True)
                shutil.copy(first, copy)
            files[kind] = copies

        def ingest_rate(kind: str) -> Callable[[], float]:
            return lambda: ingest_rates(Path(folder) / kind, Path(folder) / f"one-{kind}", n_workers=1)[0]

        def wall(n_workers: int) -> Callable[[], float]:
            def measure() -> float:
                cpu, by_clock = ingest_rates(both, Path(folder) / "one-h264", n_workers=n_workers)
                walls[n_workers].append(by_clock)
                return cpu

            return measure

        rates = in_turn(
            {
                "bare decode, H.264": decode_rate(files["h264"]),
                "bare decode, MJPEG": decode_rate(files["mjpeg"]),
                "bare decode, both": decode_rate(sorted(both.iterdir())),
                "ingest, H.264": ingest_rate("h264"),
                "ingest, MJPEG": ingest_rate("mjpeg"),
                "ingest, both": wall(1),
                "ingest, both, 2 workers": wall(2),
            },
            repeats=repeats,
        )
        spent = {kind: stages(files[kind][0]) for kind in CODECS}
    rows = [
        {
            "what": name,
            "frames_per_cpu_s": round(statistics.median(values), 1),
            "lowest": round(min(values), 1),
            "highest": round(max(values), 1),
        }
        for name, values in rates.items()
    ]
    rows += [
        {"what": f"a clip's {name}", **{f"{kind}_ms": round(spent[kind][name], 1) for kind in CODECS}}
        for name in spent["h264"]
    ]
    ratios = {
        "decoder": ratio(rates["ingest, both"], rates["bare decode, both"]),
        "decoder_h264": ratio(rates["ingest, H.264"], rates["bare decode, H.264"]),
        "decoder_mjpeg": ratio(rates["ingest, MJPEG"], rates["bare decode, MJPEG"]),
        "two_workers": ratio(walls[2], walls[1]),
    }
    finish("ingest", ratios=ratios, rows=rows, seeds=(SEED,))


if __name__ == "__main__":
    main()
