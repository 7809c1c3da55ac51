"""Zip and tar files among the sources: the same store as from the files beside them, and nothing left on the disk."""

import gzip
import io
import json
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from data.archives import contents, dicom, pattern, save_dicom, write_png, write_video

from sslecho.data import ingest as ingest_module
from sslecho.data.identity import key_folder, read_sources
from sslecho.data.ingest import ingest
from sslecho.data.readers.sniff import open_recording
from sslecho.data.store import Store
from sslecho.errors import InputError, Interrupted

pytestmark = pytest.mark.usefixtures("here")

CANARY = "DOE_JANE"


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def packed(files: dict[str, bytes]) -> bytes:
    return gzip.compress(tarred(files))


PACK: dict[str, Callable[[dict[str, bytes]], bytes]] = {"zip": zipped, "tar": tarred, "tar.gz": packed}


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """DICOM, a picture and a video in a folder."""
    folder = tmp_path / "plain"
    frames = np.stack([pattern(32, 32, seed) for seed in range(3)])
    save_dicom(folder / "inner" / "a", dicom(frames, patient="P-1", FrameTime=50, StudyDate="20110203"))
    write_png(folder / "inner" / "b.png", pattern(32, 32, 5))
    write_video(folder / "v.mp4", [pattern(32, 32, seed) for seed in range(4)], rate=10)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def run(source: Path, name: str = "store", **settings) -> tuple[Store, dict]:
    out = source.parent / name
    what = {"size": 32, "sector": "off", "patient_from": "unknown", "overwrite": True, **settings}
    store, summary = ingest([source], out, **what)
    assert store is not None
    return store, summary


def nothing_left(store: Path) -> None:
    """No member of an archive is on the disk, nor the folder for them, nor is anyone else let in there."""
    assert not (key_folder(store) / "scratch").exists()
    assert {path.name for path in key_folder(store).iterdir()} <= {"key", "sources.parquet"}
    assert key_folder(store).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", PACK)
def test_members_are_stored_as_the_files_beside_them_are(plain: Path, tmp_path: Path, kind: str):
    beside, said = run(plain, "beside")
    # An archive is known by its content; its own name and extension say nothing.
    source = tmp_path / "archive"
    source.mkdir()
    (source / "data.bin").write_bytes(PACK[kind](files_of(plain)))
    store, summary = run(source)
    for name in ("files", "accepted", "quarantined", "frames", "clips", "patients", "kinds"):
        assert summary[name] == said[name]
    assert summary["quarantine"] == []
    np.testing.assert_array_equal(store.read(np.arange(8)), beside.read(np.arange(8)))
    for name in ("n_frames", "kind", "frame_time_source", "day", "period"):
        assert store.column(name).tolist() == beside.column(name).tolist()
    assert store.frames["time_s"].to_pylist() == beside.frames["time_s"].to_pylist()
    assert read_sources(store.path)["path"].to_pylist() == [
        "data.bin/inner/a",
        "data.bin/inner/b.png",
        "data.bin/v.mp4",
    ]
    nothing_left(store.path)


def test_labels_name_a_member_by_its_archive(plain: Path, tmp_path: Path):
    source = tmp_path / "archive"
    (source / "p1").mkdir(parents=True)
    (source / "p1/study.zip").write_bytes(zipped(files_of(plain)))
    write_png(source / "p2/a.png")
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "path,label,patient\np1/study.zip/inner/b.png,A4C,1\np1/study.zip/v.mp4,A2C,1\np1\\study.zip\\inner\\a,PLAX,1\n"
        "p2/a.png,SAX,2\n"
    )
    store, summary = run(source, labels=labels, patient_from=None)
    assert summary["warnings"] == []
    assert store.column("label").tolist() == ["PLAX", "A4C", "A2C", "SAX"]
    a, b, c, d = store.column("patient_id")
    assert a == b == c != d


def test_folders_and_patterns_see_the_path_inside_an_archive(plain: Path, tmp_path: Path):
    source = tmp_path / "archive"
    source.mkdir()
    files = {f"P{number}/{name}": content for number in (1, 2) for name, content in files_of(plain).items()}
    (source / "all.zip").write_bytes(zipped(files))
    store, _ = run(source, patient_from=r"regex:/(P\d)/")
    assert len(set(store.column("patient_id"))) == 2
    store, summary = run(source / "all.zip", patient_from=r"regex:(P\d)/", name="store")
    assert summary["files"] == 6
    assert len(set(store.column("patient_id"))) == 2


