"""Fetal planes show their landmarks, of the size and on the side that they have; `other` is many looks."""

from collections import Counter

import numpy as np
import pytest

from sslecho.phantom.clock import COURSES
from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal import planes, uterus
from sslecho.phantom.fetal.cervix import cervix
from sslecho.phantom.fetal.fetus import draw_fetus, hadlock_cm
from sslecho.phantom.fetal.other import LOOKS
from sslecho.phantom.fetal.still import PLANE_SHARES, draw_still
from sslecho.phantom.geometry import BeamGrid, ScanConverter
from sslecho.phantom.outline import Pen
from sslecho.phantom.scene import Placement, Scene, Stage
from sslecho.phantom.tissues import STRUCTURE_NUMBER

LANDMARKS = {
    "abdomen": ("stomach", "umbilical_vein", "fetal_spine", "fetal_liver"),
    "brain": ("skull", "falx", "brain", "cavum"),
    "femur": ("long_bone", "fetal_tissue", "cartilage"),
    "thorax": ("fetal_ventricle", "fetal_atrium", "fetal_lung", "fetal_rib"),
    "cervix": ("cervix", "canal", "bladder"),
}


FETUSES = [draw_fetus(Factors.from_seed(2), number) for number in range(12)]
# Nearly parallel beams, so that a plane is measured on a label map of 0.25 mm.
GRID = BeamGrid(400.0, 14.5, 110.0, lines=440, samples=440)
CONVERTER = ScanConverter(GRID, 450)
MM = CONVERTER.mm_per_pixel


def raster(shapes) -> np.ndarray:
    """Label map of a drawing about (0, 55) mm."""
    stage = Stage(Scene(shapes, background="fluid"), Placement(), GRID, COURSES)
    return CONVERTER.labels(stage.label_map(np.zeros(len(COURSES))))


def drawn(draw, fetus, seed: int = 0, **kwargs) -> np.ndarray:
    """A plane in its own axes: trunk with the spine down and the fetal left to the right, head with the face right."""
    pen = Pen(np.random.default_rng(seed), origin_mm=(0.0, 55.0), **kwargs)
    draw(pen, fetus, np.random.default_rng(seed))
    return raster(pen.shapes)


def places(labels: np.ndarray, *names: str) -> np.ndarray:
    """Pixels of structures as (x, z) in mm about the drawing's middle."""
    rows, columns = np.nonzero(np.isin(labels, [STRUCTURE_NUMBER[name] for name in names]))
    middle = CONVERTER.to_pixels(np.array([[0.0, 55.0]]))[0]
    return np.stack([columns - middle[0], rows - middle[1]], axis=1) * MM


def middle_of(labels: np.ndarray, *names: str) -> np.ndarray:
    return places(labels, *names).mean(axis=0)


def still(plane: str, patient: int, **kwargs):
    return draw_still(Factors.from_seed(2), patient=patient, plane=plane, size=160, with_labels=True, **kwargs)


@pytest.mark.parametrize("plane", LANDMARKS)
def test_landmarks_are_in_the_picture(plane):
    for patient in range(3):
        shown = set(np.unique(still(plane, patient, jitter=0.0).labels))
        missing = [name for name in LANDMARKS[plane] if STRUCTURE_NUMBER[name] not in shown]
        assert not missing


def test_other_has_many_looks():
    looks = {still("other", patient).latents["look"] for patient in range(26)}
    assert len(LOOKS) >= 10
    assert len(looks) >= 8


def test_shares_are_unequal_and_sum_to_one():
    assert sum(PLANE_SHARES.values()) == pytest.approx(1.0)
    assert max(PLANE_SHARES, key=PLANE_SHARES.__getitem__) == "other"


def test_the_fetus_turns_between_occasions_but_not_between_repeats():
    turn = [still("abdomen", 1, occasion=o, acquisition=a).latents["turn_deg"] for o, a in ((0, 0), (0, 1), (1, 0))]
    assert turn[0] == turn[1] != turn[2]


def test_shadows_point_away_from_the_probe_whatever_the_lie():
    """Behind a rib or vertebra the picture is darker than the same tissue beside it, in every rotation."""
    below, beside = [], []
    for patient in range(8):
        clip = still("femur", patient, jitter=0.0)
        labels, frame = clip.labels[0], clip.frames[0].astype(float)
        bone = np.argwhere(labels == STRUCTURE_NUMBER["long_bone"])
        tissue = labels == STRUCTURE_NUMBER["fetal_tissue"]
        middle = bone[np.abs(bone[:, 1] - np.median(bone[:, 1])) < 8]
        for row, column in middle:
            under = [r for r in range(row + 5, min(row + 11, 160)) if tissue[r, column]]
            over = [r for r in range(max(row - 11, 0), row - 5) if tissue[r, column]]
            below += [frame[r, column] for r in under]
            beside += [frame[r, column] for r in over]
    assert np.mean(below) < 0.7 * np.mean(beside)


