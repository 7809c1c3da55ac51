"""Is text that is burned in inside the sector found?

    OMP_NUM_THREADS=1 python benchmarks/quality/burned_in.py [--clips 22] [--seed 20000] [--real FOLDER ...] [--quick]

One line of text (a name, a number, a date) is burned into phantom clips of twelve geometries (`fans.py`), inside the
fan, of 7 to 16 pixels at a picture of 256, in four grays, before the codec. Recall is the share of these lines that
a finding overlaps; a false alarm is a finding in the same clip without the line. `--real` names folders with one
folder of pictures a clip, or videos: how many of them have a finding (none of them should, unless text is there).
Prints a table and, as its last line, one JSON object.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fans import GEOMETRIES, FanClip, coded, fan_clip, text_lines
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from sslecho.data.burned_in import TEXT, find_text
from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import open_recording
from sslecho.data.sector import find_sector

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish

GRAYS = (120, 160, 200, 255)
LOOK_AT = 24  # frames of a real clip


@dataclass(frozen=True)
class Line:
    """A burned-in line: its box in the picture, size in pixels of a picture of 256, and gray."""

    frames: np.ndarray
    box: tuple[float, float, float, float]
    size: float
    gray: int


def burn(clip: FanClip, rng: np.random.Generator) -> Line | None:
    """A line somewhere inside the fan; None where none of 300 places has room."""
    size = float(rng.uniform(7, 16))
    pixels = size * max(clip.sector.shape) / 256
    gray, text = int(rng.choice(GRAYS)), text_lines(rng, 1)[0]
    font = ImageFont.load_default(size=pixels)
    width, height = font.getlength(text), 1.2 * pixels
    inner = ndimage.binary_erosion(clip.sector, iterations=4)
    rows, columns = np.nonzero(inner)
    for k in rng.integers(len(rows), size=300):
        x, y = int(columns[k]), int(rows[k])
        if x + width >= inner.shape[1] or y + height >= inner.shape[0]:
            continue
        if inner[y : int(y + height), x : int(x + width)].all():
            picture = Image.new("L", clip.sector.shape[::-1])
            ImageDraw.Draw(picture).text((x, y), text, fill=gray, font=font)
            frames = coded(np.maximum(clip.frames, np.asarray(picture)), clip.codec)
            return Line(frames, (x, y, x + width, y + height), size, gray)
    return None


def is_found(line: Line, mask: np.ndarray) -> bool:
    finding = find_text(list(line.frames), mask)
    x0, y0, x1, y1 = line.box
    return finding.score >= TEXT and any(
        min(box[2], x1) > max(box[0], x0) and min(box[3], y1) > max(box[1], y0) for box in finding.boxes
    )


def real_clips(folder: Path) -> Iterator[list[np.ndarray]]:
    """Frames of each folder of pictures, or of each file that can be read."""
    for path in sorted({file.parent if file.suffix == ".jpg" else file for file in folder.rglob("*.*")}):
        if path.is_dir():
            yield [np.asarray(Image.open(file).convert("L")) for file in sorted(path.glob("*.jpg"))]
            continue
        try:
            recording = open_recording(path)
            step = max(1, (recording.n_frames or 1) // LOOK_AT)
            yield [frame.pixels for frame in recording.frames(list(range(0, recording.n_frames or 1, step))[:LOOK_AT])]
        except Unreadable:
            continue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=22, help="of each geometry")
    parser.add_argument("--seed", type=int, default=20000)
    parser.add_argument("--real", type=Path, nargs="*", default=[])
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    hits: list[tuple[bool, float, int, str]] = []
    alarms: list[tuple[bool, str]] = []
    took_s = 0.0
    for name in GEOMETRIES:
        for number in range(2 if options.quick else options.clips):
            clip = fan_clip(name, options.seed, number)
            found = find_sector(list(clip.frames))
            mask = clip.sector if found is None else found.mask
            kind = "stills" if len(clip.frames) == 1 else clip.codec
            start = time.process_time()
            alarms.append((find_text(list(clip.frames), mask).score >= TEXT, kind))
            took_s += time.process_time() - start
            line = burn(clip, rng)
            if line is not None:
                hits.append((is_found(line, mask), line.size, line.gray, kind))

    def row(said: str, chosen: list[bool], false: list[bool] | None) -> dict[str, float | int | str | None]:
        return {
            "which": said,
            "lines": len(chosen) or None,
            "recall": float(np.mean(chosen)) if chosen else None,
            "clips without": len(false) if false else None,
            "false alarms": float(np.mean(false)) if false else None,
        }

    rows = [
        row(f"gray {gray}", [hit for hit, _, g, kind in hits if g == gray and kind != "stills"], None) for gray in GRAYS
    ]
    for low, high in ((7, 10), (10, 13), (13, 16)):
        chosen = [hit for hit, size, _, kind in hits if low <= size < high and kind != "stills"]
        rows.append(row(f"{low}-{high} pixels", chosen, None))
    for kind in ("none", "jpeg", "h264", "stills"):
        said = {"none": "lossless clips", "jpeg": "JPEG clips", "h264": "H.264 clips"}.get(kind, kind)
        rows.append(row(said, [h for h, _, _, k in hits if k == kind], [a for a, k in alarms if k == kind]))
    rows.append(row("all", [hit for hit, *_ in hits], [alarm for alarm, _ in alarms]))
    for folder in options.real:
        real = []
        for frames in real_clips(folder):
            found = find_sector(frames)
            mask = np.ones(frames[0].shape, bool) if found is None else found.mask
            real.append(find_text(frames, mask).score >= TEXT)
        rows.append(row(f"real: {folder.name}", [], real))
    bright = [hit for hit, _, gray, kind in hits if gray >= 200 and kind != "stills"]
    finish(
        "burned_in",
        ratios={
            "recall": round(float(np.mean([hit for hit, *_ in hits])), 3),
            "recall_bright_in_clips": round(float(np.mean(bright)), 3),
            "false_alarms": round(float(np.mean([alarm for alarm, _ in alarms])), 3),
            "ms_per_clip": round(took_s / len(alarms) * 1000, 1),
        },
        rows=rows,
        seeds=[options.seed],
    )


if __name__ == "__main__":
    main()
