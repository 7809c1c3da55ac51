"""What an archive that grew over twenty years holds beside pictures; none of it ends a run or is lost in silence."""

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data.archives import pattern, write_png, write_video

from sslecho.data import ingest as ingest_module
from sslecho.data import sources, writer
from sslecho.data.clip_task import ClipOptions, ClipTask
from sslecho.data.identity import read_sources
from sslecho.data.ingest import ingest
from sslecho.data.look import Rules
from sslecho.data.store import Store
from sslecho.data.workers import Pool
from sslecho.data.writer import StoreWriter
from sslecho.errors import InputError, Interrupted, SslechoError

pytestmark = pytest.mark.usefixtures("here")


def run(*folders: Path, **settings) -> tuple[Store, dict]:
    out = folders[0].parent / "store"
    given = {"patient_from": "unknown", "size": 32, "sector": "off", "kinds": ("all",), **settings}
    store, summary = ingest(folders, out, **given)
    assert store is not None
    return store, summary


def reasons(summary: dict) -> dict[str, str]:
    return {Path(item["path"]).name: item["reason"] for item in summary["quarantine"]}


def test_names_that_are_no_utf8(archive):
    """Bytes of an old code page: in the table, in the quarantine and in the list to sign off."""
    source = archive({"x.png": 1, "ok.png": 2})
    (source / "x.png").rename(source / os.fsdecode(b"M\xfcller.png"))
    (source / os.fsdecode(b"b\xe4d.png")).write_bytes(b"rubbish")
    store, summary = run(source)
    assert read_sources(store.path)["path"].to_pylist() == ["M%FCller.png", "b%E4d.png", "ok.png"]
    assert list(reasons(summary)) == ["b%E4d.png"]
    write_png(source / os.fsdecode(b"n\xefx.png"), pattern() // 200)
    _, summary = run(source, sector="mask", doubtful="keep", overwrite=True)
    assert "n%EFx.png" in (source.parent / "store.key/doubtful.csv").read_text(encoding="utf-8")


def test_a_name_can_not_speak_to_a_terminal(archive):
    source = archive({"ok.png": 2})
    (source / "a\x1b[2Jb\n.png").write_bytes(b"rubbish")
    assert list(reasons(run(source)[1])) == ["a%1B[2Jb%0A.png"]


def test_an_archive_without_files_is_not_forgotten(archive):
    source = archive({"ok.png": 2})
    with zipfile.ZipFile(source / "none.zip", "w"):
        pass
    with zipfile.ZipFile(source / "hidden.zip", "w") as file:
        file.writestr(".DS_Store", "x")
    _, summary = run(source)
    assert (summary["files"], summary["accepted"], summary["quarantined"]) == (3, 1, 2)
    assert set(reasons(summary)) == {"none.zip", "hidden.zip"}
    assert all(reason == "the archive holds no file, or hidden ones alone" for reason in reasons(summary).values())
    (source / "ok.png").unlink()
    with pytest.raises(InputError, match=r"none of the 2 clips was accepted.*the archive holds no file"):
        run(source, overwrite=True)


def test_why_a_damaged_archive_can_not_be_opened_is_said(archive):
    source = archive({"ok.png": 2})
    (source / "cut.zip").write_bytes(b"PK\x03\x04" + bytes(600))
    assert reasons(run(source)[1])["cut.zip"].startswith("the zip archive is cut short")


def test_links_and_pipes_end_with_a_reason(archive, tmp_path: Path):
    source = archive({"ok.png": 2})
    write_png(tmp_path / "elsewhere/y.png", pattern())
    (source / "tape").symlink_to(tmp_path / "elsewhere")
    (source / "up").symlink_to(source)
    (source / "gone.png").symlink_to(tmp_path / "nowhere")
    (source / "self.png").symlink_to(source / "self.png")
    (source / "linked.png").symlink_to(source / "ok.png")
    os.mkfifo(source / "pipe.dcm")
    store, summary = run(source)
    assert store.clips.num_rows == 2
    said = reasons(summary)
    assert set(said) == {"tape", "up", "gone.png", "self.png", "pipe.dcm"}
    assert said["tape"] == said["up"] == sources.LINKED_FOLDER
    assert said["gone.png"] == "it is a link that leads nowhere"
    assert said["pipe.dcm"] == "it is a pipe, a socket or a device, no file"


def test_a_folder_that_may_not_be_read(archive, monkeypatch: pytest.MonkeyPatch):
    source = archive({"ok.png": 2, "locked/a.png": 3})
    real = os.scandir

    def scandir(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    _, summary = run(source)
    assert reasons(summary) == {
        "locked": "the folder can't be read (Permission denied), so that nothing in it was looked at"
    }


def test_a_file_that_goes_away_while_files_are_found(archive, monkeypatch: pytest.MonkeyPatch):
    source = archive({"ok.png": 2, "z.png": 3})
    real = sources.kind_of

    def kind_of(path: Path) -> str | None:
        (source / "z.png").unlink(missing_ok=True)
        return real(path)

    monkeypatch.setattr(sources, "kind_of", kind_of)
    assert reasons(run(source)[1]) == {"z.png": "it can't be read (No such file or directory)"}


def test_other_stores_in_an_archive_are_not_taken_for_ultrasound(archive):
    """The sheets beside a store's key show what is to be signed off, names and all."""
    source = archive({"ok.png": 2})
    ingest([source], source / "old", patient_from="unknown", size=32, sector="off")
    write_png(source / "old.key/doubtful/sheet-001.png", pattern())
    _, summary = run(source)
    assert (summary["accepted"], reasons(summary)) == (1, {"old": sources.OURS, "old.key": sources.OURS})


def test_sources_within_each_other_are_refused(archive):
    source = archive({"p/ok.png": 2})
    for folders in ((source, source / "p"), (source / "p/ok.png", source), (source, source)):
        with pytest.raises(InputError, match="lies in .*, so its files would be taken twice; name it once"):
            run(*folders)


def test_two_rows_for_a_file_that_is_a_frame(archive, tmp_path: Path):
    source = archive({"a.png": 1, "b.png": 2})
    (tmp_path / "labels.csv").write_text("path,clip,frame,label\na.png,c,0,x\na.png,,1,y\nb.png,c,1,x\n")
    with pytest.raises(InputError, match="lines 2 and 3 of the labels both speak of a.png"):
        run(source, labels=tmp_path / "labels.csv")


def test_accents_that_macos_wrote(archive, tmp_path: Path):
    source = archive({"Mu\u0308ller.png": 1})
    (tmp_path / "labels.csv").write_text("path,label\nM\u00fcller.png,x\n", encoding="utf-8")
    assert run(source, labels=tmp_path / "labels.csv")[0].column("label").tolist() == ["x"]


def test_two_labels_under_two_spellings_of_a_path(archive, tmp_path: Path):
    folders = [archive({"a.png": 1}, "one"), archive({"b.png": 2}, "two")]
    (tmp_path / "labels.csv").write_text("path,label\na.png,x\n0/a.png,y\n")
    with pytest.raises(InputError, match="lines 2 and 3 of the labels give one file two labels"):
        run(*folders, labels=tmp_path / "labels.csv")


def test_a_task_shows_neither_paths_nor_the_key():
    """A cluster's log shows the arguments of what failed there."""
    options = ClipOptions(False, False, 1, None, (), 32, "/secret/scratch", "/secret/doubts", False)
    rules = Rules(("b-mode",), "mask", "keep", None)
    task = ClipTask(
        (("/secret/a", None),), None, "/secret/p", {"label": "s"}, {}, None, None, b"secret", options, rules
    )
    assert "secret" not in repr(task)


def test_a_share_that_is_taken_away_ends_the_run_and_not_its_files(archive, monkeypatch: pytest.MonkeyPatch):
    source = archive({f"{number}.png": number for number in range(6)})
    away = source.with_name("away")
    real, calls = ingest_module.ingest_clip, []

    def unplugged(task):
        calls.append(task)
        if len(calls) == 3:
            source.rename(away)
            source.mkdir()  # as a mount point stays
        return real(task)

    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "ingest_clip", unplugged)
        with pytest.raises(SslechoError, match="archive can't be reached any more .* the same command goes on"):
            run(source)
    source.rmdir()
    away.rename(source)
    assert run(source)[1]["accepted"] == 6


def test_a_file_that_goes_away_alone_is_quarantined(archive, monkeypatch: pytest.MonkeyPatch):
    source = archive({f"{number}.png": number for number in range(3)})
    real = ingest_module.ingest_clip

    def removed(task):
        (source / "1.png").unlink(missing_ok=True)
        return real(task)

    monkeypatch.setattr(ingest_module, "ingest_clip", removed)
    assert list(reasons(run(source)[1])) == ["1.png"]


def test_overwrite_takes_over_nothing_of_an_unfinished_run(archive, monkeypatch: pytest.MonkeyPatch):
    """A file was mended without a change of its length: who says --overwrite wants the new one."""
    source = archive({"a.png": 1, "b.png": 2})

    def killed(self, function, tasks, *, on_death):
        function(list(tasks)[1])
        raise KeyboardInterrupt
        yield

    with monkeypatch.context() as patch:
        patch.setattr(Pool, "in_order", killed)
        with pytest.raises(Interrupted):
            run(source)
    before = (source / "b.png").stat().st_size
    bright = np.full((24, 32), 200, dtype=np.uint8)
    write_png(source / "b.png", bright)
    content = (source / "b.png").read_bytes()
    assert len(content) < before
    (source / "b.png").write_bytes(content + bytes(before - len(content)))
    store, _ = run(source, overwrite=True)
    assert store.read(np.array([1])).max() == 200


def test_a_patient_in_two_splits_is_refused_before_any_file_is_read(archive, tmp_path: Path):
    source = archive({"a.png": 1, "b.png": 2})
    (tmp_path / "labels.csv").write_text("path,patient,split\na.png,1,train\nb.png,1,test\n")
    with pytest.raises(InputError, match="puts 1 of 1 patients in more than one split"):
        run(source, labels=tmp_path / "labels.csv", patient_from=None, dry_run=True)


def test_labels_of_frames_that_are_left_out_are_counted(archive, tmp_path: Path):
    source = archive({"a.png": 1})
    write_video(source / "v.mp4", [pattern(seed=seed) for seed in range(6)])
    labels = tmp_path / "labels.csv"
    labels.write_text("path,frame,label\nv.mp4,0,x\nv.mp4,1,y\nv.mp4,4,x\nv.mp4,9,z\n")
    _, summary = run(source, labels=labels)
    assert [text[:8] for text in summary["warnings"]] == ["1 labels"]
    store, summary = run(source, labels=labels, every=2, overwrite=True)
    assert [text[:8] for text in summary["warnings"]] == ["2 labels"]
    assert store.column("label", level="frame").tolist() == [None, "x", None, "x"]


def test_another_version_does_not_go_on(archive, monkeypatch: pytest.MonkeyPatch):
    source = archive({"a.png": 1, "b.png": 2})

    def killed(self, function, tasks, *, on_death):
        raise KeyboardInterrupt
        yield

    with monkeypatch.context() as patch:
        patch.setattr(Pool, "in_order", killed)
        patch.setattr(writer, "__version__", "0.0.1")
        with pytest.raises(Interrupted):
            run(source)
    with pytest.raises(InputError, match=r"unfinished run with other settings: sslecho was '0.0.1' and is now '.*'"):
        run(source)
    assert run(source, overwrite=True)[1]["accepted"] == 2


def test_a_machine_of_a_cluster_that_does_not_see_the_sources(archive, monkeypatch: pytest.MonkeyPatch):
    source = archive({"a.png": 1, "b.png": 2})
    real = ingest_module.ingest_clip

    def blind(task):
        away = replace(task, files=tuple((f"/not/mounted{path}", member) for path, member in task.files))
        return real(away) | ({} if task.files[0][0].endswith("a.png") else {"reason": "x", "errno": None})

    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "ingest_clip", blind)
        with pytest.raises(SslechoError, match="a.png is here, and the worker that was to read it did not find it"):
            run(source)
    assert run(source)[1]["accepted"] == 2


def test_kinds_in_another_order_are_the_same_settings(archive):
    source = archive({"a.png": 1})
    run(source, kinds=("colour", "b-mode"))
    assert run(source, kinds=("b-mode", "color"))[1]["already"]


@pytest.mark.parametrize("name", ["notes.txt", "tables/mine.parquet", "manifest.json"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_something_else_in_it_is_left_alone(archive, tmp_path: Path, name: str, overwrite: bool):
    """Tables and shards that no manifest names are removed without asking: they may be a person's."""
    source = archive({"a.png": 1})
    mine = tmp_path / "store" / name
    mine.parent.mkdir(parents=True)
    mine.write_text('{"name": "a web page"}')
    with pytest.raises(SslechoError, match=r"is not empty and holds no store.*name a new folder|is no store"):
        run(source, overwrite=overwrite)
    with pytest.raises(InputError, match="is not empty and holds no store, so it is left alone"):
        StoreWriter(tmp_path / "store", (32, 32), overwrite=overwrite)
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == [mine]
