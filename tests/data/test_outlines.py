"""Sectors of good clips, collected for those of the same device that are in doubt."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from sslecho.data.outlines import MOST, OutlinesByDevice
from sslecho.data.sector import Outline

SHAPE = (240, 320)
NARROW = Outline(SHAPE, (-0.5, -0.5, 319.5, 239.5), (160.0, -12.0), (-0.6, 0.6), (30.0, 235.0))
WIDE = dataclasses.replace(NARROW, angles=(-0.8, 0.8))
BOX = Outline(SHAPE, (20.0, 10.0, 300.0, 200.0))


def shaken(outline: Outline, rng: np.random.Generator) -> Outline:
    """The same geometry as another clip shows it: found a pixel or so off."""
    if outline.apex is None:
        return dataclasses.replace(outline, clip=tuple((np.array(outline.clip) + rng.normal(size=4)).tolist()))
    x, y = (np.array(outline.apex) + rng.normal(size=2)).tolist()
    return dataclasses.replace(outline, apex=(x, y))


def entry(device: str | None, outline: Outline, shape: tuple[int, int] = SHAPE) -> dict:
    """A line of the journal, as it is read back from JSON."""
    note = {"outline": {"group": [device, *shape], "outline": dataclasses.asdict(outline)}}
    return json.loads(json.dumps({"source_id": "s", "clip": {"device": device}, **note["outline"], **note}))


def test_a_clip_gets_those_of_its_own_device_and_size():
    known = OutlinesByDevice([entry("d1", NARROW), entry("d2", BOX), entry("d1", WIDE, (120, 160)), entry(None, BOX)])
    assert known.of(["d1", 240, 320]) == (NARROW,)
    assert known.of(("d2", 240, 320)) == (BOX,)
    assert known.of(["d1", 120, 160]) == (WIDE,)
    assert known.of([None, 240, 320]) == (BOX,)  # files that name no device are one group
    assert known.of(["d3", 240, 320]) == ()
    assert known.of(["d1", 320, 240]) == ()


def test_they_come_back_from_the_journal_as_they_went_in():
    (found,) = OutlinesByDevice([entry("d", NARROW)]).of(["d", *SHAPE])
    assert found == NARROW
    np.testing.assert_array_equal(found.polygon(), NARROW.polygon())


@pytest.mark.parametrize("note", [{}, {"outline": None}])
def test_clips_without_a_sure_sector_say_nothing(note: dict):
    assert OutlinesByDevice([{"clip": {}}, {"quarantine": {}}, {"deferred": {}}, note]).of(["d", *SHAPE]) == ()


def test_each_geometry_is_one_candidate_the_commonest_first():
    rng = np.random.default_rng(7)
    drawn = [NARROW] * 3 + [WIDE] * 5 + [BOX] * 2
    entries = [entry("d", shaken(outline, rng)) for outline in drawn]
    found = OutlinesByDevice(entries).of(["d", *SHAPE])
    assert [one.angles for one in found] == [WIDE.angles, NARROW.angles, BOX.angles]
    assert found[2].apex is None


def test_the_order_of_clips_has_no_say():
    rng = np.random.default_rng(8)
    entries = [entry("d", shaken(outline, rng)) for outline in (NARROW, WIDE, NARROW, BOX)]
    ways = {OutlinesByDevice(order).of(["d", *SHAPE]) for order in itertools.permutations(entries)}
    assert len(ways) == 1


def test_no_more_are_remembered_than_the_first_of_a_device():
    entries = [entry("d", NARROW)] * MOST + [entry("d", BOX)] * 3 + [entry("e", BOX)]
    known = OutlinesByDevice(entries)
    assert known.of(["d", *SHAPE]) == (NARROW,)
    assert known.of(["e", *SHAPE]) == (BOX,)
