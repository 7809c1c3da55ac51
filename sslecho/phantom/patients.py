"""Adult patients from one vector, so that all views of a patient agree.

Sizes are those of the heart at end-diastole as a label map shows them. Means, SDs and ranges marked [A] are those of
Lang et al. 2015 (ASE/EACVI) for men and women; those without a mark are chosen to be plausible.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np

from sslecho.phantom.factors import Factors


class Size(NamedTuple):
    """How a size is spread among patients, mm.

    Args:
        men, women: means.
        sd: within a sex.
        low, high: nobody lies outside.
        group: sizes of one group go together.
    """

    men: float
    women: float
    sd: float
    low: float
    high: float
    group: str


SIZES: dict[str, Size] = {
    "lv_diameter_mm": Size(50.2, 45.0, 3.6, 38, 62, "lv"),  # [A] 42-58 men, 38-52 women
    "wall_mm": Size(8.4, 7.4, 0.8, 6, 11, "wall"),  # [A] 6-10 men, 6-9 women
    "lv_length_mm": Size(87, 80, 5.0, 68, 102, "lv"),
    "rv_base_mm": Size(35, 32, 3.0, 25, 45, "rv"),  # [A] 25-41
    "rv_mid_mm": Size(28, 26, 2.8, 19, 38, "rv"),  # [A] 19-35
    "rv_length_mm": Size(72, 68, 4.5, 57, 86, "rv"),  # [A] 59-83
    "rv_outflow_mm": Size(28, 26, 2.4, 20, 37, "rv"),  # [A] 21-35, proximal
    "la_diameter_mm": Size(34.8, 32.5, 2.4, 26, 48, "la"),  # [A] 30-40 men, 27-38 women
    "la_width_mm": Size(41, 39, 3.0, 31, 54, "la"),
    "la_length_mm": Size(49, 46, 3.5, 36, 62, "la"),
    "ra_width_mm": Size(39, 36, 3.2, 28, 50, "ra"),
    "ra_length_mm": Size(46, 43, 3.5, 34, 58, "ra"),
    "aortic_annulus_mm": Size(26, 23, 1.6, 18, 31, "aorta"),  # [A] 26 +- 3 men, 23 +- 2 women
    "aortic_sinus_mm": Size(34, 30, 2.5, 24, 42, "aorta"),  # [A] 34 +- 3 men, 30 +- 3 women
    "sinotubular_mm": Size(29, 26, 2.3, 20, 37, "aorta"),  # [A] 29 +- 3 men, 26 +- 3 women
    "ascending_aorta_mm": Size(30, 27, 2.8, 20, 40, "aorta"),  # [A] 30 +- 4 men, 27 +- 4 women
    "arch_mm": Size(27, 25, 2.2, 19, 34, "aorta"),
    "descending_aorta_mm": Size(22.5, 21, 1.8, 16, 29, "aorta"),
    "abdominal_aorta_mm": Size(19.5, 18, 1.7, 14, 26, "aorta"),
    "main_pulmonary_mm": Size(22.5, 21, 2.0, 15, 28, "rv"),  # [A] 15-27 (guidelines before 2015)
    "ivc_mm": Size(16.7, 15.7, 2.3, 10, 24, "ivc"),  # [A] <= 21
    "skin_to_heart_mm": Size(20, 20, 5.0, 12, 40, "skin"),
}
# What sizes share: a large body has a large heart, and the parts of one chamber go together. Chosen.
BODY_SHARE, GROUP_SHARE = 0.35, 0.75
# The ends of the walls' spread that the normal draw doesn't reach: hypertrophy in one patient of twenty. Chosen.
HYPERTROPHY, HYPERTROPHIC_MM = 0.05, (11.0, 16.0)
# The six walls at mid-ventricular level; Cerqueira et al. 2002 (AHA).
WALLS = ("anterior", "anteroseptal", "inferoseptal", "inferior", "inferolateral", "anterolateral")
DISEASED_SHARE = 0.2  # of the motion of the others, in a diseased wall


@dataclass(frozen=True)
class Patient:
    """One adult.

    Args:
        number: index in the archive.
        sex: "female" or "male".
        *_mm: sizes at end-diastole; `la_diameter_mm` is antero-posterior and, as in the guidelines, that of
            end-systole; widths and lengths are apical.
        size: (lateral, axial) factors of the whole heart's frame: how far its parts lie from each other.
        shortening: fractional shortening of the LV's diameter.
        thickening: share by which the LV's wall thickens.
        base_descent_mm: how far the mitral annulus moves to the apex in systole (MAPSE).
        lateral_descent_mm: how far the lateral tricuspid annulus moves (TAPSE).
        rv_area_change: fractional area change of the right ventricle.
        root_motion_mm: how far the aortic root moves towards a parasternal probe.
        annuli_apart_mm: by which the tricuspid annulus lies nearer the apex than the mitral one.
        breath_mm: how far breathing moves the heart, peak to peak.
        collapse: share by which the IVC narrows at inspiration.
        body_haze: 0 (clear) .. 1 (a body that hides everything).
        diseased_wall: a name of WALLS that hardly moves, or "".
        mitral_calcium, effusion_mm, pacing_wire, septal_flash: findings.
    """

    number: int
    sex: str
    lv_diameter_mm: float
    wall_mm: float
    lv_length_mm: float
    rv_base_mm: float
    rv_mid_mm: float
    rv_length_mm: float
    rv_outflow_mm: float
    la_diameter_mm: float
    la_width_mm: float
    la_length_mm: float
    ra_width_mm: float
    ra_length_mm: float
    aortic_annulus_mm: float
    aortic_sinus_mm: float
    sinotubular_mm: float
    ascending_aorta_mm: float
    arch_mm: float
    descending_aorta_mm: float
    abdominal_aorta_mm: float
    main_pulmonary_mm: float
    ivc_mm: float
    skin_to_heart_mm: float
    size: tuple[float, float]
    shortening: float
    thickening: float
    base_descent_mm: float
    lateral_descent_mm: float
    rv_area_change: float
    root_motion_mm: float
    annuli_apart_mm: float
    breath_mm: float
    collapse: float
    body_haze: float
    diseased_wall: str
    mitral_calcium: bool
    effusion_mm: float
    pacing_wire: bool
    septal_flash: bool

    def latents(self) -> dict[str, float | int | str | bool]:
        """Plain values for a truth table."""
        values = asdict(self)
        lateral, axial = values.pop("size")
        return {**values, "size_lateral": lateral, "size_axial": axial}

    def in_template(self) -> "Patient":
        """The patient whose sizes and paths, drawn and then scaled by `size`, come out as this one's.

        The factors differ by axis; lengths are divided by their geometric mean, so that a size that is measured
        along x and one along z differ by a few percent, as they do between planes that cut a heart a little askew.
        """
        factor = float(np.sqrt(self.size[0] * self.size[1]))
        lengths = {name: value / factor for name, value in asdict(self).items() if name.endswith("_mm")}
        lengths["skin_to_heart_mm"] = self.skin_to_heart_mm
        return replace(self, **lengths)

    def wall_motion(self, *walls: str) -> tuple[float, ...]:
        """For each named wall the share of motion that is left to it."""
        return tuple(DISEASED_SHARE if wall == self.diseased_wall else 1.0 for wall in walls)


def _draw_sizes(rng: np.random.Generator, sex: str, body: float) -> Mapping[str, float]:
    groups = {name: rng.standard_normal() for name in dict.fromkeys(size.group for size in SIZES.values())}
    own_share = np.sqrt(1 - BODY_SHARE**2 - GROUP_SHARE**2)
    sizes = {}
    for name, size in SIZES.items():
        z = BODY_SHARE * body + GROUP_SHARE * groups[size.group] + own_share * rng.standard_normal()
        mean = size.men if sex == "male" else size.women
        sizes[name] = float(np.clip(mean + size.sd * z, size.low, size.high))
    # The sinuses bulge: they are the widest part of the root.
    sizes["aortic_sinus_mm"] = max(sizes["aortic_sinus_mm"], sizes["aortic_annulus_mm"] + 2)
    return sizes


def draw_patient(factors: Factors, number: int) -> Patient:
    """Patient `number` of an archive; it depends on the patient factor's seed alone."""
    rng = factors.stream("patient", number)
    sex = "male" if rng.uniform() < 0.5 else "female"
    body = float(rng.standard_normal())
    sizes = dict(_draw_sizes(rng, sex, body))
    size = np.clip(1 + 0.08 * body + rng.normal(0, 0.05, size=2), 0.75, 1.3)
    if rng.uniform() < HYPERTROPHY:
        sizes["wall_mm"] = float(rng.uniform(*HYPERTROPHIC_MM))

    motion = factors.stream("patient", number, "motion")
    weak = motion.uniform() < 0.2  # about one patient in five of a hospital's echo archive has an LVEF below 55 %
    shortening = float(motion.uniform(0.10, 0.22) if weak else np.clip(motion.normal(0.34, 0.04), 0.25, 0.43))
    strength = min(shortening / 0.30, 1.0)  # a weak ventricle's long axis is weak as well
    drawn = motion.standard_normal(6)
    findings = factors.stream("patient", number, "findings").uniform(size=7)
    return Patient(
        number=number,
        sex=sex,
        **sizes,
        size=(float(size[0]), float(size[1])),
        shortening=shortening,
        thickening=float(np.clip(0.40 + 0.018 * drawn[0], 0.35, 0.45)) * strength,
        base_descent_mm=float(np.clip(12.5 + 1.1 * drawn[1], 10, 15)) * strength,
        lateral_descent_mm=float(np.clip(22 + 1.6 * drawn[2], 18, 26)) * (0.6 + 0.4 * strength),
        rv_area_change=float(np.clip(0.42 + 0.03 * drawn[3], 0.35, 0.5)) * (0.7 + 0.3 * strength),
        root_motion_mm=float(np.clip(9 + 0.7 * drawn[4], 7, 11)) * (0.5 + 0.5 * strength),
        annuli_apart_mm=float(motion.uniform(5, 8)),
        breath_mm=float(motion.uniform(5, 10)),
        collapse=float(motion.uniform(0.2, 0.7)),
        body_haze=float(1 - motion.beta(5, 2)),
        diseased_wall=WALLS[int(findings[5] * len(WALLS))] if findings[4] < 0.15 else "",
        mitral_calcium=bool(findings[0] < 0.08),
        effusion_mm=float(5 + 10 * findings[6]) if findings[1] < 0.04 else 0.0,
        pacing_wire=bool(findings[2] < 0.03),
        septal_flash=bool(findings[3] < 0.03),
    )
