"""Layouts: what each one says of its stand-in, and the trap that each data set sets."""

import dataclasses
from pathlib import Path

import pytest
from data.layout_stand_ins import STAND_INS, write_text

from sslecho.api.ingest import ingest_with_summary
from sslecho.data.layouts import LAYOUT_CHOICES, LAYOUTS
from sslecho.data.layouts.choose import choose_layout, choose_layouts
from sslecho.data.layouts.index import find_home
from sslecho.data.layouts.layout import Layout, LayoutReader, Wanted
from sslecho.data.patients import PatientFrom
from sslecho.data.plan import Plan, PlannedClip, plan_clips
from sslecho.data.readers.sniff import open_recording
from sslecho.data.sources import find_files
from sslecho.errors import InputError, SettingsError


def planned(*sources: Path, said: str = "auto", **options) -> tuple[Layout, Plan]:
    """A layout, and what an ingest would make of it."""
    layout = choose_layouts(sources, said, **options)
    files = find_files(sources, leave_out=layout.leave_out, scratch=sources[0].parent / "scratch")
    unit = layout.unit or "patient"
    patients = layout.patient_from or PatientFrom("unknown")
    plan = plan_clips(
        files,
        labels=layout.labels,
        labels_from=layout.labels_from,
        patient_from=patients,
        unit=unit,
        identity=None,
    )
    return layout, plan


def by_name(plan: Plan) -> dict[str, PlannedClip]:
    return {clip.files[0].relative.rsplit("/", 1)[-1]: clip for clip in plan.clips}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new).encode())


@pytest.mark.parametrize("name", sorted(STAND_INS))
def test_every_layout_is_recognized_and_only_as_itself(tmp_path: Path, name: str):
    assert sorted(STAND_INS) == LAYOUTS.names()
    root = STAND_INS[name](tmp_path / "set")
    reader = LAYOUTS[name]()
    assert isinstance(reader, LayoutReader)
    assert reader.recognize(root)
    assert [other for other in LAYOUTS if other != "folder" and LAYOUTS[other]().recognize(root)] in ([name], [])
    (tmp_path / "empty").mkdir()
    assert reader.recognize(tmp_path / "empty") is None
    assert reader.recognize(tmp_path / "missing") is None
    with pytest.raises(
        InputError, match=rf"--layout {name}: .*empty is not laid out that way; it holds .*--layout none"
    ):
        choose_layout(tmp_path / "empty", name)


@pytest.mark.parametrize("name", sorted(STAND_INS))
def test_every_clip_of_a_stand_in_is_used(tmp_path: Path, name: str):
    root = STAND_INS[name](tmp_path / "set")
    layout, plan = planned(root, said="folder" if name == "folder" else "auto")
    assert layout.name == name
    assert layout.why
    assert [clip.name for clip in plan.clips if clip.problem] == []
    assert not [text for text in plan.warnings if "match no file" in text]
    frames = {open_recording(file.path).n_frames for clip in plan.clips for file in clip.files}
    assert frames == {"camus": {3}, "echonet": {2}, "mimic_echo": {2}}.get(name, {1})


@pytest.mark.parametrize("name", sorted(STAND_INS))
@pytest.mark.usefixtures("here")
def test_every_stand_in_becomes_a_store(tmp_path: Path, name: str):
    root = STAND_INS[name](tmp_path / "set")
    options = {"layout": "folder", "patient_from": "unknown"} if name == "folder" else {}
    store, said = ingest_with_summary(
        root, tmp_path / "store", sector="off", kinds=("all",), size=16, workers=1, **options
    )
    assert store is not None
    assert (said["quarantined"], said["layout"]["name"]) == (0, name)
    wanted = {
        "cactus": (8, None, "sweep"),
        "camus": (6, 3, "patient"),
        "csv": (2, 2, "patient"),
        "echonet": (3, 3, "patient"),
        "ev9v": (3, None, "unknown"),
        "fetal_planes": (4, 3, "patient"),
        "folder": (3, None, "unknown"),
        "mimic_echo": (6, 2, "patient"),
    }
    assert (said["clips"], said["patients"], store.unit) == wanted[name]
    splits = {"camus", "echonet", "ev9v"}
    assert (set(store.column("split")) == {"train", "val", "test"}) == (name in splits)


