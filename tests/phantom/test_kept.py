"""The kinds `echo` and `fetal` stay what they were: figures measured on them, and the README's picture, depend on it.

Recorded before the kind `archive` was added. Everything but the pixels is compared by hash; pixels are compared by a
random projection, because a compiler may round the last bit of a float otherwise.
"""

import hashlib

import numpy as np
import pytest

from sslecho.phantom.archive import write_archive

SMALL = {"patients": 2, "views_per_patient": 2, "clips_per_view": 2, "frames_per_clip": 3, "size": 64, "seed": 5}
KEPT = {
    "echo": (
        "c202630415ea574f0dc3d56e364cf72d3f1796645a1ce086a67efb2a8b388fa9",
        [-117.149, -129.258, -161.776, -184.159, -70.779],
    ),
    "fetal": (
        "6d04b6a2efb3680a92e0a4f40292fefe39fc54cef4ae2ca3be6287931a73d8d0",
        [-19.162, -16.586, -95.074, -103.024, -111.718],
    ),
}


@pytest.mark.parametrize("kind", KEPT)
def test_archives_keep_their_bytes(kind, tmp_path):
    out = tmp_path / "archive"
    write_archive(out, kind=kind, format="dicom", **SMALL)
    n_pixels = 64 * 64 * (3 if kind == "echo" else 1)
    weights = np.random.default_rng(7).standard_normal(n_pixels)
    text = hashlib.sha256((out / "labels.csv").read_bytes())
    projections = []
    for path in sorted(out.rglob("*.dcm")):
        content = path.read_bytes()
        text.update(content[:-n_pixels])
        projections.append(float(np.frombuffer(content[-n_pixels:], np.uint8) @ weights) / n_pixels**0.5)
    want, pixels = KEPT[kind]
    assert text.hexdigest() == want
    np.testing.assert_allclose(projections, pixels, atol=0.05)
