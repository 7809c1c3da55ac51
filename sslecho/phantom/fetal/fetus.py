"""A pregnancy from one vector: the fetus's sizes by gestational age, and the mother's tissues.

Sizes in cm by week g: Hadlock et al. 1984, AJR 143:97 (the published regressions, checked against each other
at 20 weeks: BPD 4.6, HC 17.7, AC 14.9, FL 3.3).
"""

from dataclasses import asdict, dataclass

import numpy as np

from sslecho.phantom.factors import Factors


@dataclass(frozen=True)
class Fetus:
    """Sizes in mm.

    Args:
        bpd_mm, hc_mm, ac_mm, fl_mm: biparietal diameter, head and abdominal circumference, femur length.
        fat_mm: of the mother's wall.
        placenta_anterior, placenta_mm: where and how thick.
        body_haze: 0 (clear) .. 1.
    """

    number: int
    weeks: float
    bpd_mm: float
    hc_mm: float
    ac_mm: float
    fl_mm: float
    fat_mm: float
    placenta_anterior: bool
    placenta_mm: float
    body_haze: float

    @property
    def ofd_mm(self) -> float:
        """Occipitofrontal diameter, from HC as the mean diameter's circumference."""
        return 2 * self.hc_mm / np.pi - self.bpd_mm

    @property
    def trunk_mm(self) -> float:
        """Radius of the abdomen."""
        return self.ac_mm / (2 * np.pi)

    def latents(self) -> dict[str, float | int | bool]:
        return asdict(self)


def hadlock_cm(weeks: float) -> dict[str, float]:
    """Mean sizes at a gestational age."""
    g = weeks
    return {
        "bpd": -3.08 + 0.41 * g - 0.000061 * g**3,
        "hc": -11.48 + 1.56 * g - 0.0002548 * g**3,
        "ac": -13.3 + 1.61 * g - 0.00998 * g**2,
        "fl": -3.91 + 0.427 * g - 0.0034 * g**2,
    }


def draw_fetus(factors: Factors, number: int) -> Fetus:
    """Pregnancy `number` of an archive: weeks N(22, 3) within 16-36, sizes x N(1, 0.05)."""
    rng = factors.stream("patient", number)
    weeks = float(np.clip(rng.normal(22, 3), 16, 36))
    sizes = {
        f"{name}_mm": float(10 * mean * np.clip(rng.normal(1, 0.05), 0.87, 1.13))
        for name, mean in hadlock_cm(weeks).items()
    }
    return Fetus(
        number=number,
        weeks=weeks,
        **sizes,
        fat_mm=float(rng.uniform(15, 35)),
        placenta_anterior=bool(rng.uniform() < 0.45),
        placenta_mm=float(rng.uniform(20, 25)),
        body_haze=float(1 - rng.beta(5, 2)),
    )
