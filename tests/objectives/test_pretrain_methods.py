"""Methods as `pretrain` takes them: their settings, their labels, their views."""

import dataclasses
import math

import numpy as np
import pytest
from drawn_store import draw_store
from made_objective import SMALL

import sslecho
from sslecho.api.pretrain_frames import partner_groups
from sslecho.api.pretrain_labels import KnownLabels, known_labels
from sslecho.errors import InputError, SettingsError
from sslecho.objectives import OBJECTIVES
from sslecho.rundir import read_json

QUICK = {"backbone": "test_resnet", "epochs": 1, "batch_size": 16, "image_size": 32, "device": "cpu", "precision": "32"}


def quick(method, **values):
    known = {field.name for field in dataclasses.fields(OBJECTIVES[method].settings_class)}
    small = tuple(f"{key}={value}" for key, value in SMALL.items() if key in known)
    return {**QUICK, "method": method, "method_set": small, **values}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """36 of 48 frames are in train, in three classes; not to be changed."""
    return draw_store(tmp_path_factory.mktemp("methods") / "store")


@pytest.mark.parametrize("method", list(OBJECTIVES))
def test_every_method_makes_an_encoder(store, tmp_path, method):
    options = quick(method, backbone="test_vit") if method == "mae" else quick(method)
    sslecho.pretrain(store, tmp_path / "run", **options)
    result = read_json(tmp_path / "run" / "result.json")
    assert result["method"] == method
    assert math.isfinite(result["loss"])
    assert sslecho.Encoder.load(tmp_path / "run").provenance["settings"]["method"] == method
    labeled = OBJECTIVES[method].labels != "none"
    assert labeled == (result.get("n_labeled_frames") == 36)
    assert labeled == (result.get("n_classes") == 3)


@pytest.mark.parametrize("method", ["dino", "swav"])
def test_a_network_of_one_size_sees_small_crops_drawn_large(store, tmp_path, method):
    sslecho.pretrain(store, tmp_path / "run", **quick(method, backbone="test_vit"))
    assert math.isfinite(read_json(tmp_path / "run" / "result.json")["loss"])


def test_the_methods_settings_are_recorded_and_decide_the_run(store, tmp_path):
    sslecho.pretrain(store, tmp_path / "run", **{**QUICK, "temperature": 0.3})
    settings = sslecho.Encoder.load(tmp_path / "run").provenance["settings"]
    assert settings["simclr.temperature"] == 0.3
    assert settings["simclr.projection_dim"] == 128
    # The same in other words is the same run; another value is another.
    sslecho.pretrain(store, tmp_path / "run", **{**QUICK, "method_set": ("temperature=0.3",)})
    with pytest.raises(InputError, match=r"simclr.temperature was 0.3 and is now 0.1"):
        sslecho.pretrain(store, tmp_path / "run", **QUICK)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"method_set": "projection_dimm=3"},
            r"--method simclr: 'projection_dimm' is no setting \(did you mean 'project",
        ),
        ({"method_set": "projection_dim=x"}, r"--method simclr: projection_dim is 'x'; it must be a whole number"),
        ({"method_set": "projection_dim"}, r"--method-set 'projection_dim' must read KEY=VALUE, each KEY once"),
        ({"method_set": "temperature=0.2", "temperature": 0.3}, r"--method-set 'temperature=0.2' must read .* once"),
        (
            {"method": "byol", "temperature": 0.3},
            r"--method byol: 'temperature' is no setting; known: momentum, hidden",
        ),
        ({"method": "supcon", "method_set": "form=outt"}, r"--method supcon: form is 'outt' \(did you mean 'out'\?\)"),
    ],
)
def test_settings_that_a_method_does_not_have(store, tmp_path, options, said):
    with pytest.raises(SettingsError, match=said):
        sslecho.pretrain(store, tmp_path / "run", **{**QUICK, **options})
    assert not (tmp_path / "run").exists()


