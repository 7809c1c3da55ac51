"""Adult patients from one vector, so that all views of a patient agree.

Means, SDs and normal ranges of the chambers: Lang et al. 2015 (ASE/EACVI) where marked [A]; the others are
chosen to be plausible.
"""

from dataclasses import asdict, dataclass

import numpy as np

from sslecho.phantom.factors import Factors

# (mean, SD, lowest, highest), millimeters unless the name says otherwise
NORMAL: dict[str, tuple[float, float, float, float]] = {
    "lv_diameter_mm": (48, 5, 38, 60),  # [A] 42-58 men, 38-52 women
    "wall_mm": (9, 1.5, 6, 16),  # [A] 6-10
    "lv_length_mm": (84, 7, 68, 100),
    "rv_base_mm": (34, 3.5, 25, 45),  # [A] 25-41
    "la_diameter_mm": (35, 4, 26, 50),  # [A] 27-40
    "ra_width_mm": (38, 4, 28, 50),
    "aortic_sinus_mm": (32, 2.7, 25, 40),  # [A] 34 +- 3 men, 30 +- 3 women
    "main_pulmonary_mm": (22, 2.5, 15, 28),
    "ivc_mm": (17, 3, 8, 25),  # [A] <= 21
    "abdominal_aorta_mm": (19, 2, 14, 26),
    "skin_to_heart_mm": (20, 5, 12, 40),
}


@dataclass(frozen=True)
class Patient:
    """One adult.

    Args:
        number: index in the archive.
        *_mm: sizes at end-diastole.
        size: (lateral, axial) factors of the whole heart.
        shortening: fractional shortening of the LV's diameter.
        base_descent_mm: how far the mitral annulus moves to the apex in systole (MAPSE).
        collapse: share by which the IVC narrows at inspiration.
        body_haze: 0 (clear) .. 1 (a body that hides everything).
        mitral_calcium, effusion_mm, pacing_wire: findings.
    """

    number: int
    lv_diameter_mm: float
    wall_mm: float
    lv_length_mm: float
    rv_base_mm: float
    la_diameter_mm: float
    ra_width_mm: float
    aortic_sinus_mm: float
    main_pulmonary_mm: float
    ivc_mm: float
    abdominal_aorta_mm: float
    skin_to_heart_mm: float
    size: tuple[float, float]
    shortening: float
    base_descent_mm: float
    collapse: float
    body_haze: float
    mitral_calcium: bool
    effusion_mm: float
    pacing_wire: bool

    def latents(self) -> dict[str, float | int | bool]:
        """Plain numbers for a truth table."""
        values = asdict(self)
        lateral, axial = values.pop("size")
        return {**values, "size_lateral": lateral, "size_axial": axial}

    def grow_mm(self) -> dict[str, float]:
        """How far each structure's outline lies outside the template's (that of the mean adult)."""
        lv = float(np.clip((self.lv_diameter_mm - 48) / 2, -4, 5))
        thick = float(np.clip(self.wall_mm - 9, -2.5, 5))
        la = float(np.clip((self.la_diameter_mm - 35) / 2, -4, 5))
        return {
            "lv": lv - 0.6 * thick,
            "myocardium": 0.5 * lv + 0.4 * thick,
            "rv": float(np.clip((self.rv_base_mm - 34) / 2, -3, 3)),
            "la": la,
            "ra": float(np.clip((self.ra_width_mm - 38) / 2, -3.5, 4)),
            "aorta": (self.aortic_sinus_mm - 32) / 2,
            "pulmonary_artery": (self.main_pulmonary_mm - 22) / 2,
            "ivc": (self.ivc_mm - 17) / 2,
        }


def draw_patient(factors: Factors, number: int) -> Patient:
    """Patient `number` of an archive; it depends on the patient factor's seed alone."""
    rng = factors.stream("patient", number)
    sizes = {name: float(np.clip(rng.normal(mean, sd), low, high)) for name, (mean, sd, low, high) in NORMAL.items()}
    size = np.clip(rng.normal(1, 0.08) + rng.normal(0, 0.05, size=2), 0.75, 1.3)
    weak = rng.uniform() < 0.2  # about one patient in five of a hospital's echo archive has an LVEF below 55 %
    shortening = rng.uniform(0.10, 0.22) if weak else np.clip(rng.normal(0.34, 0.04), 0.25, 0.43)
    findings = rng.uniform(size=3)
    return Patient(
        number=number,
        **sizes,
        size=(float(size[0]), float(size[1])),
        shortening=float(shortening),
        base_descent_mm=float(np.clip(12.5 * shortening / 0.34 * rng.normal(1, 0.1), 4, 16)),
        collapse=float(rng.uniform(0.2, 0.7)),
        body_haze=float(1 - rng.beta(5, 2)),
        mitral_calcium=bool(findings[0] < 0.08),
        effusion_mm=float(rng.uniform(5, 15)) if findings[1] < 0.04 else 0.0,
        pacing_wire=bool(findings[2] < 0.03),
    )
