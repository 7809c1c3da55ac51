"""Clips whose sector is uncertain: shown to a person, taken or left out as that person says."""

import csv
from pathlib import Path

import numpy as np
import pytest
from data.archives import write_png, write_video
from moving_fan import fan_mask, moving_fan
from PIL import Image

from sslecho.data import look
from sslecho.data.identity import key_folder
from sslecho.data.ingest import ingest
from sslecho.data.signoff import read_signed_off
from sslecho.data.store import Store
from sslecho.errors import InputError

pytestmark = pytest.mark.usefixtures("here")


def noise(seed: int = 0) -> np.ndarray:
    """Scattered dots: no sector is in it."""
    rng = np.random.default_rng(seed)
    return ((rng.random((120, 160)) > 0.995) * np.uint8(200)).astype(np.uint8)


@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    """Two good clips and two pictures in which no sector can be found."""
    source = tmp_path / "archive"
    write_video(source / "a.mp4", moving_fan(8, seed=1))
    write_png(source / "b.png", noise(1))
    write_video(source / "c.mp4", moving_fan(8, seed=2))
    write_png(source / "d.png", noise(2))
    return source


def run(source: Path, **settings) -> tuple[Store, dict]:
    store, summary = ingest([source], source.parent / "store", size=48, patient_from="unknown", **settings)
    assert store is not None
    return store, summary


def test_what_is_uncertain_is_left_out_shown_and_taken_on_a_persons_word(doubtful: Path):
    store, summary = run(doubtful)
    assert (summary["accepted"], summary["quarantined"]) == (2, 2)
    assert all("sign it off with --sign-off" in item["reason"] for item in summary["quarantine"])
    listed = key_folder(store.path) / "doubtful.csv"
    assert listed.stat().st_mode & 0o777 == 0o600
    rows = list(csv.DictReader(listed.read_text().splitlines()))
    assert [(row["number"], row["path"], row["accept"]) for row in rows] == [("1", "b.png", ""), ("2", "d.png", "")]
    sheet = key_folder(store.path) / "doubtful" / "sheet-001.png"
    assert sheet.stat().st_mode & 0o777 == 0o600
    assert np.asarray(Image.open(sheet)).max() > 100
    # The pictures behind the sheet are gone, and nothing of it is in the store.
    assert [file.name for file in (key_folder(store.path) / "doubtful").iterdir()] == ["sheet-001.png"]
    assert not list(store.path.rglob("*.png"))

    rows[1]["accept"] = "whole"
    with listed.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    store, summary = run(doubtful, sign_off=listed, overwrite=True)
    assert summary["accepted"] == 3
    assert store.column("sector").tolist() == ["mask", "mask", "off"]
    assert [Path(item["path"]).name for item in summary["quarantine"]] == ["b.png"]
    assert (store.read(np.array([len(store) - 1]))[0] > 0).any()

    # What the person wrote is still there, so that the same command finds its work done.
    assert read_signed_off(listed) == {"d.png": "whole"}
    again, summary = run(doubtful, sign_off=listed)
    assert summary["already"]
    assert again.frames_hash == store.frames_hash
    # All accepted: the list stays, the sheets go.
    listed.write_text(listed.read_text().replace(",\n", ",whole\n"))
    store, summary = run(doubtful, sign_off=listed, overwrite=True)
    assert (summary["accepted"], summary["quarantined"]) == (4, 0)
    assert read_signed_off(listed) == {"b.png": "whole", "d.png": "whole"}
    assert not list((key_folder(store.path) / "doubtful").iterdir())


def test_answers_that_were_not_handed_in_are_kept(doubtful: Path):
    store, _ = run(doubtful)
    listed = key_folder(store.path) / "doubtful.csv"
    listed.write_text(listed.read_text().replace(",\n", ",whole\n"))
    run(doubtful, overwrite=True, every=2)
    assert read_signed_off(listed) == {}
    assert read_signed_off(listed.with_name("doubtful-before.csv")) == {"b.png": "whole", "d.png": "whole"}


def test_a_list_of_other_sources(doubtful: Path, tmp_path: Path):
    """Acceptances that lead nowhere are not passed over."""
    signed = tmp_path / "signed.csv"
    signed.write_text("number;path;reason;accept\n1;0/b.png;;whole\n")
    with pytest.raises(InputError, match="none of its 1 accepted paths is a file of this run.*'0/b.png'.*'a.mp4'"):
        run(doubtful, sign_off=signed)
    signed.write_text("number;path;reason;accept\n1;gone.png;;whole\n2;b.png;;whole\n")
    store, summary = run(doubtful, sign_off=signed)
    assert store.clips.num_rows == 3
    assert summary["warnings"] == ["1 of 2 paths accepted in --sign-off are no file here, the first is gone.png"]


def test_yes_takes_the_sector_that_was_found(doubtful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(look, "CONFIDENT", 1.1)  # nothing is ever certain
    signed = tmp_path / "signed.csv"
    signed.write_text("path,accept\na.mp4,YES\nc.mp4,\n")
    store, summary = run(doubtful, sign_off=signed)
    assert store.clips.num_rows == 1
    assert summary["sectors"] == {"mask": 1}
    kept, _ = run(doubtful, doubtful="keep", overwrite=True)
    assert kept.clips.num_rows == 2  # where nothing at all was found, nothing can be kept
    # The polygon that is kept is that of the fan.
    polygon = np.array(store.clips["sector_polygon"][0].as_py()).reshape(-1, 2)
    x0, y0, scale = (store.frames[name][0].as_py() for name in ("crop_x0", "crop_y0", "scale"))
    margin = (48 - np.array(polygon).max(axis=0)) - np.array(polygon).min(axis=0)
    assert np.abs(margin).max() < 3  # letterboxed around the middle
    mask = fan_mask()
    ys, xs = np.nonzero(mask)
    assert abs(x0 - xs.min()) < 8
    assert abs(y0 - ys.min()) < 12
    assert scale == pytest.approx(48 / max(np.ptp(xs), np.ptp(ys)), rel=0.08)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("path,accept\na,maybe\n", "line 2: accept 'maybe' must be yes, whole or empty"),
        ("path,other\na,yes\n", "line 2 lacks `path` or `accept`"),
        ("path,accept\na\n", "line 2 lacks `path` or `accept`"),
    ],
)
def test_a_wrong_answer_is_named(tmp_path: Path, content: str, said: str):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(InputError, match=said):
        read_signed_off(tmp_path / "x.csv")
    with pytest.raises(InputError, match="can't be read as CSV"):
        read_signed_off(tmp_path)
    with pytest.raises(InputError, match=r"--sign-off .*missing.csv does not exist; the list to answer in is"):
        read_signed_off(tmp_path / "missing.csv")