def test_files_of_a_clip_may_lie_in_an_archive(tmp_path: Path):
    source = tmp_path / "archive"
    for number in range(3):
        write_png(tmp_path / f"{number}.png", pattern(32, 32, seed=number))
    source.mkdir()
    (source / "a.zip").write_bytes(zipped({f"{n}.png": (tmp_path / f"{n}.png").read_bytes() for n in range(3)}))
    labels = tmp_path / "labels.csv"
    labels.write_text("path,clip,frame\n" + "".join(f"a.zip/{n}.png,c,{2 - n}\n" for n in range(3)))
    store, _ = run(source, labels=labels)
    assert store.clips["n_frames"].to_pylist() == [3]
    np.testing.assert_array_equal(store.read(np.arange(3)), [pattern(32, 32, 2 - number) for number in range(3)])
    nothing_left(store.path)


@pytest.mark.parametrize("kind", PACK)
def test_patients_come_from_dicom_in_archives(tmp_path: Path, kind: str):
    source = tmp_path / "archive"
    for number, patient in enumerate(["A", "B", "A", None]):
        save_dicom(tmp_path / "made" / str(number), dicom(pattern(seed=number), patient=patient))
    source.mkdir()
    (source / "x").write_bytes(PACK[kind](files_of(tmp_path / "made")))
    save_dicom(source / "y", dicom(pattern(seed=9), patient="B"))
    store, summary = run(source, patient_from=None)
    a, b, again, beside = store.column("patient_id")
    assert (a, b) == (again, beside)
    assert a != b
    assert (summary["patients"], store.unit) == (2, "patient")
    assert [item["reason"] for item in summary["quarantine"]] == [
        "it has no PatientID; say where patients come from with --patient-from"
    ]
    assert summary["quarantine"][0]["path"].endswith("x/3")  # the terminal may name it


def encrypted(archive: bytes, name: bytes) -> bytes:
    """The directory says that a member is encrypted."""
    data = bytearray(archive)
    place = data.index(b"PK\x01\x02")
    while data[place + 46 : place + 46 + len(name)] != name:
        place = data.index(b"PK\x01\x02", place + 1)
    data[place + 8 : place + 10] = struct.pack("<H", 1)
    return bytes(data)


