"""Tiny data sets that lie on disk as the published ones do, with drawn pictures and invented people."""

import gzip
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from data.archives import dicom, pattern, save_dicom, write_png, write_video


def write_text(path: Path, *lines: str, end: str = "\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


def write_nifti(path: Path, frames: Sequence[np.ndarray]) -> Path:
    """A NIfTI-1 file of bytes, [x, y, t], as CAMUS has them."""
    height, width = frames[0].shape
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, width, height, len(frames), 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 2, 8)
    struct.pack_into("<8f", header, 76, 1, 0.3, 0.3, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(bytes(header) + np.stack(frames).tobytes(), mtime=0))
    return path


def csv_folder(root: Path) -> Path:
    for name in ("a/1.png", "b/2.png"):
        write_png(root / name, pattern(seed=len(name)))
    write_text(root / "labels.csv", "path,label,patient,device", "a/1.png,A4C,P1,GE", "b/2.png,PLAX,P2,Philips")
    return root


def class_folders(root: Path) -> Path:
    for number, name in enumerate(("A4C/1.png", "A4C/2.png", "PLAX/1.png")):
        write_png(root / name, pattern(seed=number))
    return root


def echonet(root: Path) -> Path:
    header = "FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split"
    rows = [
        "0X100009310A3BD7FC,78.5,14.9,69.2,112,112,50,2,VAL",
        "0X1002E8FBACD08477,59.1,40.4,98.7,112,112,50,2,TRAIN",
        "0X1005D03EED19C65B.avi,62.4,14.3,38.2,112,112,50,2,TEST",  # some copies name the extension
    ]
    write_text(root / "FileList.csv", header, *rows)
    write_text(root / "VolumeTracings.csv", "FileName,X1,Y1,X2,Y2,Frame", "0X100009310A3BD7FC.avi,1,2,3,4,46")
    for number, row in enumerate(rows):
        name = row.split(",")[0].removesuffix(".avi")
        write_video(root / "Videos" / f"{name}.avi", [pattern(112, 112, seed) for seed in (number, number + 1)])
    return root