@pytest.mark.parametrize("name", sorted(set(STAND_INS) - {"csv", "folder"}))
def test_a_data_set_may_lie_one_folder_deeper(tmp_path: Path, name: str):
    STAND_INS[name](tmp_path / "download" / "set")
    layout, plan = planned(tmp_path / "download")
    assert layout.name == name
    assert [clip.name for clip in plan.clips if clip.problem] == []
    assert all(clip.files[0].relative.startswith("set/") for clip in plan.clips)
    straight = planned(tmp_path / "download" / "set")[1]
    assert len(straight.clips) == len(plan.clips)


def test_the_choices_are_the_registered_names():
    assert LAYOUT_CHOICES == ("auto", "none", *LAYOUTS.names())
    with pytest.raises(SettingsError, match=r"layout 'echonett' does not exist \(did you mean 'echonet'\?\)"):
        choose_layout(Path(), "echonett")


def test_nothing_recognized_is_said_and_changes_nothing(tmp_path: Path):
    root = STAND_INS["folder"](tmp_path / "set")
    layout = choose_layout(root)
    assert (layout.name, layout.labels, layout.labels_from, layout.patient_from) == ("none", None, None, None)
    assert choose_layout(STAND_INS["csv"](tmp_path / "csv"), "none").labels is None
    assert choose_layout(root / "A4C" / "1.png").why == "it is a single file"


def test_a_file_that_is_named_like_a_folder_of_a_data_set_is_none(tmp_path: Path):
    write_text(tmp_path / "set" / "patient0001", "x")
    write_text(tmp_path / "set" / "database_nifti", "x")
    assert choose_layout(tmp_path / "set").name == "none"


def test_the_users_own_table_wins(tmp_path: Path):
    root = STAND_INS["echonet"](tmp_path / "set")
    write_text(root / "labels.csv", "path,label", "Videos/0X100009310A3BD7FC.avi,A4C")
    layout = choose_layout(root)
    assert layout.name == "csv"
    assert any("looks like echonet too" in text for text in layout.warnings)
    assert choose_layout(root, "echonet").name == "echonet"


def test_a_folder_that_may_not_be_read_is_no_data_set_and_stops_nothing(tmp_path: Path):
    for name in ("closed", "open"):
        (tmp_path / name).mkdir()

    def fits(folder: Path) -> str | None:
        if folder.name == "closed":
            raise PermissionError(13, "Permission denied", str(folder))
        return "it fits" if folder.name == "open" else None

    assert find_home(tmp_path, fits) == (tmp_path / "open", "it fits")


def test_two_layouts_in_one_folder_are_refused(tmp_path: Path):
    STAND_INS["fetal_planes"](STAND_INS["echonet"](tmp_path / "set"))
    with pytest.raises(InputError, match=r"fits more than one layout \(echonet: .*--layout echonet\|fetal_planes"):
        choose_layout(tmp_path / "set")


def test_several_sources_of_one_layout_are_one_table(tmp_path: Path):
    roots = [STAND_INS["csv"](tmp_path / name) for name in ("1", "2")]
    layout, plan = planned(*roots)
    assert [clip.label for clip in plan.clips] == ["A4C", "PLAX"] * 2
    assert len(layout.leave_out) == 2
    with pytest.raises(InputError, match="laid out in different ways .*one by one"):
        choose_layouts([roots[0], STAND_INS["echonet"](tmp_path / "3")])


def test_a_column_that_is_not_offered_is_refused(tmp_path: Path):
    root = STAND_INS["fetal_planes"](tmp_path / "set")
    with pytest.raises(InputError, match=r"--keep 'Opreator' is no column .*did you mean 'Operator'"):
        choose_layout(root, keep=["Opreator"])
    with pytest.raises(InputError, match="--label-column 'View' is no column"):
        choose_layout(root, label_column="View")
    # Each of MIMIC's columns is an id or a date.
    with pytest.raises(InputError, match="'acquisition_datetime' is no column .*it offers none"):
        choose_layout(STAND_INS["mimic_echo"](tmp_path / "mimic"), keep=["acquisition_datetime"])