def test_labels_are_those_of_the_train_split_alone(store):
    labels = known_labels(store, "supcon")
    split, label = store.column("split", level="frame"), store.column("label", level="frame")
    assert labels.names == ("across", "disk", "down")
    assert (labels.of_frame[split != "train"] == -1).all()
    assert [labels.names[at] for at in labels.of_frame[split == "train"]] == label[split == "train"].tolist()


def test_partners_share_the_label_where_labels_are_known(store):
    """A clip's frames may have labels of their own."""
    of_frame = np.tile([0, 1], len(store) // 2)
    groups = partner_groups(store, "clip", KnownLabels(of_frame, ("a", "b")))
    pairs = set(zip(store.clip_of_frame.tolist(), of_frame.tolist(), strict=True))
    assert len(np.unique(groups)) == len(pairs)
    assert len(
        {(a, b, c) for (a, b), c in zip(zip(store.clip_of_frame, of_frame, strict=True), groups, strict=True)}
    ) == len(pairs)
    assert np.array_equal(partner_groups(store, "clip", None), store.clip_of_frame)


def without_labels(path, keep=()):
    store = draw_store(path)
    column = [word if word in keep else None for word in store.column("label")]
    at = store.clips.column_names.index("label")
    return store.with_tables(clips=store.clips.set_column(at, "label", [column]).cast(store.clips.schema))


@pytest.mark.parametrize("method", [name for name in OBJECTIVES if OBJECTIVES[name].labels != "none"])
@pytest.mark.parametrize("keep", [(), ("disk",)])
def test_methods_with_labels_say_so_where_there_are_none(tmp_path, method, keep):
    store = without_labels(tmp_path / "store", keep)
    with pytest.raises(
        InputError, match=rf"--method {method} learns from labels, and .* has {len(keep)} class.* needs at"
    ):
        sslecho.pretrain(store, tmp_path / "run", **quick(method))
    assert not (tmp_path / "run").exists()


def test_methods_with_labels_want_a_split(tmp_path):
    store = draw_store(tmp_path / "store", split=False)
    with pytest.raises(InputError, match=r"--method supcon learns from labels of the train split.*sslecho split"):
        sslecho.pretrain(store, tmp_path / "run", **quick("supcon"))


def test_unlabeled_frames_are_left_out_or_used(tmp_path):
    store = without_labels(tmp_path / "store", ("disk", "down"))
    for method, n_frames, split in (("supcon", 24, "train"), ("supcon_ntxent", 36, "train+val")):
        sslecho.pretrain(store, tmp_path / method, **quick(method))
        result = read_json(tmp_path / method / "result.json")
        assert (result["n_frames"], result["n_labeled_frames"], result["n_classes"]) == (n_frames, 24, 2)
        assert result["split"] == split


def test_other_labels_are_another_run_for_methods_that_see_them(tmp_path):
    store = draw_store(tmp_path / "store")
    for method in ("supcon_ntxent", "simclr"):
        sslecho.pretrain(store, tmp_path / method, **quick(method))
    at = store.clips.column_names.index("label")
    others = np.roll(store.column("label"), 1).tolist()
    relabeled = store.with_tables(clips=store.clips.set_column(at, "label", [others]).cast(store.clips.schema))
    with pytest.raises(InputError, match="labels was"):
        sslecho.pretrain(relabeled, tmp_path / "supcon_ntxent", **quick("supcon_ntxent"))
    sslecho.pretrain(relabeled, tmp_path / "simclr", **quick("simclr"))


def test_one_view_has_no_partner(store, tmp_path, capsys):
    sslecho.pretrain(store, tmp_path / "run", **quick("mae", backbone="test_vit", positives="clip"))
    assert "--method mae makes one view of a frame; --positives clip has no effect" in capsys.readouterr().err


def test_one_clip_is_enough_where_nothing_is_contrasted(tmp_path):
    store = draw_store(tmp_path / "store", patients=1, clips=1, frames=8, split=False)
    sslecho.pretrain(store, tmp_path / "run", **quick("byol"))
    with pytest.raises(InputError, match="a contrastive loss needs at least 2"):
        sslecho.pretrain(store, tmp_path / "other", **quick("mocov3"))
