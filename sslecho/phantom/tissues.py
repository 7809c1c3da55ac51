"""Tissues and the structures made of them, as data.

Echogenicity in dB against myocardium. Attenuation in dB/cm/MHz: values marked [A] are from the table of
soft-tissue attenuation in PMC10001275 (1 MHz, linear in frequency); the others are chosen for a plausible
picture. `reflectance` is what a step of this tissue against blood adds to the echo when the beam meets it
at a right angle, in multiples of the myocardium's mean speckle amplitude. `persistence` is the correlation
of the scatterers from frame to frame, as chosen values: tissue slides through the plane slowly, blood fast.
`patchy_db` is the SD of the echo over patches of about two centimeters, for what is no single tissue.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True)
class Tissue:
    echo_db: float
    attenuation: float  # dB/cm/MHz
    reflectance: float
    persistence: float = 0.97
    patchy_db: float = 0.0


TISSUES: dict[str, Tissue] = {
    "mediastinum": Tissue(-11.0, 0.65, 0.5, patchy_db=6.0),  # what lies around the heart: fat, vessels, partial lung
    "skin": Tissue(2.0, 0.7, 0.8),
    "fat": Tissue(-3.0, 0.63, 0.6),  # [A]
    "muscle": Tissue(-4.0, 0.96, 0.9),  # [A] chest wall 0.96-1.4
    "myocardium": Tissue(0.0, 0.52, 1.0, patchy_db=2.5),  # [A]
    "trabecula": Tissue(0.0, 0.52, 1.2, patchy_db=3.0),
    "chordae": Tissue(-13.0, 0.5, 0.5, patchy_db=4.0),
    "blood": Tissue(-40.0, 0.15, 0.0, 0.6),  # [A]
    "valve": Tissue(-7.0, 0.6, 1.9, patchy_db=4.0),
    "pericardium": Tissue(4.0, 0.8, 4.5, patchy_db=3.0),
    "vessel_wall": Tissue(-6.0, 0.7, 1.6, patchy_db=4.0),
    "atrial_wall": Tissue(-13.0, 0.6, 1.1, patchy_db=5.0),
    "epicardial_fat": Tissue(5.0, 0.63, 0.8),
    "lung": Tissue(-5.0, 1.3, 2.2, 0.8, 4.0),
    "bone": Tissue(13.0, 12.0, 9.0),  # [A] 15
    "liver": Tissue(-4.0, 0.5, 1.0),  # [A]
    "vein_wall": Tissue(-1.0, 0.5, 1.8),
    "gas": Tissue(6.0, 8.0, 9.0, 0.8),
    "calcium": Tissue(13.0, 6.0, 8.0),
    "fluid": Tissue(-50.0, 0.01, 0.0, 0.6),
    "placenta": Tissue(-2.0, 0.5, 0.9),
    "myometrium": Tissue(-4.0, 0.5, 1.0),
    "fetal_tissue": Tissue(-4.0, 0.5, 1.4),
    "fetal_skin": Tissue(3.0, 0.6, 3.0),
    "skull": Tissue(14.0, 4.0, 9.0),
    "ossified": Tissue(15.0, 8.0, 9.0),
    "brain": Tissue(-14.0, 0.45, 0.6),
    "thalamus": Tissue(-20.0, 0.45, 0.5),
    "choroid": Tissue(2.0, 0.5, 1.2),
    "falx": Tissue(2.0, 0.6, 4.0),
    "fetal_lung": Tissue(-1.0, 0.5, 1.0),
    "fetal_liver": Tissue(-4.0, 0.5, 1.0),
    "cartilage": Tissue(-28.0, 0.4, 0.8),
    "kidney": Tissue(-9.0, 0.5, 1.2),
    "cervix": Tissue(-5.0, 0.5, 1.2),
    "canal": Tissue(-13.0, 0.45, 0.9),
    "air": Tissue(-60.0, 0.5, 0.0, 0.6),
    "reverberation": Tissue(-4.0, 0.45, 0.0, patchy_db=4.0),  # 10 dB above the brain that it hides
}

# Structure -> tissue. A structure's number in a label map is its place in this table, from 1; 0 is outside the sector.
STRUCTURES: dict[str, str] = {
    "surroundings": "mediastinum",
    "skin": "skin",
    "fat": "fat",
    "muscle": "muscle",
    "myocardium": "myocardium",
    "rv_wall": "myocardium",
    "lv": "blood",
    "rv": "blood",
    "la": "blood",
    "ra": "blood",
    "aorta": "blood",
    "pulmonary_artery": "blood",
    "vein": "blood",
    "ivc": "blood",
    "mitral": "valve",
    "tricuspid": "valve",
    "aortic_valve": "valve",
    "pulmonary_valve": "valve",
    "chordae": "chordae",
    "papillary": "trabecula",
    "moderator_band": "trabecula",
    "pericardium": "pericardium",
    "atrial_wall": "atrial_wall",
    "vessel_wall": "vessel_wall",
    "vein_wall": "vein_wall",
    "effusion": "fluid",
    "calcium": "calcium",
    "wire": "calcium",
    "epicardial_fat": "epicardial_fat",
    "lung": "lung",
    "spine": "bone",
    "liver": "liver",
    "bowel": "gas",
    "descending_aorta": "blood",
    "artery": "blood",
    # fetal
    "myometrium": "myometrium",
    "placenta": "placenta",
    "fluid": "fluid",
    "fetal_skin": "fetal_skin",
    "fetal_tissue": "fetal_tissue",
    "fetal_liver": "fetal_liver",
    "fetal_lung": "fetal_lung",
    "fetal_rib": "ossified",
    "fetal_spine": "ossified",
    "stomach": "fluid",
    "umbilical_vein": "blood",
    "fetal_aorta": "blood",
    "fetal_ivc": "blood",
    "fetal_heart": "myocardium",
    "fetal_ventricle": "blood",
    "fetal_atrium": "blood",
    "kidney": "kidney",
    "skull": "skull",
    "brain": "brain",
    "falx": "falx",
    "cavum": "fluid",
    "thalamus": "thalamus",
    "ventricle": "fluid",
    "choroid": "choroid",
    "cerebellum": "brain",
    "cisterna": "fluid",
    "long_bone": "ossified",
    "cartilage": "cartilage",
    "cord": "fetal_skin",
    "cervix": "cervix",
    "canal": "canal",
    "bladder": "fluid",
    # lung between two ribs
    "rib": "bone",
    "pleura": "pericardium",
    "a_line": "lung",
    "b_line": "lung",
    "air": "air",
    # what the near side of the fetal skull lays over the brain behind it
    "reverberation": "reverberation",
}

STRUCTURE_NUMBER: dict[str, int] = {name: number for number, name in enumerate(STRUCTURES, start=1)}


def structure_table(quantity: str, instead: Mapping[str, Tissue] | None = None) -> Float32[np.ndarray, "256"]:
    """A property of every structure, indexed by the number in a label map; 0 where there is no structure.

    Args:
        quantity: a field of `Tissue`.
        instead: structure -> tissue, where it is not the one in STRUCTURES.

    Raises:
        ValueError: `instead` names a structure that STRUCTURES doesn't.
    """
    instead = instead or {}
    unknown = sorted(set(instead) - set(STRUCTURES))
    if unknown:
        raise ValueError(f"tissues: unknown structures {', '.join(unknown)}; known are {', '.join(STRUCTURES)}")
    table = np.zeros(256, np.float32)
    for name, tissue in STRUCTURES.items():
        table[STRUCTURE_NUMBER[name]] = getattr(instead.get(name, TISSUES[tissue]), quantity)
    return table
