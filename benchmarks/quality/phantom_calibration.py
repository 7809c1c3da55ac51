"""Do the phantom's pictures have real pictures' gray values?

Seven statistics inside the sector, for a mix of parasternal and apical views, against the band (10-90 % of
clips) measured on 97 real adult echo clips. Give `--real FOLDER` (a folder per clip, pictures inside) to
measure the real side again; it is never written anywhere.

    python benchmarks/quality/phantom_calibration.py [--clips 96] [--seed 1] [--real FOLDER] [--sheet FILE]

Prints a table and, as its last line, one JSON object.
"""

import argparse
import json
import platform
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull, Delaunay

from sslecho.phantom.echo import EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.sheet import beside, echo_sheet
from sslecho.rundir import commit

# Median and 10-90 % band over 97 real clips.
BAND = {
    "P25": (2, 0, 21),
    "P50": (32, 16, 58),
    "P75": (98, 68, 132),
    "P95": (179, 162, 198),
    "P99": (216, 199, 233),
    "share < 15": (0.36, 0.20, 0.49),
    "share > 200": (0.024, 0.009, 0.045),
}
MIX = ("plax", "psax_av", "psax_mid", "a4c", "a4c", "a2c", "a3c", "a5c")


def gray_statistics(values: np.ndarray) -> dict[str, float]:
    """The seven numbers of one clip's pixels inside the sector."""
    return {
        **{f"P{q}": float(np.percentile(values, q)) for q in (25, 50, 75, 95, 99)},
        "share < 15": float(np.mean(values < 15)),
        "share > 200": float(np.mean(values > 200)),
    }


def sector_of(frames: np.ndarray) -> np.ndarray:
    """Hull of the largest lit part: depth ticks and text beside the fan fall away."""
    lit = ndimage.binary_closing(frames.max(axis=0) > 12, iterations=3)
    parts, n = ndimage.label(lit)
    if n == 0:
        return lit
    largest = parts == 1 + np.argmax(ndimage.sum_labels(lit, parts, range(1, n + 1)))
    points = np.argwhere(largest ^ ndimage.binary_erosion(largest))
    hull = Delaunay(points[ConvexHull(points).vertices])
    rows, columns = np.indices(lit.shape)
    return (hull.find_simplex(np.stack([rows.ravel(), columns.ravel()], axis=1)) >= 0).reshape(lit.shape)


def real_rows(folder: Path) -> list[dict[str, float]]:
    rows = []
    for clip in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(file for file in clip.iterdir() if file.suffix.lower() in (".jpg", ".png"))
        frames = np.stack([np.asarray(Image.open(file).convert("L")) for file in files])
        rows.append(gray_statistics(frames[:, sector_of(frames)]))
    return rows


def phantom_rows(clips: int, seed: int) -> list[dict[str, float]]:
    rows = []
    for k in range(clips):
        clip = EchoClip(Factors.from_seed(seed), patient=k, view=MIX[k % len(MIX)], frames=3).render()
        rows.append(gray_statistics(clip.frames[:, clip.sector]))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=96)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--sheet", type=Path, help="draw a contact sheet here, beside real frames if --real is given")
    options = parser.parse_args()
    phantom = phantom_rows(options.clips, options.seed)
    real = real_rows(options.real) if options.real else []
    columns = f"{'statistic':<12} {'real band':>22} {'phantom median (10-90 %)':>28} {'clips in band':>14}"
    print(columns + (f" {'real, measured now':>26}" if real else ""))
    rows = []
    for name, (middle, low, high) in BAND.items():
        values = np.array([row[name] for row in phantom])
        ten, median, ninety = np.percentile(values, [10, 50, 90])
        inside = float(np.mean((values >= low) & (values <= high)))
        line = f"{name:<12} {middle:>8} ({low}-{high})".ljust(36)
        line += f"{median:>12.3f} ({ten:.3f}-{ninety:.3f})".ljust(32) + f"{inside:>8.2f}"
        if real:
            line += "     " + " / ".join(f"{v:.3f}" for v in np.percentile([row[name] for row in real], [10, 50, 90]))
        ok = low <= median <= high
        print(line + ("" if ok else "   OUTSIDE"))
        rows.append(
            {
                "statistic": name,
                "median": median,
                "p10": ten,
                "p90": ninety,
                "in_band": bool(ok),
                "clips_in_band": inside,
            }
        )
    if options.sheet:
        sheet = echo_sheet(seed=options.seed)
        (beside(sheet, options.real) if options.real else sheet).save(options.sheet)
    machine = platform.processor() or platform.machine()
    record = {
        "name": "phantom_calibration",
        "commit": commit(),
        "machine": machine,
        "seeds": [options.seed],
        "rows": rows,
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