def test_the_fingerprint_follows_the_rows(tmp_path: Path):
    root = STAND_INS["fetal_planes"](tmp_path / "set")
    before = choose_layout(root).fingerprint()
    assert choose_layout(root).fingerprint() == before
    edit(root / "FETAL_PLANES_DB_data.csv", "3;Fetal abdomen", "3;Fetal thorax")
    assert choose_layout(root).fingerprint() != before


def test_csv_reads_labels_and_patients(tmp_path: Path):
    root = STAND_INS["csv"](tmp_path / "set")
    layout, plan = planned(root, keep=["device"])
    assert layout.labels is not None
    assert [(row.path, row.label, row.kept) for row in layout.labels.rows] == [
        ("a/1.png", "A4C", {"device": "GE"}),
        ("b/2.png", "PLAX", {"device": "Philips"}),
    ]
    assert len(plan.clips) == 2


def test_folders_are_classes_and_train_and_test_are_not(tmp_path: Path):
    root = STAND_INS["folder"](tmp_path / "set")
    assert [clip.label for clip in planned(root, said="folder")[1].clips] == ["A4C", "A4C", "PLAX"]
    split = tmp_path / "split"
    for name in ("train", "test"):
        STAND_INS["folder"](split / name)
    layout, plan = planned(split, said="folder")
    assert layout.labels_from is None
    assert [(clip.label, clip.split) for clip in plan.clips] == [
        ("A4C", "test"),
        ("A4C", "test"),
        ("PLAX", "test"),
        ("A4C", "train"),
        ("A4C", "train"),
        ("PLAX", "train"),
    ]


def test_echonet(tmp_path: Path):
    root = STAND_INS["echonet"](tmp_path / "set")
    layout, plan = planned(root, keep=["ESV"], label_column="EDV")
    assert [(clip.patient, clip.grade, clip.split, clip.label, clip.kept) for clip in plan.clips] == [
        ("0X100009310A3BD7FC", 78.5, "val", "69.2", {"ESV": "14.9"}),
        ("0X1002E8FBACD08477", 59.1, "train", "98.7", {"ESV": "40.4"}),
        ("0X1005D03EED19C65B", 62.4, "test", "38.2", {"ESV": "14.3"}),
    ]
    assert choose_layout(root).labels.rows[0].label is None  # pyright: ignore[reportOptionalMemberAccess]
    assert {path.name for path in layout.leave_out} == {"FileList.csv", "VolumeTracings.csv"}


def test_echonet_pediatric_is_another_data_set(tmp_path: Path):
    """It has several videos a person, and folds for a split."""
    root = STAND_INS["echonet"](tmp_path / "set")
    write_text(root / "FileList.csv", "FileName,EF,Sex,Age,Weight,Height,Split", "CR1.avi,61,F,0,3,50,7")
    assert choose_layout(root).name == "none"
    with pytest.raises(InputError, match="not laid out that way; it holds Videos/ and a FileList.csv with the columns"):
        choose_layout(root, "echonet")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",VAL", ",VALID", "line 2: Split 'VALID' must be TRAIN, VAL or TEST"),
        ("0X1002E8FBACD08477", "../secret", "line 3: FileName '../secret' must be the name of a file in Videos/"),
        ("50,2,TEST", "50,TEST", "line 4: 8 cells under 9 columns"),
        (
            "0X1005D03EED19C65B.avi,62",
            "0X1002E8FBACD08477.avi,62",
            "line 4: another thing of the same file than line 3",
        ),
    ],
)
def test_a_bad_row_of_an_index_is_named_by_its_line(tmp_path: Path, old: str, new: str, message: str):
    root = STAND_INS["echonet"](tmp_path / "set")
    edit(root / "FileList.csv", old, new)
    with pytest.raises(InputError) as caught:
        choose_layout(root)
    assert message in str(caught.value)


