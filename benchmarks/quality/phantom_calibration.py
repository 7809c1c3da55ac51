"""Do the phantom's pictures have real pictures' gray values, speckle, change from frame to frame and repeats?

    OMP_NUM_THREADS=1 python benchmarks/quality/phantom_calibration.py [--clips 96] [--seed 10000] [--real FOLDER]

For a mix of parasternal and apical views, against the band (10-90 % of clips) of 97 real adult echo clips. By clip:
seven statistics of the gray values inside the sector, and the correlation of frames five apart. Over all patches of
tissue: the lags in pixels, down and across, at which the speckle's autocorrelation falls to half, by thirds of the
sector's depth, and the patches' SD in gray levels. Twins: the share of clips whose mean picture correlates by more
than 0.9 inside the common sector with another clip; the phantom's patients have one to four repeats of a view.

Assumed: real pictures are 0.36 mm per pixel (448 rows for about 160 mm); phantom clips are drawn at that, and the
sector is found in both by the same code. `--real` (a folder per clip, pictures inside) measures the real side again;
it is only read. `--sheet FILE` draws a contact sheet, beside real frames where they are given.
Prints a table and, as its last line, one JSON object.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from clip_measures import (
    Measured,
    frames_apart,
    gray_statistics,
    half_widths,
    likeness,
    patches,
    phantom_clip,
    real_clips,
)

from sslecho.phantom.sheet import beside, echo_sheet

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish

# By clip: median, 10 and 90 % over 97 real clips.
BAND = {
    "P25": (2, 0, 21),
    "P50": (32, 16, 58),
    "P75": (98, 68, 132),
    "P95": (179, 162, 198),
    "P99": (216, 199, 233),
    "share < 15": (0.36, 0.20, 0.49),
    "share > 200": (0.024, 0.009, 0.045),
    "frames five apart": (0.86, 0.81, 0.90),
}
# Over all clips: half-widths in pixels and SD in gray levels.
SPECKLE = {
    "near": (2.49, 3.60, 24.6),
    "middle": (3.01, 4.09, 24.2),
    "far": (2.76, 5.68, 23.3),
}
TWINS = 0.71
MIX = ("plax", "psax_av", "psax_mid", "a4c", "a4c", "a2c", "a3c", "a5c")
REPEATED, BEAT = 24, 51  # views with repeats; frames drawn of a clip, about a heart beat, as real ones have
ALIKE = 0.9


def by_clip(clips: list[Measured]) -> dict[str, np.ndarray]:
    rows = [gray_statistics(clip.frames[:, clip.sector]) | {"frames five apart": frames_apart(clip)} for clip in clips]
    return {name: np.array([row[name] for row in rows]) for name in BAND}


def speckle(clips: list[Measured]) -> dict[str, tuple[float, float, float]]:
    groups: dict[str, list[np.ndarray]] = {}
    for clip in clips:
        for name, found in patches(clip).items():
            groups.setdefault(name, []).extend(found)
    return {name: half_widths(group) for name, group in groups.items()}


def twins(sets: list[list[Measured]]) -> float:
    """Share of clips that have a twin within their set."""
    best = [
        max((likeness(clip, other) for other in group if other is not clip), default=0.0)
        for group in sets
        for clip in group
    ]
    return float(np.mean(np.array(best) > ALIKE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=96)
    parser.add_argument("--seed", type=int, default=10_000)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    phantom = [phantom_clip(options.seed, patient=k, view=MIX[k % len(MIX)], frames=BEAT) for k in range(options.clips)]
    repeats = [
        [
            phantom_clip(options.seed, patient=k, view=MIX[k % len(MIX)], acquisition=a, size=256, frames=BEAT)
            for a in range(1 + k % 4)
        ]
        for k in range(min(REPEATED, options.clips))
    ]
    real = real_clips(options.real) if options.real else []
    now = by_clip(real) if real else {}
    rows = []
    for name, values in by_clip(phantom).items():
        middle, low, high = BAND[name]
        ten, median, ninety = np.percentile(values, [10, 50, 90])
        row = {"statistic": name, "real": middle, "real 10 %": low, "real 90 %": high}
        row |= {"phantom": float(median), "phantom 10 %": float(ten), "phantom 90 %": float(ninety)}
        row["clips in band"] = float(np.mean((values >= low) & (values <= high)))
        rows.append(row | ({"real, measured now": float(np.median(now[name]))} if real else {}))
    found, real_now = speckle(phantom), speckle(real) if real else {}
    for name in SPECKLE:
        for k, what in enumerate(("speckle down", "speckle across", "patch SD")):
            row = {"statistic": f"{what}, {name}", "real": SPECKLE[name][k], "phantom": found[name][k]}
            rows.append(row | ({"real, measured now": real_now[name][k]} if real else {}))
    row = {"statistic": f"clips with a twin above {ALIKE}", "real": TWINS, "phantom": twins(repeats)}
    rows.append(row | ({"real, measured now": twins([real])} if real else {}))
    if options.sheet:
        sheet = echo_sheet(seed=options.seed)
        (beside(sheet, options.real) if options.real else sheet).save(options.sheet)
    shares = [row["clips in band"] for row in rows if "clips in band" in row]
    finish(
        "phantom_calibration",
        ratios={
            "clips_in_band_least": round(min(shares), 3),
            "clips_in_band_mean": round(float(np.mean(shares)), 3),
            "medians_in_band": float(
                np.mean(
                    [low <= row["phantom"] <= high for row, (_, low, high) in zip(rows, BAND.values(), strict=False)]
                )
            ),
        },
        rows=rows,
        seeds=[options.seed],
    )


if __name__ == "__main__":
    main()
