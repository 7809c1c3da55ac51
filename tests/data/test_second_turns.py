"""Clips in doubt have a second turn: what it learns, and what a person's yes is about."""

from pathlib import Path

import numpy as np
import pytest
from data.archives import contents, write_video
from moving_fan import moving_fan

from sslecho.data import ingest as ingest_module
from sslecho.data import look
from sslecho.data.ingest import ingest
from sslecho.data.sector import Outline, Sector
from sslecho.data.store import Store
from sslecho.errors import Interrupted

pytestmark = pytest.mark.usefixtures("here")
SHAPE = (240, 320)
DARK = 5  # frames of a clip that is in doubt


def box_sector(box: tuple[int, int, int, int], confidence: float) -> Sector:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    x0, y0, x1, y1 = box
    polygon = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=np.float64)
    return Sector(
        mask, box, polygon, confidence, "motion", Outline(SHAPE, (float(x0), float(y0), float(x1), float(y1)))
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two clips that are clear and three that are not."""
    folder = tmp_path / "archive"
    for number, n_frames in enumerate((8, DARK, DARK, 8, DARK)):
        write_video(folder / f"{number}.mp4", moving_fan(n_frames, seed=number))
    return folder


def run(source: Path, name: str, key_from: str | None = None, **settings) -> Store:
    out = source.parent / name
    if key_from is not None:
        folder = out.with_name(f"{name}.key")
        folder.mkdir(exist_ok=True)
        (folder / "key").write_text((source.parent / f"{key_from}.key/key").read_text())
    store, _ = ingest([source], out, patient_from="unknown", size=32, **settings)
    assert store is not None
    return store


def test_a_run_that_goes_on_amid_second_turns_learns_from_first_ones_alone(
    source: Path, monkeypatch: pytest.MonkeyPatch
):
    """Clips that were sure of themselves in a second turn lend nothing to those behind them."""
    lent: list[int] = []

    def find(gray, *, regions, outlines):
        if len(gray) != DARK:
            return box_sector((20, 10, 300, 230), 0.9)
        if not outlines:
            return box_sector((60, 10, 300, 230), 0.1)
        lent.append(len(outlines))
        return box_sector((20 + 30 * len(outlines), 10, 300, 230), 0.9)

    monkeypatch.setattr(look, "find_sector", find)
    whole = run(source, "whole")
    assert lent == [1, 1, 1]
    real, calls = ingest_module.ingest_clip, []

    def stopped(task):
        calls.append(task)
        if len(calls) > 6:
            raise KeyboardInterrupt
        return real(task)

    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "ingest_clip", stopped)
        with pytest.raises(Interrupted):
            run(source, "store", "whole")
    lent.clear()
    run(source, "store", "whole")
    assert lent == [1, 1]
    assert contents(source.parent / "store") == contents(whole.path)


def test_yes_takes_the_sector_that_was_drawn(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A person saw the outline of the second turn; that of the first may show a name."""

    def find(gray, *, regions, outlines):
        if len(gray) != DARK:
            return box_sector((100, 10, 300, 230), 0.9)
        return box_sector((100 if outlines else 0, 10, 300, 230), 0.1)

    monkeypatch.setattr(look, "find_sector", find)
    signed = tmp_path / "signed.csv"
    signed.write_text("path,accept\n1.mp4,yes\n")
    store = run(source, "store", sign_off=signed)
    assert store.clips.num_rows == 3
    assert set(store.frames["crop_x0"].to_pylist()) == {100}
