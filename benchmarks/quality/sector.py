"""Does the sector finder find the sector?

    OMP_NUM_THREADS=1 python benchmarks/quality/sector.py [--clips 44] [--seed 10000] [--sheet FILE] [--quick]

Phantom clips of twelve geometries (`fans.py`) with text, scales and an ECG up to the sector's very edge, half of them
through JPEG or H.264, one in eight a still. Intersection over union of the mask with the pixels that the phantom
scanned, dark ones included; once from the pixels alone and once with a loose DICOM region. "Letters kept" is the
share of clips in which a pixel of a letter more than one pixel beyond the true edge survives. Prints a table and, as
its last line, one JSON object; the sheet shows the worst clips, the truth dim and what was found bright.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from fans import GEOMETRIES, FanClip, fan_clip
from scipy import ndimage

from sslecho.data.readers.recording import Region
from sslecho.data.sector import CONFIDENT, Sector, find_sector
from sslecho.data.sheet import contact_sheet

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish

POOR = 0.9
WORST_SHOWN = 40
THUMB = 300, 400


def overlap(found: Sector | None, clip: FanClip) -> float:
    if found is None:
        return 0.0
    return float((found.mask & clip.sector).sum() / (found.mask | clip.sector).sum())


def surviving(found: Sector | None, clip: FanClip) -> int:
    """Pixels of letters outside the true sector that the mask keeps, more than 1 pixel beyond its edge."""
    if found is None:
        return 0
    return int((found.mask & clip.glyphs & ~ndimage.binary_dilation(clip.sector)).sum())


def row(name: str, results: list[tuple[float, float, float, int, str]]) -> dict[str, float | int | str]:
    ious, confidences, with_region, letters = (np.array([r[k] for r in results]) for k in range(4))
    sure = confidences >= CONFIDENT
    return {
        "geometry": name,
        "n": len(results),
        "median IoU": float(np.median(ious)),
        "worst 1 %": float(np.percentile(ious, 1)),
        "below 0.9": float(np.mean(ious < POOR)),
        "doubtful": float(np.mean(~sure)),
        "worst 1 % not doubtful": float(np.percentile(ious[sure], 1)) if sure.any() else 0.0,
        "median with region": float(np.median(with_region)),
        "worst 1 % with region": float(np.percentile(with_region, 1)),
        "letters kept": float(np.mean(letters > 0)),
        "letters kept, not doubtful": float(np.mean(letters[sure] > 0)) if sure.any() else 0.0,
    }


def thumbnail(clip: FanClip, found: Sector | None) -> np.ndarray:
    picture = clip.frames.max(axis=0)
    picture = np.maximum(picture, np.where(_edge(clip.sector), np.uint8(140), 0).astype(np.uint8))
    if found is not None:
        picture = np.maximum(picture, np.where(_edge(found.mask), np.uint8(255), 0).astype(np.uint8))
    high, wide = picture.shape
    return np.pad(picture, ((0, max(0, THUMB[0] - high)), (0, max(0, THUMB[1] - wide))))[: THUMB[0], : THUMB[1]]


def _edge(mask: np.ndarray) -> np.ndarray:
    return ndimage.binary_dilation(mask) ^ mask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=44, help="of each geometry")
    parser.add_argument("--seed", type=int, default=10000)
    parser.add_argument("--sheet", type=Path, help="draw the worst clips here")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    n_clips = 4 if options.quick else options.clips
    results: dict[str, list[tuple[float, float, float, int, str]]] = {name: [] for name in GEOMETRIES}
    worst: list[tuple[float, str, np.ndarray]] = []
    took_s = 0.0
    for name in GEOMETRIES:
        for number in range(n_clips):
            clip = fan_clip(name, options.seed, number)
            frames = list(clip.frames)
            start = time.process_time()
            found = find_sector(frames)
            took_s += time.process_time() - start
            told = find_sector(frames, regions=(Region(clip.region, "2d", "tissue", None),))
            iou, confidence = overlap(found, clip), 0.0 if found is None else found.confidence
            kind = "still" if len(frames) == 1 else clip.codec
            results[name].append((iou, confidence, overlap(told, clip), surviving(found, clip), kind))
            worst.append((iou, f"{iou:.2f} {name} {kind} c{confidence:.2f}", thumbnail(clip, found)))
            worst = sorted(worst, key=lambda shown: shown[0])[:WORST_SHOWN]
    everything = [result for group in results.values() for result in group]
    rows = [row(name, group) for name, group in results.items()]
    for kind, said in (
        ("none", "clips, lossless"),
        ("jpeg", "clips, JPEG"),
        ("h264", "clips, H.264"),
        ("still", "stills"),
    ):
        rows.append(row(said, [result for result in everything if result[4] == kind] or everything[:1]))
    total = row("all", everything)
    rows.append(total)
    if options.sheet:
        pictures = np.stack([picture for _, _, picture in worst])
        contact_sheet(pictures, columns=8, captions=[said for _, said, _ in worst], scale=0.6).save(options.sheet)
    finish(
        "sector",
        ratios={
            "median_iou": round(float(total["median IoU"]), 4),
            "worst_percent_iou": round(float(total["worst 1 %"]), 4),
            "worst_percent_iou_not_doubtful": round(float(total["worst 1 % not doubtful"]), 4),
            "letters_kept_not_doubtful": round(float(total["letters kept, not doubtful"]), 4),
            "ms_per_clip": round(took_s / len(everything) * 1000, 1),
        },
        rows=rows,
        seeds=[options.seed],
    )


if __name__ == "__main__":
    main()