def test_transvaginal_and_transabdominal_cervices_exist():
    radii = {still("cervix", patient).latents["radius_mm"] for patient in range(12)}
    assert min(radii) < 15
    assert max(radii) > 40


def test_sizes_are_hadlocks():
    """At 20 weeks BPD 4.6, HC 17.7, AC 14.9, FL 3.3 cm; a fetus's own lie within 13 % of its week's."""
    assert hadlock_cm(20.0) == pytest.approx({"bpd": 4.6, "hc": 17.7, "ac": 14.9, "fl": 3.3}, abs=0.08)
    for fetus in FETUSES:
        assert 16 <= fetus.weeks <= 36
        for name, mean in hadlock_cm(fetus.weeks).items():
            assert abs(getattr(fetus, f"{name}_mm") / (10 * mean) - 1) < 0.131


def test_mothers_layers():
    assert all(15 <= fetus.fat_mm <= 35 and 20 <= fetus.placenta_mm <= 25 for fetus in FETUSES)
    assert any(fetus.placenta_anterior for fetus in FETUSES)
    assert not all(fetus.placenta_anterior for fetus in FETUSES)


def test_abdomen_has_its_organs_on_their_sides():
    for k, fetus in enumerate(FETUSES[:6]):
        labels = drawn(planes.abdomen, fetus, seed=k)
        r = fetus.trunk_mm
        body = len(places(labels, "fluid")) - (labels > 0).sum()
        squash = -body * MM**2 / (np.pi * r**2)
        assert 0.78 < squash < 1.25
        stomach, aorta, cava = (middle_of(labels, name) for name in ("stomach", "fetal_aorta", "fetal_ivc"))
        assert stomach[0] > 0.25 * r  # fetal left
        assert aorta[0] > cava[0]
        assert middle_of(labels, "fetal_spine")[1] > aorta[1] > 0.3 * r
        vein = places(labels, "umbilical_vein")
        inner = vein[vein[:, 1] > -0.25 * r]
        assert vein[:, 1].min() < -0.7 * r  # from the front
        assert inner[:, 0].mean() < 0  # and on to the liver
        adrenals = len(places(labels, "cartilage")) * MM**2
        assert adrenals > 5 or len(places(labels, "kidney"))  # they lie above the kidneys


def test_abdomens_are_sometimes_off_plane_or_squashed():
    seen = Counter()
    for seed in range(120):
        pen = Pen(np.random.default_rng(seed))
        planes.abdomen(pen, FETUSES[0], np.random.default_rng(seed))
        structures = {shape.structure for shape in pen.shapes}
        seen.update(structures & {"kidney", "fetal_ventricle", "cord"})
        outline = pen.shapes[1].points
        seen["squashed"] += np.ptp(outline[:, 1]) < 0.91 * np.ptp(outline[:, 0])
    assert 0.1 < seen["squashed"] / 120 < 0.32
    assert all(seen[name] >= 4 for name in ("kidney", "fetal_ventricle", "cord"))


def test_three_planes_of_the_head():
    seen = Counter()
    rng = np.random.default_rng(0)
    for _ in range(300):
        pen = Pen(rng)
        planes.brain(pen, FETUSES[0], rng)
        seen[planes.brain_plane({shape.structure for shape in pen.shapes})] += 1
    for name, share in (("thalamic", 0.55), ("ventricular", 0.25), ("cerebellar", 0.20)):
        assert seen[name] / 300 == pytest.approx(share, abs=0.08)


def head(plane: str, fetus, **kwargs) -> np.ndarray:
    seed = {"thalamic": 0.2, "ventricular": 0.7, "cerebellar": 0.9}[plane]
    seed = next(k for k in range(500) if abs(np.random.default_rng(k).uniform() - seed) < 0.01)
    return drawn(planes.brain, fetus, seed=seed, **kwargs)


def test_heads_have_hadlocks_diameters():
    for fetus in FETUSES[:5]:
        skull = places(head("thalamic", fetus), "skull")
        assert np.ptp(skull[:, 0]) == pytest.approx(fetus.ofd_mm + 0.8, rel=0.04)
        assert np.ptp(skull[:, 1]) == pytest.approx(fetus.bpd_mm + 0.8, rel=0.04)
        assert middle_of(head("thalamic", fetus), "cavum")[0] > 0.3 * fetus.ofd_mm / 2  # front third


def test_the_cerebellum_is_as_many_millimeters_wide_as_weeks_are_gone():
    for fetus in FETUSES[:5]:
        labels = head("cerebellar", fetus, turn_deg=90.0)  # face up or down: no side is hidden
        width = np.ptp(places(labels, "cerebellum")[:, 0])
        assert width == pytest.approx(fetus.weeks, rel=0.08)
        along = np.abs(places(labels, "cerebellum")[:, 1]).max()
        cisterna = places(labels, "cisterna")
        assert 2.5 < np.abs(cisterna[np.abs(cisterna[:, 0]) < 2][:, 1]).max() - along < 8


