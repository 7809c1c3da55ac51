"""What `sslecho ingest` says at its end, to a reader."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sslecho.cli.app import app


@pytest.fixture
def archive(tmp_path):
    """A picture that is taken, and seven files that are not."""
    folder = tmp_path / "archive"
    folder.mkdir()
    noise = np.random.default_rng(3).integers(0, 255, size=(64, 48), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "a.png")
    for name in "bcdef":
        (folder / f"{name}.txt").write_text("no picture")
    (folder / "g.png").write_bytes(b"")
    (folder / "h.png").write_bytes(b"\x89PNG\r\n\x1a\ncut")
    return folder


def said(archive, *words):
    command = ["ingest", str(archive), "-o", str(archive.parent / "store"), "--patient-from", "clip"]
    done = CliRunner().invoke(app, [*command, "--sector", "off", "--kinds", "all", "--workers", "1", *words])
    assert done.exit_code == 0, done.output
    return done


def test_files_of_one_reason_are_told_together_with_some_of_their_names(archive):
    lines = said(archive).stdout.splitlines()
    assert lines[0] == "1 of 8 files accepted: 1 clip, 1 frame, 1 patient"
    first = lines.index("quarantined 5 files: it is no picture, video or DICOM file that sslecho reads")
    assert lines[first + 1 : first + 5] == [
        *(f"  {archive / name}" for name in ("b.txt", "c.txt", "d.txt")),
        "  … and 2 more; --json lists all",
    ]
    assert f"quarantined {archive / 'g.png'}: it is empty (0 bytes)" in lines


def test_what_was_done_before_is_said_to_be(archive):
    assert said(archive).stderr.splitlines()[-1].startswith(f"wrote {archive.parent / 'store'}; next: sslecho check")
    again = said(archive).stderr.splitlines()[-1]
    assert again.startswith(f"{archive.parent / 'store'} was written before, nothing was done; next: sslecho check")


def test_a_dry_run_counts_clips_whose_sector_is_uncertain(archive):
    dots = (np.random.default_rng(0).random((120, 160)) > 0.995) * np.uint8(200)  # no sector is in it
    Image.fromarray(dots.astype(np.uint8)).save(archive / "dots.png")
    remark = "1 of the clips has an uncertain sector by the first frames"
    assert remark in said(archive, "--dry-run", "--sector", "mask").stdout
    assert remark not in said(archive, "--dry-run", "--sector", "mask", "--doubtful", "keep").stdout
    done = said(archive, "--dry-run")
    assert remark not in done.stdout  # without sectors there is no doubt
    assert "less than 0.01 GB, about a minute on this machine" in done.stdout
    assert not (archive.parent / "store").exists()
