"""The phantom is frozen: figures measured on it stay comparable only while its pictures stay what they are.

A frame must have the recorded hash. Another processor may round the last bit of a float otherwise, so that single gray
values differ by one: where the hash differs, random projections of the frames must agree within what that does.
"""

import json

import numpy as np
import pytest
from simulated import frozen

from sslecho.phantom import PHANTOM_VERSION
from sslecho.phantom.kinds import KINDS

RECORD = json.loads(frozen.REFERENCE.read_text())
CURE = (
    f"a picture of the phantom's version {PHANTOM_VERSION} changed: undo it, or give a new PHANTOM_VERSION with a "
    "decision record, run tests/simulated/frozen.py and measure every figure on the phantom again (docs/phantom.md)"
)
# One gray value in fifty off by one moves a projection by sqrt(1 / 50) at one sigma.
PIXELS, SECTOR = 0.5, 8.0


def test_the_record_is_of_this_version():
    assert RECORD["version"] == PHANTOM_VERSION
    assert {kind: list(clips) for kind, clips in RECORD["clips"].items()} == {
        kind: frozen.names_of(kind) for kind in KINDS
    }


@pytest.mark.parametrize("kind", RECORD["plans"])
def test_plans_are_the_recorded_ones(kind):
    assert frozen.plans_hash(kind) == RECORD["plans"][kind], CURE


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, clips in RECORD["clips"].items() for name in clips])
def test_reference_frames_are_the_recorded_ones(kind, name):
    want, found = RECORD["clips"][kind][name], frozen.fingerprint(kind, name)
    assert found["shape"] == want["shape"], CURE
    if found["sha256"] != want["sha256"]:
        np.testing.assert_allclose(found["pixels"], want["pixels"], atol=PIXELS, err_msg=CURE)
        np.testing.assert_allclose(found["sector"], want["sector"], atol=SECTOR, err_msg=CURE)
