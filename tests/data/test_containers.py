"""Zip and tar: every good member arrives, no name reaches the disk or a reason, and nothing harmful gets out."""

import bz2
import gzip
import io
import lzma
import pickle
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data.archives import dicom, pattern, save_dicom, write_png, write_video

from sslecho.data.containers.archive import borrowed, fetch, kind_of, members, peek
from sslecho.data.containers.member import Limits, plain_name
from sslecho.data.patients import PatientFrom
from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import open_recording
from sslecho.errors import InputError

CANARY = "DOE_JANE_19500101"
KINDS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")
PACK = {"tar": bytes, "tar.gz": gzip.compress, "tar.bz2": bz2.compress, "tar.xz": lzma.compress}


def noise(length: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(length)


def zip_of(path: Path, files: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tar_of(files: dict[str, bytes], *extra: tarfile.TarInfo, style: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=style) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)
    return buffer.getvalue()


def archive_of(path: Path, files: dict[str, bytes], kind: str) -> Path:
    """An archive whose extension lies."""
    path = path.with_suffix(".bin")
    if kind == "zip":
        return zip_of(path, files)
    path.write_bytes(PACK[kind](tar_of(files)))
    return path


def content(path: Path, scratch: Path) -> dict[str, bytes | str]:
    """Each member's bytes, or why it has none."""
    found: dict[str, bytes | str] = {}
    for member in members(path, scratch):
        try:
            with borrowed(member, scratch) as copy:
                found[member.name] = copy.read_bytes()
        except Unreadable as error:
            found[member.name] = str(error)
    return found


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "key" / "scratch"


@pytest.mark.parametrize("kind", KINDS)
def test_every_member_arrives_whatever_the_archive_is_called(tmp_path: Path, scratch: Path, kind: str):
    files = {
        "p1/a.dcm": noise(1_200_000, 1),
        "p1/b": noise(1, 2),
        "p2/c.png": b"x" * 70_000,
        "empty.dcm": b"",
        "d" * 200 + "/long.dcm": noise(1000, 3),
    }
    path = archive_of(tmp_path / "archive", files, kind)
    assert kind_of(path) == kind
    assert content(path, scratch) == files


@pytest.mark.parametrize("style", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_style_of_tar_is_understood(tmp_path: Path, scratch: Path, style: int):
    files = {"a" * 90 + "/" + "b" * 60 + ".dcm": b"1", "plain.dcm": b"22"}
    if style != tarfile.USTAR_FORMAT:
        files |= {"ü" * 90 + "/" + "c" * 300 + ".png": b"333"}
    path = tmp_path / "a.tar"
    path.write_bytes(tar_of(files, style=style))
    assert content(path, scratch) == files


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_every_common_packing_of_zip_is_understood(tmp_path: Path, scratch: Path, packing: int):
    files = {"a.dcm": noise(2_500_000, 4), "b.dcm": bytes(5_000_000)}
    assert content(zip_of(tmp_path / "a.zip", files, packing), scratch) == files


def test_zip64_is_understood(tmp_path: Path, scratch: Path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("big.dcm", "w", force_zip64=True) as file:
        file.write(noise(1000))
    assert content(path, scratch) == {"big.dcm": noise(1000)}


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_reaches_the_disk_or_a_reason(tmp_path: Path, scratch: Path, kind: str):
    good = f"{CANARY}/{CANARY}.{CANARY}.dcm"
    path = archive_of(tmp_path / "a", {good: b"1", f"{CANARY}.{CANARY}": b"2", f"../{CANARY}": b"3"}, kind)
    found = members(path, scratch)
    copies = [fetch(member, scratch) for member in found if member.refused is None]
    assert len(copies) == 2
    assert [copy.suffix for copy in copies] == [".dcm", ""]
    assert all(CANARY not in str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*"))
    assert all(CANARY not in (member.refused or "") for member in found)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in copies)
    assert scratch.stat().st_mode & 0o777 == 0o700


def test_a_borrowed_member_is_gone_afterwards(tmp_path: Path, scratch: Path):
    (member,) = members(zip_of(tmp_path / "a.zip", {"a.dcm": b"1"}), scratch)

    def fail() -> None:
        with borrowed(member, scratch) as copy:
            assert copy.read_bytes() == b"1"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_goes_to_another_process(tmp_path: Path, scratch: Path, kind: str):
    path = archive_of(tmp_path / "a", {"a.dcm": noise(5000)}, kind)
    (member,) = pickle.loads(pickle.dumps(members(path, scratch)))
    assert fetch(member, scratch).read_bytes() == noise(5000)
    assert peek(member, 132) == noise(5000)[:132]


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a/../../b", "C:\\Users\\b", "..", "\\\\host\\share"]
)
def test_a_name_that_leads_out_is_refused_and_its_neighbor_is_not(tmp_path: Path, scratch: Path, kind: str, name: str):
    path = archive_of(tmp_path / "a", {name: b"bad", "good.dcm": b"good"}, kind)
    found = content(path, scratch)
    assert found.pop("good.dcm") == b"good"
    assert list(found.values()) == ["its name in the archive leads out of the archive"]
    assert not any(".." in name.split("/") or name.startswith("/") for name in found)


def test_names_are_plain_and_unique(tmp_path: Path, scratch: Path):
    files = {"./a//b.dcm": b"1", "a/b.dcm": b"2", "a\\b.dcm": b"3", "a/b.dcm (2)": b"4", "x\x1b[31m\n.dcm": b"5"}
    found = content(archive_of(tmp_path / "a", files, "tar"), scratch)
    twice = "the archive holds its name twice; the first of that name is taken"
    assert list(found.items())[:3] == [("a/b.dcm", b"1"), ("a/b.dcm (2)", twice), ("a/b.dcm (3)", twice)]
    assert len(found) == 5
    assert all(name.isprintable() for name in found)
    assert plain_name("caf\udce9.dcm")[0] == "caf\ufffd.dcm"


def test_a_zip_member_without_a_name_is_refused(tmp_path: Path, scratch: Path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"1")
        archive.writestr("good.dcm", b"good")
    assert content(path, scratch) == {"nameless": "it has no name in the archive", "good.dcm": b"good"}


def test_hidden_members_are_left_out_as_hidden_files_are(tmp_path: Path, scratch: Path):
    files = {"a.dcm": b"1", ".DS_Store": b"2", "__MACOSX/._a.dcm": b"3", "b/.hidden/c": b"4"}
    assert list(content(zip_of(tmp_path / "a.zip", files), scratch)) == ["a.dcm"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_of_a_tar_are_refused(tmp_path: Path, scratch: Path, kind: bytes):
    info = tarfile.TarInfo("link.dcm")
    info.type, info.linkname = kind, "/etc/passwd"
    folder = tarfile.TarInfo("folder")
    folder.type = tarfile.DIRTYPE
    path = tmp_path / "a.tar"
    path.write_bytes(tar_of({"good.dcm": b"good"}, info, folder))
    assert content(path, scratch) == {
        "good.dcm": b"good",
        "link.dcm": "it is a link or a device in the archive, and these are not followed",
    }


def test_a_link_of_a_zip_is_refused(tmp_path: Path, scratch: Path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link.dcm")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.mkdir("folder")
        archive.writestr("good.dcm", b"good")
    assert content(path, scratch) == {
        "link.dcm": "it is a link or a device in the archive, and these are not followed",
        "good.dcm": b"good",
    }


def patched(path: Path, where: Callable[[bytes], int], value: bytes) -> Path:
    """The archive with bytes of its directory changed."""
    data = bytearray(path.read_bytes())
    place = where(bytes(data))
    data[place : place + len(value)] = value
    path.write_bytes(data)
    return path


def directory(data: bytes) -> int:
    """Where the first entry of a zip's directory starts."""
    return data.index(b"PK\x01\x02")


def test_an_encrypted_member_is_refused(tmp_path: Path, scratch: Path):
    path = zip_of(tmp_path / "a.zip", {"a.dcm": b"1" * 99, "b.dcm": b"2"})
    patched(path, lambda data: directory(data) + 8, struct.pack("<H", 1))
    found = content(path, scratch)
    assert found == {"a.dcm": "it is encrypted in the archive; unpack the archive with its password", "b.dcm": b"2"}


def test_a_packing_that_is_not_understood_is_named(tmp_path: Path, scratch: Path):
    path = zip_of(tmp_path / "a.zip", {"a.dcm": b"1" * 99, "b.dcm": b"2"})
    patched(path, lambda data: directory(data) + 10, struct.pack("<H", 9))
    assert "does not unpack (Deflate64)" in str(content(path, scratch)["a.dcm"])


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_in_an_archive_is_refused(tmp_path: Path, scratch: Path, kind: str):
    inner = [
        zip_of(tmp_path / "i.zip", {"a": b"1"}).read_bytes(),
        tar_of({"a": b"1"}),
        gzip.compress(tar_of({"a": b"1"})),
    ]
    files = {f"{number}.dcm": data for number, data in enumerate(inner)} | {"a.nii.gz": gzip.compress(b"no tar")}
    found = content(archive_of(tmp_path / "a", files, kind), scratch)
    assert found.pop("a.nii.gz") == files["a.nii.gz"]
    assert set(found.values()) == {"it is an archive in an archive; unpack the outer one"}
    assert not [file for file in scratch.rglob("*") if file.suffix != ".tar"]


def test_a_bomb_of_one_member_is_refused(tmp_path: Path, scratch: Path):
    path = zip_of(tmp_path / "a.zip", {"bomb.dcm": bytes(70 * 2**20), "good.dcm": b"1"})
    assert path.stat().st_size < 100_000
    found = content(path, scratch)
    assert "unpacks to more than 200 times its size" in str(found["bomb.dcm"])
    assert found["good.dcm"] == b"1"


def test_a_compressed_tar_that_is_a_bomb_is_refused_and_leaves_nothing(tmp_path: Path, scratch: Path):
    path = tmp_path / "a.tgz"
    path.write_bytes(gzip.compress(tar_of({"bomb.dcm": bytes(70 * 2**20)})))
    with pytest.raises(Unreadable, match="unpacks to more than 200 times its size"):
        members(path, scratch)
    assert list(scratch.iterdir()) == []


def test_members_that_share_their_bytes_are_refused(tmp_path: Path, scratch: Path):
    """Fifield's bomb: every entry of the directory leads to the same packed bytes."""
    path = zip_of(tmp_path / "a.zip", {"a.dcm": b"1" * 99, "b.dcm": b"2" * 99})
    second = path.read_bytes().rindex(b"PK\x01\x02")
    patched(path, lambda data: second + 42, struct.pack("<I", 0))
    with pytest.raises(Unreadable, match="members overlap"):
        members(path, scratch)


def test_a_member_that_is_longer_than_the_directory_says_is_stopped(tmp_path: Path, scratch: Path):
    path = zip_of(tmp_path / "a.zip", {"a.dcm": bytes(50 * 2**20), "b.dcm": b"2"})
    patched(path, lambda data: directory(data) + 24, struct.pack("<I", 1000))
    found = content(path, scratch)
    assert "unpacks to more than its archive says" in str(found["a.dcm"])
    assert found["b.dcm"] == b"2"


def test_limits_are_told(tmp_path: Path, scratch: Path):
    path = zip_of(tmp_path / "a.zip", {f"{number}.dcm": noise(10) for number in range(5)})
    with pytest.raises(Unreadable, match="holds 5 files, more than the limit of 4"):
        members(path, scratch, limits=Limits(members=4))
    with pytest.raises(Unreadable, match="unpacks to 50 bytes, more than the limit of 49"):
        members(path, scratch, limits=Limits(total_bytes=49))
    (tmp_path / "a.tar").write_bytes(tar_of({f"{number}.dcm": b"" for number in range(5)}))
    with pytest.raises(Unreadable, match="more than the limit of 4 files"):
        members(tmp_path / "a.tar", scratch, limits=Limits(members=4))
    (tmp_path / "a.tgz").write_bytes(gzip.compress(tar_of({"a": noise(20_000)})))
    with pytest.raises(Unreadable, match="more than the limit of 9999 bytes"):
        members(tmp_path / "a.tgz", scratch, limits=Limits(total_bytes=9999))
    large = members(path, scratch, limits=Limits(member_bytes=9))
    assert all("more than the limit of" in (member.refused or "") for member in large)


def test_a_directory_that_claims_millions_of_files_is_not_read(tmp_path: Path, scratch: Path):
    path = zip_of(tmp_path / "a.zip", {"a.dcm": b"1"})
    end = path.read_bytes().rindex(b"PK\x05\x06")
    patched(path, lambda data: end + 12, struct.pack("<I", 2**30))
    with pytest.raises(Unreadable, match="its directory has 1073741824 bytes, more than the limit"):
        members(path, scratch)


def test_a_damaged_member_is_told_and_its_neighbor_arrives(tmp_path: Path, scratch: Path):
    for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        path = zip_of(tmp_path / "a.zip", {"a.dcm": noise(9000, 1), "b.dcm": b"2"}, packing)
        patched(path, lambda data: 500, b"\xff\x00\xff\x00\xff")
        found = content(path, scratch)
        assert "the archive is damaged there" in str(found["a.dcm"])
        assert found["b.dcm"] == b"2"


def test_a_cut_zip_is_told(tmp_path: Path, scratch: Path):
    path = zip_of(tmp_path / "a.zip", {"a.dcm": noise(9000)})
    for length in (4, 100, 8000, path.stat().st_size - 5):
        cut = tmp_path / "cut.zip"
        cut.write_bytes(path.read_bytes()[:length])
        with pytest.raises(Unreadable, match="cut short|damaged"):
            members(cut, scratch)


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_of_a_cut_tar_what_came_before_arrives(tmp_path: Path, scratch: Path, kind: str):
    files = {f"{number}.dcm": noise(400_000, number) for number in range(6)}
    path = archive_of(tmp_path / "a", files, kind)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.75)])
    found = content(path, scratch)
    assert [found[f"{number}.dcm"] for number in range(2)] == [files[f"{number}.dcm"] for number in range(2)]
    reasons = [said for said in found.values() if isinstance(said, str)]
    assert len(reasons) == 1
    assert "cut" in reasons[0]


def test_a_tar_that_is_cut_between_two_members_is_told(tmp_path: Path, scratch: Path):
    path = tmp_path / "a.tar"
    path.write_bytes(tar_of({"a.dcm": b"1", "b.dcm": b"2"}, style=tarfile.USTAR_FORMAT)[:1024])
    assert content(path, scratch) == {
        "a.dcm": b"1",
        "end of the archive": "the archive has no end mark: what came after this was cut off",
    }


def test_a_damaged_header_of_a_tar_is_told(tmp_path: Path, scratch: Path):
    data = bytearray(tar_of({"a.dcm": b"1", "b.dcm": b"2"}, style=tarfile.USTAR_FORMAT))
    data[1024 + 150] ^= 1
    (tmp_path / "a.tar").write_bytes(data)
    assert content(tmp_path / "a.tar", scratch) == {
        "a.dcm": b"1",
        "end of the archive": "the archive is damaged from here on; what follows in it can't be read",
    }


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_claims_a_gigabyte_is_not_read(tmp_path: Path, scratch: Path, kind: bytes):
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, 2**30
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + bytes(4096))
    (member,) = members(path, scratch)
    assert member.refused == "the archive is damaged from here on; what follows in it can't be read"


