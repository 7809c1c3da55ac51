"""Repeats of a view: only within a patient, moved by a little, joined by chains."""

import csv
import math

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from sslecho.data.repeats import LEAST_COMMON, MOST_MOVED, correlation, moved, owners, repeats_of
from sslecho.data.writer import StoreWriter

SIZE = 64


def scene(seed):
    """A smooth picture that correlates with no other."""
    rng = np.random.default_rng(seed)
    x = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), 5)
    return np.clip(120 + 40 * x / x.std(), 10, 250)


def shifted(picture, pixels):
    """Moved to the right as a probe moves: what comes in is not black."""
    return np.roll(picture, pixels, axis=1)


def write(path, clips, *, unit="patient"):
    """A store of (patient, picture), two noisy frames each."""
    rng = np.random.default_rng(1)
    with StoreWriter(path, (SIZE, SIZE), unit=unit) as writer:
        for number, (patient, picture) in enumerate(clips):
            frames = np.clip(picture + rng.normal(0, 3, (2, SIZE, SIZE)), 0, 255).astype(np.uint8)
            writer.add_clip(frames, {"clip_id": f"c{number}", "patient_id": patient, "source_id": f"s{number}"})
        return writer.commit()


def grouped(store, threshold=0.9, clips=None, **more):
    clips = np.arange(store.clips.num_rows) if clips is None else np.array(clips)
    return repeats_of(store, clips, threshold=threshold, **more).tolist()


def pearson(x, p, y, q):
    """r inside the common mask, pixel by pixel."""
    common = [(i, j) for i in range(len(p)) for j in range(len(p[0])) if p[i, j] and q[i, j]]
    either = sum(bool(p[i, j] or q[i, j]) for i in range(len(p)) for j in range(len(p[0])))
    if len(common) < LEAST_COMMON * either:
        return 0.0
    a, b = [x[at] for at in common], [y[at] for at in common]
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    over = sum((u - mean_a) * (v - mean_b) for u, v in zip(a, b, strict=True))
    spread = math.sqrt(sum((u - mean_a) ** 2 for u in a) * sum((v - mean_b) ** 2 for v in b))
    return over / spread if spread else 0.0


def test_correlation_is_pearsons_inside_the_common_mask():
    rng = np.random.default_rng(0)
    masks = rng.random((7, 6, 5)) < np.array([0.95, 0.8, 0.6, 0.3, 0.9, 0.7, 1.0])[:, None, None]
    pictures = rng.integers(1, 256, (7, 6, 5)) * masks.astype(np.float64)
    pictures[6] = 90.0  # even ground
    found = correlation(pictures[:4], masks[:4], pictures, masks)
    for i in range(4):
        for j in range(7):
            assert found[i, j] == pytest.approx(pearson(pictures[i], masks[i], pictures[j], masks[j]), abs=1e-9)
    assert (found == 0).sum() > 4  # of sectors with too little in common, and of the even ground


def test_moved_pictures_leave_black_behind():
    picture = np.arange(12.0).reshape(1, 3, 4) + 1
    assert moved(picture, 1, -2).tolist() == [[[0, 0, 0, 0], [3, 4, 0, 0], [7, 8, 0, 0]]]


def test_repeats_are_of_one_patient_and_of_one_view(tmp_path):
    a, b = scene(0), scene(1)
    reach = MOST_MOVED * SIZE // 32
    clips = [("p", a), ("q", a), ("p", b), ("p", shifted(a, reach)), ("q", shifted(a, 12 * reach)), ("p", b), (None, a)]
    store = write(tmp_path / "store", clips)
    assert grouped(store) == [0, 1, 2, 0, 4, 2, 6]
    assert grouped(store, clips=[0, 1, 4, 5]) == [0, 1, 2, 3, 4, 5, 6]
    assert grouped(store, workers=2) == grouped(store)


def test_repeats_of_repeats_are_repeats(tmp_path):
    a, b = scene(0), scene(1)
    middle = (a + b) / 2
    store = write(tmp_path / "store", [("p", a), ("p", b), ("p", middle)])
    # The ends are nothing alike, and the middle correlates .7 with both.
    assert grouped(store, 0.6) == [0, 0, 0]
    assert grouped(store, 0.8) == [0, 1, 2]
    assert grouped(write(tmp_path / "ends", [("p", a), ("p", b)]), 0.6) == [0, 1]


def test_clips_without_patients_are_alone_and_sweeps_stand_for_patients(tmp_path):
    a = scene(0)
    alone = write(tmp_path / "alone", [(None, a), (None, a)], unit="clip")
    assert len(set(owners(alone).tolist())) == 2
    with StoreWriter(tmp_path / "sweeps", (SIZE, SIZE), unit="sweep") as writer:
        for number, sweep in enumerate("xyx"):
            frames = a.astype(np.uint8)[None]
            writer.add_clip(frames, {"clip_id": f"c{number}", "unit_id": sweep, "source_id": f"s{number}"})
        sweeps = writer.commit()
    assert grouped(sweeps) == [0, 1, 0]


def test_three_of_four_real_clips_have_a_twin(real_data, tmp_path):
    folder = real_data / "echo_unlabelled"
    if not folder.is_dir():
        pytest.skip("echo_unlabelled is not here")
    with (folder / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    with StoreWriter(tmp_path / "store", (SIZE, SIZE), unit="patient") as writer:
        for video in sorted({row["video"] for row in rows}):
            own = [row for row in rows if row["video"] == video][:4]
            pictures = [Image.open(folder / row["path"]).convert("L").resize((SIZE, SIZE)) for row in own]
            clip = {"clip_id": video, "patient_id": own[0]["patient"], "source_id": video}
            writer.add_clip(np.stack([np.asarray(picture) for picture in pictures]), clip)
        store = writer.commit()
    size = np.bincount(grouped(store), minlength=97)
    assert 0.65 < size[size > 1].sum() / 97 < 0.85
    assert size.max() < 20
