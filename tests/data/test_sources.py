"""Which files a run takes, in which order, and what it makes of archives among them."""

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from sslecho.data.sources import SourceFile, find_files
from sslecho.errors import InputError


def put(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def zipped(path: Path, **files: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_IN_", "/"), content)
    return path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


def names(files: list[SourceFile]) -> list[str]:
    return [file.name for file in files]


def test_files_come_in_the_order_of_their_paths_whatever_made_them(tmp_path: Path, scratch: Path):
    wanted = ["B.png", "a/1.png", "a/10.png", "a/2.png", "a/b/c.png", "ä.png", "b.png"]
    for name in reversed(wanted):
        put(tmp_path / "archive" / name)
    found = find_files([tmp_path / "archive"], leave_out=[], scratch=scratch)
    assert names(found) == sorted(wanted)
    assert [file.relative for file in found] == sorted(wanted)
    assert not scratch.exists()


def test_what_is_hidden_is_passed_over_and_what_is_no_file_is_told(tmp_path: Path, scratch: Path):
    root = tmp_path / "archive"
    put(root / "good.png", b"12345")
    put(root / ".hidden.png")
    put(root / ".folder/inside.png")
    (root / "empty").mkdir()
    (root / "astray").symlink_to(root / "nowhere")
    (root / "link.png").symlink_to(root / "good.png")
    os.mkfifo(root / "pipe")
    found = find_files([root], leave_out=[], scratch=scratch)
    assert [(file.name, file.size_bytes, file.problem) for file in found] == [
        ("astray", 0, "it is a link that leads nowhere"),
        ("good.png", 5, None),
        ("link.png", 5, None),
        ("pipe", 0, "it is a pipe, a socket or a device, no file"),
    ]


def test_a_link_to_a_folder_above_does_not_lead_round_and_round(tmp_path: Path, scratch: Path):
    put(tmp_path / "archive/a/1.png")
    (tmp_path / "archive/a/up").symlink_to(tmp_path / "archive", target_is_directory=True)
    found = find_files([tmp_path / "archive"], leave_out=[], scratch=scratch)
    assert names(found) == ["a/1.png", "a/up"]
    assert "it is a link to a folder" in str(found[1].problem)


def test_a_source_inside_another_is_refused(tmp_path: Path, scratch: Path):
    """Its clips would be in the store twice, on both sides of a split."""
    put(tmp_path / "archive/a/1.png")
    for inner in (tmp_path / "archive" / "a", tmp_path / "archive"):
        with pytest.raises(InputError, match="lies in .*archive, so its files would be taken twice; name it once"):
            find_files([tmp_path / "archive", inner], leave_out=[], scratch=scratch)


def test_several_sources_are_told_apart(tmp_path: Path, scratch: Path):
    for folder in ("one", "two"):
        put(tmp_path / folder / "a.png")
    alone = put(tmp_path / "alone.png")
    found = find_files([tmp_path / "two", alone, tmp_path / "one"], leave_out=[], scratch=scratch)
    assert names(found) == ["0/a.png", "1/alone.png", "2/a.png"]
    assert [file.relative for file in found] == ["a.png", "alone.png", "a.png"]
    assert names(find_files([alone], leave_out=[], scratch=scratch)) == ["alone.png"]


def test_what_is_left_out_is_neither_taken_nor_entered(tmp_path: Path, scratch: Path):
    root = tmp_path / "archive"
    for name in ("a.png", "labels.csv", "store/shards/0.npy", "store.key/key", "b/store/x.png"):
        put(root / name)
    left_out = [root / "labels.csv", root / "store", root / ".." / "archive" / "store.key"]
    assert names(find_files([root], leave_out=left_out, scratch=scratch)) == ["a.png", "b/store/x.png"]


def test_a_zip_is_replaced_by_its_members(tmp_path: Path, scratch: Path):
    root = tmp_path / "archive"
    put(root / "a.png")
    path = zipped(root / "p1" / "study.zip", z_IN_b=b"12", a=b"345", **{".hidden": b"", "__MACOSX_IN_a": b""})
    put(root / "p1" / "study.zipper.png")
    found = find_files([root], leave_out=[], scratch=scratch)
    assert names(found) == ["a.png", "p1/study.zip/a", "p1/study.zip/z/b", "p1/study.zipper.png"]
    one = found[2]
    assert (one.relative, one.path, one.size_bytes, one.problem) == ("p1/study.zip/z/b", path, 2, None)
    assert one.member is not None
    assert one.shown == f"{path}/z/b"
    assert found[0].shown == str(root / "a.png")
    # The archive may be the source itself.
    assert names(find_files([path], leave_out=[], scratch=scratch)) == ["study.zip/a", "study.zip/z/b"]
    assert not scratch.exists()  # a zip is read where it lies


def test_a_compressed_tar_is_unpacked_once_into_the_scratch_folder(tmp_path: Path, scratch: Path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("b", "a"):
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"123"))
    put(tmp_path / "archive/x.bin", gzip.compress(buffer.getvalue()))
    put(tmp_path / "archive/volume.nii.gz", gzip.compress(b"no tar"))
    found = find_files([tmp_path / "archive"], leave_out=[], scratch=scratch)
    assert names(found) == ["volume.nii.gz", "x.bin/a", "x.bin/b"]
    assert len(list(scratch.iterdir())) == 1
    assert scratch.stat().st_mode & 0o777 == 0o700


def test_an_archive_that_can_not_be_opened_stands_for_itself(tmp_path: Path, scratch: Path):
    root = tmp_path / "archive"
    whole = zipped(root / "a.zip", inside=b"1" * 500).read_bytes()
    (root / "a.zip").write_bytes(whole[:-30])
    put(root / "b.png")
    damaged, good = find_files([root], leave_out=[], scratch=scratch)
    assert (damaged.name, damaged.member, good.problem) == ("a.zip", None, None)
    assert "cut short" in str(damaged.problem)
    zipped(root / "a.zip")
    (nothing,) = find_files([root / "a.zip"], leave_out=[], scratch=scratch)
    assert (nothing.name, nothing.problem) == ("a.zip", "the archive holds no file, or hidden ones alone")


def test_a_source_that_is_missing_or_empty_is_told(tmp_path: Path, scratch: Path):
    with pytest.raises(InputError, match="nowhere does not exist; name a folder or file of ultrasound"):
        find_files([tmp_path / "nowhere"], leave_out=[], scratch=scratch)
    (tmp_path / "empty").mkdir()
    put(tmp_path / "empty" / ".hidden")
    with pytest.raises(InputError, match="there is no file in .*empty; name a folder that holds ultrasound"):
        find_files([tmp_path / "empty"], leave_out=[], scratch=scratch)