@pytest.mark.parametrize("seed", range(100))
def test_random_damage_ends_in_a_reason_or_in_the_right_bytes(tmp_path: Path, scratch: Path, seed: int):
    """A zip's members and a compressed tar are checked by sums; a tar's bytes are not, so only its names are."""
    rng = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    files = {f"{number}.dcm": noise(rng.randrange(1, 3000), number) for number in range(4)}
    path = archive_of(tmp_path / "a", files, kind)
    data = bytearray(path.read_bytes())
    for _ in range(rng.randrange(1, 6)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < 0.3:
        del data[rng.randrange(len(data)) :]
    path.write_bytes(data)
    try:
        found = content(path, scratch)
    except Unreadable:
        return
    if kind == "zip":
        assert all(isinstance(said, str) or said in files.values() for said in found.values())


def test_other_files_are_no_archives(tmp_path: Path, scratch: Path):
    preamble = zip_of(tmp_path / "a.zip", {"a": noise(500)}).read_bytes()[:128]
    for data in (
        b"",
        b"PK",
        bytes(512),
        noise(512),
        gzip.compress(b"x" * 600),
        b"BZh",
        preamble + b"DICM" + bytes(400),
    ):
        path = tmp_path / "file.zip"
        path.write_bytes(data)
        assert kind_of(path) is None
    assert kind_of(tmp_path / "missing") is None
    with pytest.raises(Unreadable, match="it is no archive"):
        members(path, scratch)


def test_ten_thousand_members_are_planned_and_the_last_is_fetched(tmp_path: Path, scratch: Path):
    names = [f"p{number:05d}/{number}.dcm" for number in range(10_000)]
    zipped = zip_of(tmp_path / "a.zip", {name: name.encode() for name in names}, zipfile.ZIP_STORED)
    (tmp_path / "a.tar").write_bytes(tar_of({name: name.encode() for name in names}))
    for path in (zipped, tmp_path / "a.tar"):
        found = members(path, scratch)
        assert [member.name for member in found] == names
        with borrowed(found[-1], scratch) as copy:
            assert copy.read_bytes() == names[-1].encode()


def test_patients_come_from_dicom_where_all_members_are(tmp_path: Path, scratch: Path):
    files = {name: bytes(128) + b"DICM" + noise(50) for name in ("a", "b.dcm")}
    found = members(zip_of(tmp_path / "a.zip", files), scratch)
    assert PatientFrom.choose(None, unit="patient", labels=None, files=[], members=found).kind == "dicom"
    beside = members(zip_of(tmp_path / "c.zip", files | {"labels.csv": b"path,label\n"}), scratch)
    assert PatientFrom.choose(None, unit="patient", labels=None, files=[], members=beside).kind == "dicom"
    mixed = members(zip_of(tmp_path / "b.zip", files | {"c.png": b"\x89PNG\r\n\x1a\n" + bytes(200)}), scratch)
    with pytest.raises(InputError, match="--patient-from is missing"):
        PatientFrom.choose(None, unit="patient", labels=None, files=[], members=mixed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_in_an_archive_is_read_as_the_one_beside_it(tmp_path: Path, scratch: Path, kind: str):
    files = [
        save_dicom(tmp_path / "a", dicom(np.stack([pattern(seed=1), pattern(seed=2)]))),
        write_png(tmp_path / "b.png", pattern(seed=3)),
        write_video(tmp_path / "c.avi", [pattern(seed=4)]),
    ]
    path = archive_of(tmp_path / "archive", {file.name: file.read_bytes() for file in files}, kind)
    for file, member in zip(files, members(path, scratch), strict=True):
        with borrowed(member, scratch) as copy:
            there = open_recording(copy)
            beside = open_recording(file)
            pairs = zip(there.frames(range(there.n_frames)), beside.frames(range(beside.n_frames)), strict=True)
            assert all((one.pixels == other.pixels).all() for one, other in pairs)