def camus(root: Path) -> Path:
    quality = {"patient0001": ("Good", "Medium"), "patient0002": ("Poor", "Good"), "patient0003": ("Medium", "Poor")}
    for number, (patient, words) in enumerate(quality.items()):
        folder = root / "database_nifti" / patient
        for view, word in zip(("2CH", "4CH"), words, strict=True):
            frames = [pattern(40, 48, seed) for seed in range(number, number + 3)]
            write_nifti(folder / f"{patient}_{view}_half_sequence.nii.gz", frames)
            write_nifti(folder / f"{patient}_{view}_half_sequence_gt.nii.gz", [frame // 86 for frame in frames])
            for phase, frame in (("ED", frames[0]), ("ES", frames[-1])):
                write_nifti(folder / f"{patient}_{view}_{phase}.nii.gz", [frame])
                write_nifti(folder / f"{patient}_{view}_{phase}_gt.nii.gz", [frame // 86])
            lines = ("ED: 1", "ES: 3", "NbFrame: 3", "Sex: F", "Age: 56", f"ImageQuality: {word}", "EF: 51")
            write_text(folder / f"Info_{view}.cfg", *lines)
    for name, patient in (("training", "patient0001"), ("validation", "patient0002"), ("testing", "patient0003")):
        write_text(root / "database_split" / f"subgroup_{name}.txt", patient)
    write_text(root / "MANDATORY_CITATION.md", "cite")
    return root


def fetal_planes(root: Path) -> Path:
    rows = [
        "Patient00001_Plane1_1_of_1;1;Other;Not A Brain;Other;Other;1",
        "Patient00002_Plane3_1_of_2;2;Fetal brain;Trans-thalamic;Op. 1;Voluson E6;1",
        "Patient00002_Plane3_2_of_2;2;Fetal brain;Trans-ventricular;Op. 1;Voluson E6;1",
        "Patient00003_Plane2_1_of_1;3;Fetal abdomen;Not A Brain;Op. 2;Aloka;0",
    ]
    header = "Image_name;Patient_num;Plane;Brain_plane;Operator;US_Machine;Train "
    write_text(root / "FETAL_PLANES_DB_data.csv", header, *rows, end="\r\n")
    (root / "FETAL_PLANES_DB_data.xlsx").write_bytes(b"PK")
    write_text(root / "README.md", "plain")
    for number, row in enumerate(rows):
        write_png(root / "Images" / f"{row.split(';')[0]}.png", pattern(seed=number))
    return root


def cactus(root: Path) -> Path:
    """One sweep of A4C at two grades, one of PL of the same name, a picture without a token, one without a grade."""
    images = {
        "A4C": ["7_V1_0001.jpg", "3_V1_0002.jpg", "7_V2_0001.jpg", "5_extra.jpg"],
        "PL": ["9_V1_0001.jpg", "7_V2_0001.jpg"],
        "Random": ["0_Folder3_0001.jpg", "0_Folder3_0002.jpg"],
    }
    grades = {
        "A4C": {"7_V1_0001.jpg": 7, "3_V1_0002.jpg": 3, "7_V2_0001.jpg": 7, "5_extra.jpg": 6},
        "PL": {"9_V1_0001.jpg": 9, "7_V2_0001.jpg": 7},
        "Random": {"0_Folder3_0001.jpg": 0},
    }
    for view, names in images.items():
        for number, name in enumerate(names):
            write_png(root / "Images Dataset" / view / name, pattern(seed=number + 10 * len(view)))
        rows = [f"{name},{view},{grade}" for name, grade in grades[view].items()]
        write_text(root / "Grades" / f"{view}_grades.csv", "Image Name,Subfolder Name,Grade", *rows)
    write_video(root / "Videos" / "Training" / "Video1.mp4", [pattern(), pattern(seed=3)])
    write_text(root / "Videos" / "Training" / "Video1.csv", "frame,grade,view", "0,3,A4C")
    return root


def ev9v(root: Path) -> Path:
    """Twelve frames without leading zeros, so that the order of names is not the order of time."""
    for number, video in enumerate(("v001", "v002", "v003")):
        for frame in range(1, 13):
            write_png(root / "Images" / video / f"frame_{frame}.jpg", pattern(seed=number * 13 + frame))
        write_video(root / "Videos" / f"{video}.mp4", [pattern(seed=number)])
    write_text(root / "labels.csv", "names,labels", "v001,PLHLA", "v002,PMASA", "v003,PMVLSA")
    for name, video in (("train", "v001"), ("validation", "v002"), ("test", "v003")):
        write_text(root / f"{name}.txt", video)
    return root


def mimic_echo(root: Path) -> Path:
    records = []
    for subject, study in (("10002221", "94106955"), ("10002221", "94106956"), ("10003046", "90000001")):
        for number in (1, 2):
            relative = f"files/p10/p{subject}/s{study}/{study}_{number:04d}.dcm"
            save_dicom(root / relative, dicom(np.stack([pattern(seed=number)] * 2), patient=subject))
            records.append(f"{subject},{study},2110-03-05 10:00:0{number},{relative}")
    write_text(root / "echo-record-list.csv", "subject_id,study_id,acquisition_datetime,dicom_filepath", *records)
    write_text(root / "echo-study-list.csv", "subject_id,study_id,study_datetime,note_id", "10002221,94106955,2110,")
    write_text(root / "SHA256SUMS.txt", "none")
    return root


STAND_INS: dict[str, Callable[[Path], Path]] = {
    "camus": camus,
    "cactus": cactus,
    "csv": csv_folder,
    "echonet": echonet,
    "ev9v": ev9v,
    "fetal_planes": fetal_planes,
    "folder": class_folders,
    "mimic_echo": mimic_echo,
}
