"""Are the phantom's patients within the ranges of adults, and is its tissue's speckle Rayleigh's?

Of many patients: the share whose number lies in the range that a guideline calls normal, as it was drawn, and as it is
measured with calipers on the label map of an undisturbed plane (`tests/phantom/measuring.py`), where that is done. At
least nine of ten should. Who is ill is so on purpose: one patient in five has a weak ventricle, one in twenty a thick
wall; numbers of function are therefore given for the others as well (fractional shortening of .25 and more).

Then one tissue that fills the sector, without any device's defects: before compression the envelope of fully developed
speckle has mean / SD = sqrt(pi / (4 - pi)) = 1.913, and its logarithm an SD of 5.57 dB (Burckhardt 1978).

    OMP_NUM_THREADS=1 python benchmarks/quality/phantom_ranges.py [--patients 200] [--seed 10000]

Prints a table and, as its last line, one JSON object.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "simulated"), str(ROOT / "benchmarks" / "speed")]
import measuring  # noqa: E402
from measure import finish  # noqa: E402
from test_renderer import renderer_of, uniform  # noqa: E402

from sslecho.metrics.intervals import bootstrap_mean  # noqa: E402
from sslecho.phantom.clock import draw_rhythm  # noqa: E402
from sslecho.phantom.factors import Factors  # noqa: E402
from sslecho.phantom.patients import Patient, draw_patient  # noqa: E402

ASE = "Lang 2015 (ASE/EACVI)"
OLD_ASE = "Lang 2005 (ASE)"
NO_END = float("inf")
STRONG = 0.25  # fractional shortening: men's lower limit in Lang 2005
FRAMES = (0, 30, 60, 90)  # of the uniform tissue, far enough apart to be independent


class Range(NamedTuple):
    """What is normal.

    Args:
        name: of a number of `Patient` or `Rhythm`.
        men, women: (lowest, highest).
        source: of the range.
        function: not a size; given without weak ventricles, too.
    """

    name: str
    men: tuple[float, float]
    women: tuple[float, float]
    source: str
    function: bool = False


def both(name: str, low: float, high: float, source: str, *, function: bool = False) -> Range:
    return Range(name, (low, high), (low, high), source, function)


RANGES = (
    Range("lv_diameter_mm", (42, 58.4), (37.8, 52.2), ASE),
    Range("wall_mm", (6, 10), (6, 9), ASE),
    both("rv_base_mm", 25, 41, ASE),
    both("rv_mid_mm", 19, 35, ASE),
    both("rv_length_mm", 59, 83, ASE),
    both("rv_outflow_mm", 21, 35, f"{ASE}, proximal"),
    Range("la_diameter_mm", (30, 40), (27, 38), f"{OLD_ASE}, end-systole"),
    Range("aortic_annulus_mm", (20, 32), (19, 27), f"{ASE}, mean ± 2 SD"),
    Range("aortic_sinus_mm", (28, 40), (24, 36), f"{ASE}, mean ± 2 SD"),
    Range("sinotubular_mm", (23, 35), (20, 32), f"{ASE}, mean ± 2 SD"),
    Range("ascending_aorta_mm", (22, 38), (19, 35), f"{ASE}, mean ± 2 SD"),
    both("main_pulmonary_mm", 15, 27, OLD_ASE),
    both("ivc_mm", 0, 21, ASE),
    Range("shortening", (0.25, 0.43), (0.27, 0.45), OLD_ASE, function=True),
    both("base_descent_mm", 10, NO_END, "MAPSE; 8 to 10 are usual limits", function=True),
    both("lateral_descent_mm", 17, NO_END, f"{ASE}, TAPSE", function=True),
    both("rv_area_change", 0.35, NO_END, ASE, function=True),
    both("rate_per_min", 50, 90, "Spodick 1992, sinus rhythm at rest"),
)

MEASURED: dict[str, Callable[[int], float]] = {
    "lv_diameter_mm": lambda k: measuring.plax(k)["lv_diameter"],
    "wall_mm": lambda k: measuring.plax(k)["septum"],
    "rv_base_mm": lambda k: measuring.four_chambers(k)["rv_base"],
    "rv_mid_mm": lambda k: measuring.four_chambers(k)["rv_mid"],
    "rv_length_mm": lambda k: measuring.four_chambers(k)["rv_length"],
    "la_diameter_mm": lambda k: measuring.plax(k, 1.0)["la"],
    "aortic_sinus_mm": lambda k: measuring.plax(k)["root"],
    "ivc_mm": lambda k: measuring.vena_cava(k, -1.0),
}


def inside(values: Sequence[float], patients: Sequence[Patient], normal: Range) -> np.ndarray:
    """1 where a patient's value is in the range of the patient's sex, else 0."""
    bounds = [normal.men if patient.sex == "male" else normal.women for patient in patients]
    return np.array([float(low <= value <= high) for value, (low, high) in zip(values, bounds, strict=True)])


def range_rows(patients: Sequence[Patient], rates: Sequence[float]) -> list[dict]:
    rows = []
    for normal in RANGES:
        drawn = rates if normal.name == "rate_per_min" else [getattr(p, normal.name) for p in patients]
        found = inside(drawn, patients, normal)
        interval = bootstrap_mean(found, np.arange(len(found)), rng=np.random.default_rng(0))
        row = {
            "number": normal.name,
            "men": _said(normal.men),
            "women": _said(normal.women),
            "source": normal.source,
            "mean": round(float(np.mean(drawn)), 2),
            "SD": round(float(np.std(drawn)), 2),
            "in range": round(interval.value, 3),
            "95 %": f"{interval.low:.3f}–{interval.high:.3f}",
        }
        if normal.function:
            row["in range, no weak ventricle"] = round(
                float(found[[patient.shortening >= STRONG for patient in patients]].mean()), 3
            )
        if normal.name in MEASURED:
            values = [MEASURED[normal.name](patient.number) for patient in patients]
            row["measured in range"] = round(float(inside(values, patients, normal).mean()), 3)
            row["measured − drawn"] = f"{np.mean(np.subtract(values, drawn)):+.1f} mm"
        rows.append(row)
    return rows


def _said(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return f"≥ {low:g}" if high == NO_END else f"≤ {high:g}" if low == 0 else f"{low:g}–{high:g}"


def speckle_figures() -> dict[str, float]:
    """Of tissue that fills the sector, before compression."""
    renderer = renderer_of(uniform("fetal_liver"))
    power = np.concatenate([renderer.envelope(np.zeros(1), frame)[0][8:-8, 24:-8].ravel() for frame in FRAMES])
    envelope = np.sqrt(power)
    return {
        "envelope's mean / SD (Rayleigh 1.913)": round(float(envelope.mean() / envelope.std()), 3),
        "SD of its logarithm, dB (Rayleigh 5.57)": round(float(np.std(10 * np.log10(power))), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--seed", type=int, default=10000)
    options = parser.parse_args()
    factors = measuring.FACTORS = Factors.from_seed(options.seed)
    patients = [draw_patient(factors, number) for number in range(options.patients)]
    rates = [draw_rhythm(factors.stream("study", patient.number, 0)).rate_per_min for patient in patients]
    rows = range_rows(patients, rates)
    below = sum(row.get("in range, no weak ventricle", row["in range"]) < 0.9 for row in rows)
    finish(
        "phantom_ranges",
        ratios={"numbers with fewer than nine of ten in range": below, **speckle_figures()},
        rows=rows,
        seeds=[options.seed],
    )


if __name__ == "__main__":
    main()
