"""What `pretrain` makes of its options: partners, repeats, batches, and what it says where one has no effect."""

import numpy as np
import pyarrow as pa
import pytest
from data.archives import pattern, write_video
from drawn_store import draw_store
from made_objective import make

import sslecho
from sslecho.api.pretrain_frames import frames_a_step, repeated_clips, training_frames, training_rows
from sslecho.api.pretrain_labels import KnownLabels
from sslecho.api.settings import PretrainSettings
from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter
from sslecho.errors import InputError
from sslecho.rundir import read_json
from sslecho.train.batches import row_batches


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """4 patients of 4 clips: two that repeat one picture, two others; 3 frames each, 0.1 s apart. Not to be changed."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("frames") / "store"
    with StoreWriter(path, (32, 32), unit="patient") as writer:
        for patient in range(4):
            pictures = rng.integers(20, 230, (3, 32, 32))
            for number, shown in enumerate((0, 1, 0, 2)):
                frames = np.clip(pictures[shown] + rng.integers(-3, 4, (3, 32, 32)), 0, 255).astype(np.uint8)
                clip = {
                    "clip_id": f"c{patient}{number}",
                    "patient_id": f"p{patient}",
                    "source_id": f"{patient}{number}",
                }
                writer.add_clip(frames, clip, {"time_s": [0.0, 0.1, 0.2]})
        return writer.commit()


def made(store, labels=None, method="simclr", **options):
    settings = PretrainSettings(method=method, **options)
    return training_frames(store, training_rows(store, False)[0], settings, make(method)[1], labels)


def with_column(store: Store, level: str, name: str, values: list) -> Store:
    """The same store as it would be with other values; nothing is written."""
    tables = {"clips": store.clips, "frames": store.frames}
    table = tables[level]
    at = table.column_names.index(name)
    tables[level] = table.set_column(at, name, pa.array(values, table.schema.field(name).type))
    return Store(store.path, store.manifest, tables["clips"], tables["frames"])


def labels_of(store, of_frame):
    return KnownLabels(np.array(of_frame), tuple("ab"))


def test_repeats_are_masked_beside_clips_and_counted(store, capsys):
    frames = made(store)
    clip = frames.clip_of_frame
    assert np.array_equal(frames.alike, np.where(clip % 4 == 2, clip - 2, clip))
    assert repeated_clips(frames) == 8
    for off in (0.0, 1.0):
        assert np.array_equal(made(store, repeats=off).alike, clip)
        assert repeated_clips(made(store, repeats=off)) == 0
    # What contrasts nothing needs no repeats, unless batches are made of them.
    assert np.array_equal(made(store, method="byol").alike, clip)
    assert repeated_clips(made(store, method="byol", batches="clips")) == 8
    assert "warning" not in capsys.readouterr().err


def test_without_patients_clips_alone_are_masked_and_it_is_said(store, capsys):
    n = store.clips.num_rows
    alone = with_column(store, "clips", "patient_id", [None] * n)
    alone = with_column(alone, "clips", "unit_id", store.column("clip_id").tolist())
    alone.manifest = {**store.manifest, "unit": "unknown"}
    assert np.array_equal(made(alone).alike, store.clip_of_frame)
    assert "no patients are known, so repeats of a view can't be told" in capsys.readouterr().err


def test_a_store_of_one_view_has_nothing_to_contrast(tmp_path):
    with StoreWriter(tmp_path / "store", (32, 32), unit="patient") as writer:
        picture = np.random.default_rng(0).integers(0, 256, (1, 32, 32)).astype(np.uint8)
        for name in "ab":
            writer.add_clip(picture, {"clip_id": name, "patient_id": "p", "source_id": name})
        store = writer.commit()
    with pytest.raises(InputError, match=r"all clips of .* repeat one view of one patient.* raise --repeats \(1 turns"):
        made(store)
    assert len(made(store, method="byol").rows) == 2


def test_the_gap_reaches_partners_of_clips_alone(store, capsys):
    frames = made(store, positives="clip", max_gap_s=0.15)
    assert frames.max_gap_s == 0.15
    assert frames.time_s is not None
    assert frames.time_s[:4] == pytest.approx([0, 0.1, 0.2, 0])
    assert capsys.readouterr().err == ""
    for positives in ("frame", "patient"):
        assert made(store, positives=positives, max_gap_s=0.15).max_gap_s is None
        said = capsys.readouterr().err
        assert f"--max-gap-s 0.15 is for --positives clip; with --positives {positives} it has no effect" in said
        assert ("use them for diagnosis only" in said) == (positives == "patient")


def test_the_gap_counts_in_the_times_of_videos(tmp_path, capsys):
    rates = {"a": 20, "b": 10}
    for name, rate in rates.items():
        write_video(tmp_path / "archive" / name / "v.mp4", [pattern(32, 32, k) for k in range(12)], rate=rate)
    labels = tmp_path / "labels.csv"
    labels.write_text("path,patient,label\na/v.mp4,p,a\nb/v.mp4,q,b\n")
    options = {"labels": str(labels), "every": 2, "sector": "off", "size": 32, "workers": 1}
    store = sslecho.ingest(tmp_path / "archive", tmp_path / "store", **options)
    rate_of_clip = [rates[label] for label in store.column("label")]
    capsys.readouterr()
    frames = made(store, positives="clip", max_gap_s=0.25)
    assert capsys.readouterr().err == ""
    drawn = [set() for _ in rate_of_clip]
    for rows, partners in row_batches(frames, batch_size=12, epochs=60, seed=0, start=0, rank=0, world=1):
        for row, partner in zip(rows, partners, strict=True):
            clip = store.clip_of_frame[row]
            assert store.clip_of_frame[partner] == clip
            drawn[clip].add(partner - row)
    # Every second frame was kept: 0.1 s apart at 20 frames per second, 0.2 s at 10.
    expected = {20: {-2, -1, 0, 1, 2}, 10: {-1, 0, 1}}
    assert drawn == [expected[rate] for rate in rate_of_clip]


def test_unknown_times_are_counted(store, capsys):
    times = store.column("time_s", level="frame").tolist()
    times[1] = times[5] = None
    made(with_column(store, "frames", "time_s", times), positives="clip", max_gap_s=0.15)
    assert "2 of 16 clips have frames of unknown time: --max-gap-s has no effect on them" in capsys.readouterr().err


def test_options_without_effect_are_named(store, capsys):
    frames = made(store, method="mae", positives="clip")
    assert frames.partner_group is None
    assert "--method mae makes one view of a frame; --positives clip has no effect" in capsys.readouterr().err
    assert made(store, batches="classes").batches == "frames"
    assert "--method simclr knows no labels; --batches classes has no effect" in capsys.readouterr().err


def test_classes_of_one_clip_or_of_repeats_are_named(store, capsys):
    clip = store.clip_of_frame
    assert made(store, labels=labels_of(store, (clip < 4) * 1), batches="classes").batches == "classes"
    assert capsys.readouterr().err == ""
    made(store, labels=labels_of(store, np.isin(clip, (0, 2)) * 1), batches="classes")
    assert "--batches classes: one clip, or repeats of one view, are all there is of b" in capsys.readouterr().err


def test_batches_of_pairs_are_even(store):
    labels = labels_of(store, np.zeros(48, dtype=np.int64))
    assert frames_a_step(PretrainSettings(batch_size=64, batches="classes"), 37, labels) == 36
    assert frames_a_step(PretrainSettings(batch_size=33), 48, labels) == 33
    with pytest.raises(InputError, match="--batch-size 33 is odd, and --batches classes makes batches of pairs"):
        frames_a_step(PretrainSettings(batch_size=33, batches="classes"), 48, labels)
    with pytest.raises(InputError, match="--batch-size 33 does not divide over 2 processes"):
        frames_a_step(PretrainSettings(batch_size=33, devices=2), 48, labels)
    # What the frames allow is not what the user asked for: it is rounded, not refused.
    assert frames_a_step(PretrainSettings(batch_size=128, devices=2), 51, None) == 50
    with pytest.raises(InputError, match="1 frames to learn from are too few for 2 processes"):
        frames_a_step(PretrainSettings(batch_size=128, devices=2), 1, None)


def test_the_command_counts_repeats_and_goes_on_with_the_same_threshold_only(store, tmp_path):
    quick = {"backbone": "test_resnet", "epochs": 1, "batch_size": 16, "image_size": 32, "device": "cpu"}
    sslecho.pretrain(store, tmp_path / "run", positives="clip", max_gap_s=0.15, batches="clips", **quick)
    assert read_json(tmp_path / "run" / "result.json")["n_repeated_clips"] == 8
    again = {"positives": "clip", "max_gap_s": 0.15, "batches": "clips", "repeats": 0.8}
    with pytest.raises(InputError, match=r"repeats was 0.9 and is now 0.8"):
        sslecho.pretrain(store, tmp_path / "run", **again, **quick)


def test_supcon_learns_from_pairs(tmp_path):
    quick = {"backbone": "test_resnet", "epochs": 1, "batch_size": 16, "image_size": 32, "device": "cpu"}
    sslecho.pretrain(draw_store(tmp_path / "store"), tmp_path / "run", method="supcon", batches="classes", **quick)
    assert np.isfinite(read_json(tmp_path / "run" / "result.json")["loss"])
