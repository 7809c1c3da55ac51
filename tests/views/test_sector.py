"""The geometry of sectors, recovered from polygons that are drawn from a known one."""

import numpy as np
import pytest
import torch

from sslecho.data.sector.outline import Outline
from sslecho.data.writer import StoreWriter
from sslecho.views.beams import At
from sslecho.views.sector import Sectors, outline_of

SIZE = 256
WIDE = (-1000.0, -1000.0, 1000.0, 1000.0)


def fan(apex, angles, radii, clip=WIDE) -> np.ndarray:
    """Corners in stored pixels, whose edges are whole numbers."""
    return Outline((SIZE, SIZE), clip, apex=apex, angles=angles, radii=radii).polygon()


@pytest.mark.parametrize(
    ("apex", "angles", "radii"),
    [
        ((128.0, 5.0), (-0.75, 0.75), (0.0, 240.0)),
        ((120.0, -60.0), (-0.5, 0.45), (70.0, 300.0)),
        ((140.0, 8.0), (-0.3, 0.6), (12.0, 200.0)),
    ],
)
def test_a_fan_is_found_again(apex, angles, radii):
    outline, kind = outline_of(fan(apex, angles, radii) / SIZE * 2 - 1)
    assert kind == "fan"
    expected = [2 * apex[0] / SIZE - 1, 2 * apex[1] / SIZE - 1, *angles, *(2 * r / SIZE for r in radii)]
    assert outline[: At.FAR + 1] == pytest.approx(expected, abs=0.01)


def test_a_fan_that_a_screen_cut_off_is_found_with_its_box():
    corners = fan((128.0, 5.0), (-0.75, 0.75), (0.0, 240.0), clip=(20.0, 10.0, 230.0, 215.0))
    outline, kind = outline_of(corners / SIZE * 2 - 1)
    assert kind == "fan"
    assert outline[: At.RIGHT + 1] == pytest.approx([0, -0.961, -0.75, 0.75], abs=0.01)
    assert outline[[At.X0, At.X1, At.Y1]] == pytest.approx([20 / 128 - 1, 230 / 128 - 1, 215 / 128 - 1], abs=0.01)


@pytest.mark.parametrize(
    "corners",
    [
        [(-0.6, -0.8), (0.5, -0.8), (0.5, 0.9), (-0.6, 0.9)],
        [(-0.9, -0.2), (-0.2, -0.9), (0.9, 0.1), (0.1, 0.9)],  # leaning, but no fan
    ],
)
def test_what_is_no_fan_has_columns_for_beams(corners):
    corners = np.array(corners)
    outline, kind = outline_of(corners)
    assert kind == "box"
    assert outline[At.FAR] == 0
    assert outline[[At.X0, At.Y0, At.X1, At.Y1]] == pytest.approx([*corners.min(0), *corners.max(0)], abs=1e-6)


def test_the_sectors_of_a_store(tmp_path):
    polygon = fan((128.0, 5.0), (-0.75, 0.75), (0.0, 240.0))
    said = [
        {"sector": "mask", "sector_polygon": polygon.ravel().tolist()},
        {"sector": "mask", "sector_polygon": [40.0, 20.0, 200.0, 20.0, 200.0, 240.0, 40.0, 240.0]},
        {"sector": "whole", "sector_polygon": [0.0, 0.0, 256.0, 0.0, 256.0, 256.0, 0.0, 256.0]},
        {"sector": "off", "sector_polygon": None},
    ]
    with StoreWriter(tmp_path / "store", (SIZE, SIZE), unit="patient") as writer:
        for number, columns in enumerate(said):
            row = {"clip_id": f"c{number}", "patient_id": f"p{number}", "source_id": f"s{number}", **columns}
            writer.add_clip(np.zeros((number + 1, SIZE, SIZE), dtype=np.uint8), row)
        store = writer.commit()
    sectors = Sectors.of(store)
    assert list(sectors.kind) == ["fan", "box", "whole", "whole"]
    rows = sectors.rows(np.array([9, 0, 1, 2, 3]))
    assert rows.shape == (5, 11)
    assert torch.equal(rows[2, : At.MM], rows[3, : At.MM])  # two frames of the second clip
    assert rows[2, [At.X0, At.Y0, At.X1, At.Y1]].tolist() == pytest.approx([-0.6875, -0.84375, 0.5625, 0.875])
    assert rows[0, [At.X0, At.Y0, At.X1, At.Y1]].tolist() == [-1, -1, 1, 1]
    assert float(rows[1, At.LEFT]) == pytest.approx(-0.75, abs=0.01)
    assert rows[:, At.MM].isnan().all()