@pytest.mark.parametrize("mirror", [False, True])
def test_the_hemisphere_under_the_probe_is_hidden(mirror):
    open_head = head("ventricular", FETUSES[0], turn_deg=90.0)
    both = len(places(open_head, "choroid"))
    for turn in (0.0, 35.0, 180.0, 230.0):
        labels = head("ventricular", FETUSES[0], turn_deg=turn, mirror=mirror)
        haze = places(labels, "reverberation")
        assert len(haze) * MM**2 > 150
        assert haze[:, 1].mean() < -4
        # Of two choroid plexuses the far one is left.
        assert 0.3 < len(places(labels, "choroid")) / both < 0.7
    assert len(places(open_head, "reverberation")) == 0


def test_the_skull_is_broken_where_it_runs_along_the_beams():
    across, along = [], []
    for patient in range(8):
        clip = still("brain", patient, jitter=0.0)
        assert clip.labels is not None
        skull = np.argwhere(clip.labels[0] == STRUCTURE_NUMBER["skull"])
        offset = skull - (skull.min(axis=0) + skull.max(axis=0)) / 2
        gray = clip.frames[0][tuple(skull.T)].astype(float)
        steep = np.abs(np.rad2deg(np.arctan2(offset[:, 0], offset[:, 1])) % 180 - 90)
        across.append(gray[(steep < 25) & (offset[:, 0] < 0)].mean())
        along.append(gray[steep > 70].mean())
    assert np.mean(along) < 0.58 * np.mean(across)


def test_femurs_have_their_length_and_lie():
    for k, fetus in enumerate(FETUSES[:5]):
        labels = drawn(planes.femur, fetus, seed=k)
        bone = places(labels, "long_bone")
        assert np.ptp(bone[:, 0]) == pytest.approx(fetus.fl_mm, rel=0.04)
        assert len(bone) * MM**2 / fetus.fl_mm == pytest.approx(2.8, rel=0.15)
        ends = places(labels, "cartilage")
        assert (ends[:, 0] > 0).any()
        assert (ends[:, 0] < 0).any()
    turns = [still("femur", patient).latents["turn_deg"] for patient in range(8)]
    assert max(map(abs, turns)) <= 45


def test_the_heart_in_the_chest():
    """A quarter to a third of the chest, its axis 45 degrees to the left, ventricles in front of the atria."""
    axes = []
    for k, fetus in enumerate(FETUSES):
        labels = drawn(planes.thorax, fetus, seed=k)
        heart = ("fetal_heart", "fetal_ventricle", "fetal_atrium", "moderator_band", "chordae")
        chest = (*heart, "fetal_lung", "fetal_spine", "fetal_rib", "fetal_aorta", "fetal_skin")
        assert 0.2 < len(places(labels, *heart)) / len(places(labels, *chest)) < 0.37
        apex = middle_of(labels, "fetal_ventricle") - middle_of(labels, "fetal_atrium")
        axes.append(np.rad2deg(np.arctan2(apex[0], -apex[1])))
        assert middle_of(labels, "fetal_aorta")[0] > 0  # left of the spine
        band = middle_of(labels, "moderator_band")
        assert band[1] < middle_of(labels, "fetal_ventricle")[1]  # the right ventricle lies under the sternum
    assert np.mean(axes) == pytest.approx(45, abs=8)
    assert all(20 < axis < 70 for axis in axes)


def test_cervices_are_three_to_four_centimeters_long():
    for seed in range(8):
        pen = Pen(np.random.default_rng(seed))
        cervix(pen, np.random.default_rng(seed), transvaginal=True)
        labels = raster(pen.shapes)
        canal = places(labels, "canal", "falx")
        assert 29 < np.ptp(canal[:, 0]) < 45
        assert middle_of(labels, "fluid")[0] < canal[:, 0].min()  # internal os left
        bladder = middle_of(labels, "bladder")
        assert bladder[0] < canal[:, 0].mean()
        assert bladder[1] < canal[:, 1].min()
        assert middle_of(labels, "bowel")[0] > canal[:, 0].max()


def test_neighbors_lie_in_the_fluid_of_six_frames_in_ten():
    fetus, seen, empty = FETUSES[0], Counter(), 0
    for seed in range(250):
        pen = Pen(np.random.default_rng(seed))
        rng = np.random.default_rng(seed + 1000)
        uterus.neighbors(pen, fetus, (0.0, 75.0), 25.0, rng, between_mm=(45.0, 110.0))
        empty += not pen.shapes
        seen.update({shape.structure for shape in pen.shapes})
        for shape in pen.shapes:
            if shape.structure in ("cord", "fetal_tissue", "fetal_lung"):
                assert 45 < shape.points[:, 1].mean() < 110
    assert empty / 250 == pytest.approx(0.4, abs=0.08)
    assert min(seen[name] for name in ("cord", "fetal_tissue", "fetal_lung")) > 30
