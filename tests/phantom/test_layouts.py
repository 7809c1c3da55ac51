"""What is burned in, where, and whether it is known exactly."""

import numpy as np
import pytest

from sslecho.phantom.devices import DEVICES
from sslecho.phantom.factors import Factors
from sslecho.phantom.geometry import BeamGrid, ScanConverter
from sslecho.phantom.layouts import DEVICE_LAYOUTS, GRAPHICS, IDENTITY, LAYOUTS, TEXT, Facts, draw_layout
from sslecho.phantom.overlay import draw_identity
from sslecho.phantom.screens.screen import place, screen_shape
from sslecho.phantom.sites import ARCHIVE_SITES

FACTS = Facts("Sonara S5", 3.4, 160.0, 71.0, "a4c", (0.2, 0.4, 0.6, 0.3, 0.7, 0.1, 0.9, 0.5))


def drawn(name, *, size=256, seed=0, blind=False, angle_deg=80.0):
    layout = LAYOUTS[name]
    side = int(size * layout.fan)
    converter = ScanConverter(BeamGrid(5.0, angle_deg, 160.0), side)
    shape = screen_shape(size)
    corner = (round(layout.align * (shape[1] - side)), (size - side) // 2)
    sector = place(converter.mask[None], shape, corner)[0]
    x, y = converter.to_pixels(np.zeros((1, 2)))[0]
    identity = draw_identity(Factors.from_seed(seed), 3, 0, 1)
    burned = draw_layout(
        name,
        sector & (not blind),
        identity,
        FACTS,
        mm_per_pixel=converter.mm_per_pixel,
        apex=(x + corner[0], y + corner[1]),
    )
    return sector, burned


@pytest.mark.parametrize("name", LAYOUTS)
def test_kinds_are_known_exactly_where_there_is_ink(name):
    _, burned = drawn(name)
    np.testing.assert_array_equal(burned.ink > 0, burned.kinds > 0)
    assert set(np.unique(burned.kinds)) <= {0, GRAPHICS, TEXT, IDENTITY}
    assert (burned.kinds == IDENTITY).sum() > 40


@pytest.mark.parametrize("name", [name for name, layout in LAYOUTS.items() if not layout.inside])
def test_text_stays_out_of_the_sector(name):
    sector, burned = drawn(name)
    assert not (sector & (burned.kinds >= TEXT)).any()


def test_text_is_pushed_aside_whole():
    _, free = drawn("touching", blind=True, angle_deg=110.0)
    sector, pushed = drawn("touching", angle_deg=110.0)
    assert (sector & (free.kinds >= TEXT)).sum() > 40
    assert (pushed.kinds >= TEXT).sum() == pytest.approx((free.kinds >= TEXT).sum(), rel=0.04)


def test_the_handheld_writes_over_the_sector():
    sector, burned = drawn("handheld")
    assert (sector & (burned.kinds == IDENTITY)).sum() > 100


def test_text_touches_the_fan_where_it_is_pushed_out():
    sector, burned = drawn("touching")
    near = np.zeros_like(sector)
    near[:, 6:] |= sector[:, :-6]
    near[:, :-6] |= sector[:, 6:]
    assert (near & ~sector & (burned.kinds == IDENTITY)).any()


def test_another_patient_has_other_letters_at_the_same_place():
    _, first = drawn("corners", seed=0)
    _, second = drawn("corners", seed=1)
    assert (first.kinds == IDENTITY).any()
    assert ((first.kinds == IDENTITY) != (second.kinds == IDENTITY)).any()
    np.testing.assert_array_equal(first.kinds == GRAPHICS, second.kinds == GRAPHICS)


def test_twelve_layouts_over_at_least_four_devices():
    assert len(LAYOUTS) == 12
    assert set(DEVICE_LAYOUTS) == {site.device for site in ARCHIVE_SITES} <= set(DEVICES)
    assert len(DEVICE_LAYOUTS) >= 4
    assert sorted(name for names in DEVICE_LAYOUTS.values() for name in names) == sorted(LAYOUTS)
