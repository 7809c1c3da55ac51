"""Measures hearts on label maps, as a sonographer would with calipers: nothing that was drawn is asked for."""

from functools import lru_cache

import numpy as np

from sslecho.phantom.clock import COURSES
from sslecho.phantom.factors import Factors
from sslecho.phantom.geometry import BeamGrid, ScanConverter
from sslecho.phantom.heart.views import PLANES
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient, draw_patient
from sslecho.phantom.scene import Placement, Scene, Stage
from sslecho.phantom.tissues import STRUCTURE_NUMBER

FACTORS = Factors.from_seed(0)
# Wide and deep, so that no sector's edge cuts anything off.
GRID = BeamGrid(0.0, 110.0, 200.0, lines=288, samples=400)
SIZE = 448


@lru_cache
def _converter() -> ScanConverter:
    return ScanConverter(GRID, SIZE)


MM = 2 * 200.0 * np.sin(np.deg2rad(55)) / (SIZE * 0.96)  # per pixel


@lru_cache(maxsize=600)
def scene_of(number: int, view: str) -> Scene:
    """A patient's plane as `EchoClip` draws it in the first study, without lung."""
    pen = Pen(FACTORS.stream("patient", number, view))
    return PLANES[view].draw(pen, draw_patient(FACTORS, number), FACTORS.stream("view", number, 0, view, "plane"))


@lru_cache(maxsize=200)
def stage_of(number: int, view: str) -> tuple[Patient, Stage]:
    """The plane without the probe's jitter."""
    patient = draw_patient(FACTORS, number)
    placement = Placement(scale=patient.size, center_mm=PLANES[view].center_mm)
    return patient, Stage(scene_of(number, view), placement, GRID, COURSES)


@lru_cache(maxsize=600)
def label_map(
    number: int, view: str, contraction: float = 0.0, breath: float = 0.0, mitral: float = 0.0, aortic: float = 0.0
) -> np.ndarray:
    """The plane at one moment, pixels of MM millimeters."""
    values = {"contraction": contraction, "breath": breath, "mitral": mitral, "aortic": aortic}
    _, stage = stage_of(number, view)
    return _converter().labels(stage.label_map(np.array([values.get(name, 0.0) for name in COURSES])))


def mask(labels: np.ndarray, *structures: str) -> np.ndarray:
    """Where one of the structures is."""
    return np.isin(labels, [STRUCTURE_NUMBER[name] for name in structures])


def column(x_mm: float) -> int:
    """The picture's column at a lateral place."""
    return round((SIZE - 1) / 2 + x_mm / MM)


def extents(where: np.ndarray, axis: int) -> np.ndarray:
    """From the first to the last pixel of every column (axis 0) or row (axis 1), mm; 0 where there is none."""
    first = where.argmax(axis)
    last = where.shape[axis] - 1 - np.flip(where, axis).argmax(axis)
    return np.where(where.any(axis), (last - first + 1) * MM, 0.0)


def area(labels: np.ndarray, *structures: str) -> float:
    """mm^2."""
    return float(mask(labels, *structures).sum() * MM**2)


LV = ("lv", "chordae", "papillary", "mitral")


def plax(number: int, contraction: float = 0.0) -> dict[str, float]:
    """LV diameter, septum, left atrium and aortic root in the parasternal long axis."""
    labels = label_map(number, "plax", contraction)
    columns = slice(column(-38), column(-28))
    lv = mask(labels, *LV)
    diameter = float(np.median(extents(lv, 0)[columns]))
    wall = mask(labels, "myocardium")
    top = np.where(lv.any(0), lv.argmax(0), 0)
    above = np.arange(SIZE)[:, None] < top[None, :]
    septum = float(np.mean((wall & above).sum(0)[column(-48) : column(-18)])) * MM
    right = np.arange(SIZE) > column(12)
    root = mask(labels, "aorta", "aortic_valve") & right
    return {
        "lv_diameter": diameter,
        "septum": septum,
        "la": float(np.percentile(extents(mask(labels, "la", "mitral") & right, 0), 99.5)),
        "root": float(extents(root, 0)[column(14) : column(32)].max()),
    }


def four_chambers(number: int, contraction: float = 0.0) -> dict[str, float]:
    """Sizes and places in the apical four-chamber view; depths in mm."""
    labels = label_map(number, "a4c", contraction)
    lv, rv, la, ra = (
        mask(labels, "lv", "papillary", "chordae"),
        mask(labels, "rv", "moderator_band"),
        mask(labels, "la"),
        mask(labels, "ra"),
    )
    rows = np.flatnonzero(rv.any(1))
    third = rows[len(rows) * 2 // 3 :]
    lv_rows = np.flatnonzero(lv.any(1))
    middle = lv_rows[len(lv_rows) // 2 - 8 : len(lv_rows) // 2 + 8]
    tricuspid = np.argwhere(mask(labels, "tricuspid"))
    mitral = np.argwhere(mask(labels, "mitral"))
    # The annuli: where the leaflets' outer ends are.
    lateral = tricuspid[tricuspid[:, 1] < tricuspid[:, 1].min() + 4]
    septal = tricuspid[tricuspid[:, 1] > tricuspid[:, 1].max() - 4]
    hinges = [mitral[mitral[:, 1] < mitral[:, 1].min() + 4], mitral[mitral[:, 1] > mitral[:, 1].max() - 4]]
    return {
        "lv_length": len(lv_rows) * MM,
        "lv_width": float(np.median(extents(lv, 1)[middle])),
        "rv_base": float(extents(rv, 1)[third].max()),
        "rv_mid": float(np.median(extents(rv, 1)[rows[len(rows) // 2 - 6 : len(rows) // 2 + 6]])),
        "rv_length": len(rows) * MM,
        "rv_area": float(rv.sum() * MM**2),
        "la_width": float(extents(la, 1).max()),
        "la_length": float(extents(la, 0).max()),
        "la_area": float(la.sum() * MM**2),
        "ra_width": float(extents(ra, 1).max()),
        "tricuspid_lateral": float(lateral[:, 0].mean() * MM),
        "tricuspid_septal": float(septal[:, 0].mean() * MM),
        "mitral_septal": float(hinges[0][:, 0].mean() * MM),
        "mitral_lateral": float(hinges[1][:, 0].mean() * MM),
    }


def short_axis(number: int, contraction: float = 0.0, view: str = "psax_pap") -> dict[str, float]:
    """Diameter of the cavity, and thickness of the wall, both from areas."""
    labels = label_map(number, view, contraction)
    cavity, wall = area(labels, *LV), area(labels, "myocardium")
    return {
        "lv_diameter": 2 * np.sqrt(cavity / np.pi),
        "wall": float(np.sqrt((cavity + wall) / np.pi) - np.sqrt(cavity / np.pi)),
    }


def vena_cava(number: int, breath: float) -> float:
    """Diameter of the inferior vena cava, 3 cm before the atrium."""
    across = extents(mask(label_map(number, "sc_ivc", 0.0, breath), "ivc"), 0)
    return float(np.median(across[column(-30) : column(-20)]) * np.cos(np.deg2rad(6)))


def root_in_short_axis(number: int) -> float:
    """Diameter of the aortic root at the valve, from its area."""
    return 2 * float(np.sqrt(area(label_map(number, "psax_av"), "aorta", "aortic_valve") / np.pi))


def right_ventricle_subcostal(number: int) -> float:
    """Width of the right ventricle near its valve, where the heart lies on its side."""
    across = extents(mask(label_map(number, "sc4c"), "rv", "moderator_band"), 0)
    columns = np.flatnonzero(across)
    return float(across[columns[: len(columns) // 3]].max())