def test_a_row_that_repeats_another_is_told_and_taken_once(tmp_path: Path):
    root = STAND_INS["echonet"](tmp_path / "set")
    text = (root / "FileList.csv").read_text()
    (root / "FileList.csv").write_text(text + text.splitlines()[1] + "\n")
    layout, plan = planned(root)
    assert len(plan.clips) == 3
    assert "1 rows of FileList.csv repeat an earlier one" in layout.warnings


def test_camus(tmp_path: Path):
    root = STAND_INS["camus"](tmp_path / "set")
    layout, plan = planned(root, keep=["EF", "Sex"])
    assert [(clip.patient, clip.label, clip.grade, clip.split) for clip in plan.clips] == [
        ("patient0001", "2CH", 2, "train"),
        ("patient0001", "4CH", 1, "train"),
        ("patient0002", "2CH", 0, "val"),
        ("patient0002", "4CH", 2, "val"),
        ("patient0003", "2CH", 1, "test"),
        ("patient0003", "4CH", 0, "test"),
    ]
    assert plan.clips[0].kept == {"EF": "51", "Sex": "F"}
    # Neither an outline nor a still that the sequence holds already.
    assert all(clip.files[0].path.name.endswith("half_sequence.nii.gz") for clip in plan.clips)
    assert any(text.startswith("12 stills (ED, ES) were left out") for text in layout.warnings)


def test_camus_takes_stills_where_there_is_no_sequence(tmp_path: Path):
    root = STAND_INS["camus"](tmp_path / "set")
    folder = root / "database_nifti" / "patient0002"
    for name in ("half_sequence", "half_sequence_gt"):
        (folder / f"patient0002_4CH_{name}.nii.gz").unlink()
    (folder / "Info_4CH.cfg").unlink()
    layout, plan = planned(root)
    names = [clip.files[0].path.name for clip in plan.clips if clip.patient == "patient0002" and clip.label == "4CH"]
    assert names == ["patient0002_4CH_ED.nii.gz", "patient0002_4CH_ES.nii.gz"]
    assert "2 of 7 recordings have no ImageQuality, so no grade" in layout.warnings


def test_the_first_camus_has_two_persons_of_one_name(tmp_path: Path):
    for folder in ("training", "testing"):
        for name in (
            "2CH_sequence.mhd",
            "2CH_sequence.raw",
            "2CH_ED.mhd",
            "2CH_ED.raw",
            "2CH_ED_gt.mhd",
            "2CH_ED_gt.raw",
        ):
            write_text(tmp_path / "set" / folder / "patient0001" / f"patient0001_{name}", "x")
        write_text(tmp_path / "set" / folder / "patient0001" / "Info_2CH.cfg", "ImageQuality: Good", "LVef: 44.5")
    layout, plan = planned(tmp_path / "set", keep=["EF"])
    assert [(clip.patient, clip.split, clip.files[0].path.name) for clip in plan.clips] == [
        ("testing/patient0001", "test", "patient0001_2CH_sequence.mhd"),
        ("training/patient0001", "train", "patient0001_2CH_sequence.mhd"),
    ]
    assert plan.clips[0].kept == {"EF": "44.5"}
    assert any(text.startswith("2 stills") for text in layout.warnings)


def test_camus_lists_that_overlap_are_told(tmp_path: Path):
    root = STAND_INS["camus"](tmp_path / "set")
    write_text(root / "database_split" / "subgroup_training.txt", "patient0001", "patient0003")
    layout, plan = planned(root)
    assert {clip.split for clip in plan.clips if clip.patient == "patient0003"} == {"test"}
    assert any(text.startswith("the official lists name 1 of 3 patients in more than one") for text in layout.warnings)


