"""Readers are chosen by content: a wrong extension must not matter, and what no reader opens says what it is."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from data.archives import dicom, pattern, save_dicom, write_video
from PIL import Image

from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import open_recording, reader_of

PICTURES = ("png", "jpeg", "bmp", "tiff", "gif", "webp")
VIDEOS = ("mp4", "mov", "avi", "mkv", "mpg", "ts", "wmv", "flv")
NAMES = ("x", "x.png", "x.mp4", "x.dcm", "x.nii", "x.mhd", "x.txt", "x.123", "x.raw", "x.gif")


def pictures(folder: Path) -> dict[Path, str]:
    found = {}
    for kind in PICTURES:
        content = io.BytesIO()
        Image.fromarray(pattern()).save(content, kind)
        found[folder / kind] = "image_file"
        (folder / kind).write_bytes(content.getvalue())
    return found


def others(folder: Path) -> dict[Path, str]:
    codecs = {"mpg": "mpeg2video", "ts": "mpeg2video", "wmv": "wmv2", "flv": "flv1"}
    found = {}
    for kind in VIDEOS:
        path = folder / f"video.{kind}"
        if kind in codecs:
            _write_old(path, codecs[kind])
        else:
            write_video(path, [pattern(48, 64, seed) for seed in range(3)])
        found[path] = "video_file"
    found[save_dicom(folder / "dicom", dicom(pattern()))] = "dicom_file"
    nifti = bytearray(352) + pattern().tobytes()
    nifti[:4], nifti[344:348] = (348).to_bytes(4, "little"), b"n+1\0"
    nifti[40:46] = b"".join(size.to_bytes(2, "little") for size in (2, 32, 24))
    nifti[70:74] = b"\x02\0\x08\0"
    nifti[108:112] = np.float32(352).tobytes()
    (folder / "nifti").write_bytes(nifti)
    (folder / "nifti_gz").write_bytes(gzip.compress(nifti))
    found |= dict.fromkeys([folder / "nifti", folder / "nifti_gz"], "nifti_file")
    head = b"ObjectType = Image\nNDims = 2\nDimSize = 32 24\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    (folder / "meta").write_bytes(head + pattern().tobytes())
    return found | {folder / "meta": "metaimage_file"}


def _write_old(path: Path, codec: str) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(pattern(48, 64, number), format="gray").reformat(format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_a_wrong_extension_does_not_matter(tmp_path: Path):
    for path, reader in {**pictures(tmp_path), **others(tmp_path)}.items():
        first = next(iter(open_recording(path).frames([0]))).pixels
        for name in NAMES:
            renamed = path.rename(tmp_path / name)
            assert reader_of(renamed) == reader, (path.name, name)
            again = next(iter(open_recording(renamed).frames([0]))).pixels
            np.testing.assert_array_equal(again, first, err_msg=f"{path.name} as {name}")
            renamed.rename(path)


def test_dicom_without_a_preamble_is_not_taken_for_a_video(tmp_path: Path):
    """It may begin with bytes that fit other formats loosely."""
    data = dicom(pattern())
    del data.file_meta
    data.save_as(tmp_path / "x", implicit_vr=True, little_endian=True, enforce_file_format=False)
    for name in ("x", "x.img", "x.7"):
        assert reader_of((tmp_path / "x").rename(tmp_path / name)) == "dicom_file"
        (tmp_path / name).rename(tmp_path / "x")


def tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "member")


def test_what_no_reader_opens_says_what_it_is(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "1", "w") as archive:
        archive.writestr("member", "x")
    tar(tmp_path / "2")
    (tmp_path / "3").write_bytes(gzip.compress((tmp_path / "2").read_bytes()))
    contents = {
        "1": "zip archive",
        "2": "tar archive",
        "3": "tar archive, compressed with gzip",
        "4": (gzip.compress(b"text" * 99), "compressed with gzip; unpack it first"),
        "5": (b"\x1f\x8b" + b"\xff" * 99, "compressed with gzip and damaged"),
        "6": (b"%PDF-1.4" + b" " * 99, "PDF document"),
        "7": (b"\0\0\0\x1cftypheic" + b"\0" * 99, "HEIF or AVIF picture; save it as PNG"),
        "8": (b"7z\xbc\xaf\x27\x1c" + b"\0" * 99, "7z archive; unpack it first"),
        "9.txt": (b"Dear doctor", "no picture, video or DICOM file"),
        "BMW.txt": (b"BM, yours sincerely" * 9, "no picture, video or DICOM file"),
        "x.raw": (b"\x07" * 99, "without a header; they are read through the .mhd file beside it"),
    }
    for name, said in contents.items():
        reason = said
        if isinstance(said, tuple):
            content, reason = said
            (tmp_path / name).write_bytes(content)
        with pytest.raises(Unreadable, match=reason):
            reader_of(tmp_path / name)


def test_where_content_tells_nothing_the_extension_does(tmp_path: Path):
    for name, reader in {
        "x.png": "image_file",
        "x.mp4": "video_file",
        "x.dcm": "dicom_file",
        "x": "dicom_file",
        "1.2.840": "dicom_file",
        "x.nii": "nifti_file",
        "x.mhd": "metaimage_file",
    }.items():
        (tmp_path / name).write_bytes(b"\x07rubbish" * 99)
        assert reader_of(tmp_path / name) == reader
        with pytest.raises(Unreadable):
            open_recording(tmp_path / name)