def test_what_is_harmful_is_quarantined_and_its_neighbors_are_kept(plain: Path, tmp_path: Path):
    good = files_of(plain)
    source = tmp_path / "archive"
    source.mkdir()
    bad = {
        f"../../{CANARY}.png": good["inner/b.png"],
        f"{CANARY}/locked.png": good["inner/b.png"],
        "bomb.png": bytes(70 * 2**20),
        "inside.zip": zipped({"x.png": good["inner/b.png"]}),
        "notes.txt": b"nothing",
    }
    archive = zipped({**good, **bad})
    assert len(archive) < 2**20
    (source / "a.zip").write_bytes(encrypted(archive, f"{CANARY}/locked.png".encode()))
    (source / "b.zip").write_bytes(archive[: len(archive) // 2])
    store, summary = run(source)
    assert (summary["accepted"], summary["quarantined"]) == (3, 6)
    reasons = {item["path"].split("archive/")[1]: item["reason"] for item in summary["quarantine"]}
    assert {name: said[:40] for name, said in reasons.items()} == {
        f"a.zip/{CANARY}.png": "its name in the archive leads out of the archive"[:40],
        f"a.zip/{CANARY}/locked.png": "it is encrypted in the archive; unpack the archive"[:40],
        "a.zip/bomb.png": "it unpacks to more than 200 times its size in"[:40],
        "a.zip/inside.zip": "it is an archive in an archive; unpack the outer one"[:40],
        "a.zip/notes.txt": "it is no picture, video or DICOM file that sslecho"[:40],
        "b.zip": reasons["b.zip"][:40],
    }
    assert "cut short" in reasons["b.zip"]
    assert all(CANARY not in said for said in reasons.values())
    assert not any(CANARY.encode() in content for content in contents(store.path).values())
    alone, _ = run(plain, "alone")
    np.testing.assert_array_equal(store.read(np.arange(8)), alone.read(np.arange(8)))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "alone", "alone.key", "archive", "plain", "store", "store.key",
    ]  # fmt: skip
    nothing_left(store.path)


def test_a_member_is_on_the_disk_only_while_it_is_read(plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = tmp_path / "archive"
    source.mkdir()
    (source / "a.zip").write_bytes(zipped({f"{CANARY}/{name}": content for name, content in files_of(plain).items()}))
    seen: list[list[Path]] = []

    def looking(path: Path):
        recording = open_recording(path)
        seen.append(list((tmp_path / "store.key" / "scratch").rglob("*")))
        return recording

    monkeypatch.setattr("sslecho.data.clip_task.open_recording", looking)
    store, _ = run(source)
    assert len(seen) == 3
    for found in seen:
        folder, member = sorted(found)  # one run's folder, one member in it
        assert (folder.stat().st_mode & 0o777 if folder.exists() else 0o700) == 0o700
        assert CANARY not in str(member)
    nothing_left(store.path)


class TestAfterwards:
    """Nothing of an archive stays on the disk, whatever ended the run."""

    @pytest.fixture
    def source(self, plain: Path, tmp_path: Path) -> Path:
        folder = tmp_path / "archive"
        folder.mkdir()
        (folder / "a.tgz").write_bytes(packed(files_of(plain)))
        return folder

    def broken(self, error: BaseException) -> Callable:
        """Fails at the second clip, while the unpacked copy is there."""
        real, calls = ingest_module.ingest_clip, []

        def task(one):
            calls.append(one)
            if len(calls) == 2:
                assert list((key_folder(Path(one.part).parents[3]) / "scratch").rglob("*.tar"))
                raise error
            return real(one)

        return task

    @pytest.mark.parametrize(("error", "ends"), [(KeyboardInterrupt(), Interrupted), (RuntimeError("x"), RuntimeError)])
    def test_a_run_that_is_stopped_or_fails(
        self, source: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, ends: type[Exception]
    ):
        with monkeypatch.context() as patch:
            patch.setattr(ingest_module, "ingest_clip", self.broken(error))
            with pytest.raises(ends):
                run(source, overwrite=False)
        nothing_left(source.parent / "store")
        # And the same command goes on.
        store, summary = run(source, overwrite=False)
        assert summary["accepted"] == 3
        nothing_left(store.path)

    def test_a_run_that_is_refused(self, source: Path):
        with pytest.raises(InputError, match="did you mean 'b-mode'"):
            run(source, kinds=("b-mod",))
        with pytest.raises(InputError, match="patient-from is missing"):
            run(source, patient_from=None)
        labels = source.parent / "labels.csv"
        labels.write_text("path,label\nz.png,A4C\n")
        with pytest.raises(InputError, match="no row of .* matches a file"):
            run(source, labels=labels)
        assert not (source.parent / "store").exists()
        assert not (source.parent / "store.key" / "scratch").exists()
        store, _ = run(source, every=1)
        with pytest.raises(InputError, match="every was 1 and is now 2"):
            run(source, every=2, overwrite=False)
        nothing_left(store.path)

    def test_a_run_in_which_nothing_is_accepted(self, tmp_path: Path):
        (tmp_path / "none").mkdir()
        (tmp_path / "none/a.tgz").write_bytes(packed({"a.txt": b"1", "b.txt": b"2"}))
        with pytest.raises(InputError, match="none of the 2 clips was accepted"):
            run(tmp_path / "none")
        assert not (tmp_path / "store.key" / "scratch").exists()

    def test_what_a_killed_run_left_is_removed_by_the_next(self, source: Path):
        left = source.parent / "store.key" / "scratch" / "0123456789abcdef"
        left.mkdir(parents=True)
        (left / "9f.dcm").write_bytes(b"a member")
        (left / "copy.tar").write_bytes(b"an archive")
        store, _ = run(source)
        assert not left.exists()
        assert not (key_folder(store.path) / "scratch").exists()

    def test_a_store_that_stands_already_is_no_worse(self, source: Path):
        store, _ = run(source)
        before = contents(store.path)
        again, summary = run(source, overwrite=False)
        assert summary["already"]
        assert contents(again.path) == before
        nothing_left(store.path)

    def test_a_dry_run(self, source: Path, monkeypatch: pytest.MonkeyPatch):
        temporary = source.parent / "temporary"
        temporary.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(temporary))
        store, summary = ingest([source], source.parent / "store", patient_from="unknown", dry_run=True)
        assert store is None
        assert (summary["files"], summary["accepted"]) == (3, 3)
        assert list(temporary.iterdir()) == []
        assert not (source.parent / "store.key").exists()


@pytest.fixture
def unchanged(plain: Path) -> Iterator[None]:
    before = files_of(plain)
    yield
    assert files_of(plain) == before


@pytest.mark.usefixtures("unchanged")
def test_the_same_bytes_whether_an_archive_was_there_in_the_first_run_or_the_key_is_copied(plain: Path, tmp_path: Path):
    """Ids hang on the key and on names alone: an archive that is unpacked anew in each run gives the same store."""
    source = tmp_path / "archive"
    source.mkdir()
    (source / "a.tgz").write_bytes(packed(files_of(plain)))
    first, _ = run(source)
    (tmp_path / "again.key").mkdir()
    shutil.copy(key_folder(first.path) / "key", tmp_path / "again.key" / "key")
    again, summary = run(source, "again")
    assert contents(again.path) == contents(first.path)
    assert json.loads(json.dumps(summary)) == summary