def test_fetal_planes(tmp_path: Path):
    root = STAND_INS["fetal_planes"](tmp_path / "set")
    _, plan = planned(root, keep=["Operator", "device"])
    assert [(clip.patient, clip.label, clip.split, clip.kept) for clip in plan.clips] == [
        ("1", "Other", "train", {"Operator": "Other", "device": "Other"}),
        ("2", "Fetal brain", "train", {"Operator": "Op. 1", "device": "Voluson E6"}),
        ("2", "Fetal brain", "train", {"Operator": "Op. 1", "device": "Voluson E6"}),
        ("3", "Fetal abdomen", "test", {"Operator": "Op. 2", "device": "Aloka"}),
    ]
    brain = planned(root, label_column="Brain_plane")[1]
    assert [clip.label for clip in brain.clips][1:3] == ["Trans-thalamic", "Trans-ventricular"]


def test_an_official_split_that_divides_a_patient_is_told_and_held(tmp_path: Path):
    """The test split stays as published; the patient's other pictures are in none."""
    root = STAND_INS["fetal_planes"](tmp_path / "set")
    edit(
        root / "FETAL_PLANES_DB_data.csv",
        "Trans-ventricular;Op. 1;Voluson E6;1",
        "Trans-ventricular;Op. 1;Voluson E6;0",
    )
    layout, plan = planned(root)
    assert [(clip.patient, clip.split) for clip in plan.clips] == [
        ("1", "train"),
        ("2", None),
        ("2", "test"),
        ("3", "test"),
    ]
    assert any("puts 1 of 3 patients in more than one split; 1 of their files" in text for text in layout.warnings)


def test_cactus_takes_grades_from_the_tables_alone(tmp_path: Path):
    root = STAND_INS["cactus"](tmp_path / "set")
    layout, plan = planned(root)
    clips = by_name(plan)
    assert layout.unit == "sweep"
    assert layout.patient_from == PatientFrom("unknown")
    assert clips["5_extra.jpg"].grade == 6  # its name says 5
    assert clips["0_Folder3_0002.jpg"].grade is None  # its name says 0
    assert "grades run from 0 to 9" in layout.warnings
    assert "1 of 8 pictures have no grade" in layout.warnings
    assert {clip.label for clip in plan.clips} == {"A4C", "PL", "Random"}
    assert all("Videos" not in clip.files[0].relative for clip in plan.clips)


def test_a_sweep_of_cactus_is_one_unit_at_every_grade(tmp_path: Path):
    root = STAND_INS["cactus"](tmp_path / "set")
    layout, plan = planned(root)
    units = {clip.files[0].relative.removeprefix("Images Dataset/"): clip.unit for clip in plan.clips}
    assert units == {
        "A4C/7_V1_0001.jpg": "A4C/V1",
        "A4C/3_V1_0002.jpg": "A4C/V1",
        "A4C/7_V2_0001.jpg": "A4C/V2",
        "A4C/5_extra.jpg": "A4C/unknown",
        "PL/9_V1_0001.jpg": "PL/V1",
        "PL/7_V2_0001.jpg": "PL/V2",
        "Random/0_Folder3_0001.jpg": "Random/FOLDER3",
        "Random/0_Folder3_0002.jpg": "Random/FOLDER3",
    }
    assert any(text.startswith("1 of 8 pictures name no sweep") for text in layout.warnings)


def test_names_that_cactus_has_twice_are_told_and_not_confused(tmp_path: Path):
    root = STAND_INS["cactus"](tmp_path / "set")
    images = root / "Images Dataset"
    edit(root / "Grades" / "PL_grades.csv", "7_V2_0001.jpg,PL,7", "7_V2_0001.jpg,PL,2")
    (images / "PL" / "3_V1_0002.jpg").write_bytes((images / "A4C" / "3_V1_0002.jpg").read_bytes())
    layout, plan = planned(root)
    grades = {clip.files[0].relative.removeprefix("Images Dataset/"): clip.grade for clip in plan.clips}
    assert (grades["A4C/7_V2_0001.jpg"], grades["PL/7_V2_0001.jpg"]) == (7, 2)
    assert (grades["A4C/3_V1_0002.jpg"], grades["PL/3_V1_0002.jpg"]) == (3, None)
    assert any(
        text.startswith("pictures of one name in more than one folder: 2;") and text.endswith("sweeps: 1")
        for text in layout.warnings
    )


def test_grades_of_cactus_that_contradict_each_other_are_none(tmp_path: Path):
    root = STAND_INS["cactus"](tmp_path / "set")
    table = root / "Grades" / "A4C_grades.csv"
    table.write_text(table.read_text() + "7_V1_0001.jpg,A4C,2\n9_V9_0001.jpg,A4C,9\n7_V2_0001.jpg,A4C,good\n")
    layout, plan = planned(root)
    clips = by_name(plan)
    assert clips["7_V1_0001.jpg"].grade is None
    assert "1 pictures have two grades that contradict each other, and get none" in layout.warnings
    assert "1 rows of the grades name no picture" in layout.warnings
    assert "1 rows of the grades have no number for a grade" in layout.warnings


def test_ev9v(tmp_path: Path):
    layout, plan = planned(STAND_INS["ev9v"](tmp_path / "set"))
    assert [(clip.label, clip.split) for clip in plan.clips] == [
        ("PLHLA", "train"),
        ("PMASA", "val"),
        ("PMVLSA", "test"),
    ]
    assert layout.patient_from == PatientFrom("unknown")
    assert any("patients were not released" in text for text in layout.warnings)
    # Frames of a video are one clip, in the order of time and not of their names.
    first = plan.clips[0]
    assert [file.path.name for file in first.files] == [f"frame_{number}.jpg" for number in range(1, 13)]
    assert first.frame_numbers == tuple(range(12))


def test_ev9v_counts_what_does_not_fit(tmp_path: Path):
    root = STAND_INS["ev9v"](tmp_path / "set")
    write_text(root / "labels.csv", "names,labels", "v001,PLHLA", "v002.mp4,PSAX", "v009,A4C")
    write_text(root / "test.txt", "v002")
    layout, plan = planned(root)
    assert [(clip.label, clip.split) for clip in plan.clips] == [("PLHLA", "train"), ("PSAX", "test"), (None, None)]
    for text in (
        "1 videos have no label",
        "1 videos are in no list of the split",
        "1 rows of labels.csv have no video here",
        "1 labels are none of the nine codes",
    ):
        assert text in layout.warnings
    assert any(
        text.startswith("the official lists name 1 of 2 videos in more than one split") for text in layout.warnings
    )


def test_ev9v_without_frames_is_its_videos(tmp_path: Path):
    root = STAND_INS["ev9v"](tmp_path / "set")
    for file in (root / "Images").rglob("*.jpg"):
        file.unlink()
    plan = planned(root)[1]
    assert [(clip.files[0].path.name, clip.label, clip.split) for clip in plan.clips] == [
        ("v001.mp4", "PLHLA", "train"),
        ("v002.mp4", "PMASA", "val"),
        ("v003.mp4", "PMVLSA", "test"),
    ]


def test_mimic_echo(tmp_path: Path):
    layout, plan = planned(STAND_INS["mimic_echo"](tmp_path / "set"))
    assert [clip.patient for clip in plan.clips] == ["10002221"] * 4 + ["10003046"] * 2
    assert {clip.label for clip in plan.clips} == {None}
    assert not layout.true_dates
    assert len(plan.clips) == 6


def test_a_record_of_another_subject_is_refused(tmp_path: Path):
    """A column that slipped by one row would give recordings to other people."""
    root = STAND_INS["mimic_echo"](tmp_path / "set")
    edit(
        root / "echo-record-list.csv", "10003046,90000001,2110-03-05 10:00:01", "10002221,90000001,2110-03-05 10:00:01"
    )
    with pytest.raises(InputError, match="line 6: dicom_filepath .* is not of subject 10002221 and study 90000001"):
        choose_layout(root)


def test_a_layout_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Layout("none", "").name = "x"  # pyright: ignore[reportAttributeAccessIssue]
    assert Wanted().keep == ()
