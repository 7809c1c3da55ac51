"""`explain`: a planted mark is caught and clean stores are not accused, hearts are told from background, bad input."""

import json

import numpy as np
import pytest
from marked_fans import SIZE, fan_store, fit_head
from PIL import Image
from typer.testing import CliRunner

import sslecho
from sslecho.api import explain_figures
from sslecho.cli.app import app
from sslecho.errors import InputError, NounError, SslechoError
from sslecho.report.explain_occlusion import Way
from sslecho.rundir import read_json

PATIENTS = 24
QUICK = {"frames": 2, "maps": 6, "shown": 2, "workers": 1}
FIGURES = ("maps.png", "occlusion.png", "confusion.png", "errors.png", "time.png")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Stores with a classifier each: the label is in a mark alone; in the heart, marks at random; no outside."""
    folder = tmp_path_factory.mktemp("explain")
    for name, how in (
        ("marked", {"spot": False, "mark": "label"}),
        ("clean", {"mark": "chance"}),
        ("masked", {"sector": "mask"}),
    ):
        store = fan_store(folder / name, patients=PATIENTS, frames=2, **how)
        fit_head(store, folder / f"{name}-model")
    return folder


def explained(work, name, out, **options):
    given = {**QUICK, "model": str(work / f"{name}-model"), **options}
    scores = sslecho.explain(work / name, out, **given)
    return scores, read_json(out / "result.json")


@pytest.fixture
def drawn(monkeypatch):
    """Every picture that a figure is given."""
    kept = []

    def spied(name):
        draw = getattr(explain_figures, name)

        def drawing(shown, *more, **options):
            for one in [*shown, *(more[0] if name == "draw_occlusion" else ())]:
                if not isinstance(one, Way):
                    kept.append((name, one[1] if isinstance(one, tuple) else one.picture))
            return draw(shown, *more, **options)

        monkeypatch.setattr(explain_figures, name, drawing)

    for name in ("draw_maps", "draw_errors", "draw_time", "draw_occlusion"):
        spied(name)
    return kept


def test_a_planted_mark_is_caught_and_no_figure_shows_it(work, tmp_path, drawn):
    scores, result = explained(work, "marked", tmp_path / "x")
    assert {name for name, _ in drawn} >= {"draw_maps", "draw_time", "draw_occlusion"}
    for _, picture in drawn:
        edge = len(picture) // 8
        assert picture[:edge, :edge].max() == 0  # where the mark is, or somebody's name
        assert picture.max() > 0
    with np.load(tmp_path / "x" / "maps.npz") as maps:
        assert np.ptp(maps["gradient"][:, 0, :4, :4], axis=(1, 2)).max() == 0
    assert result["accused"] is True
    assert result["accuracy"] > 0.9
    assert result["exchange_drop"] > 0.8
    assert 0 < result["exchange_drop_low"] <= result["exchange_drop"] <= result["exchange_drop_high"]
    assert result["accuracy_alike"] > 0.9 > 0.2 > result["accuracy_unlike"]
    assert result["outside_drop_low"] > 0
    assert result["accuracy_blanked"] == pytest.approx(0.5, abs=0.1)
    assert "SHORTCUT SHOWN" in result["verdicts"][0]
    assert f"{result['exchange_drop_low']:+.2f}".replace("+0.", "+.") in result["verdicts"][0]
    # The sliding patch finds the mark; gradients need not, and with this network they don't.
    slid = result["saliency"]["sliding"]
    assert slid["outside_low"] > 2 * slid["outside_area"]
    assert not any(verdict.startswith("sliding") for verdict in result["verdicts"])
    rows = {(row["arm"], row["metric"]): row for row in scores.table.to_pylist()}
    assert rows["exchange", "exchange_drop"]["value"] == result["exchange_drop"]
    assert rows["gradient", "outside"]["low"] == result["saliency"]["gradient"]["outside_low"]
    assert {row["n_patients"] for row in rows.values() if row["n_patients"]} == {8}


def test_a_clean_store_with_marks_at_random_is_not_accused_and_its_heart_matters(work, tmp_path):
    _, result = explained(work, "clean", tmp_path / "x")
    assert result["accused"] is False
    assert result["accuracy"] > 0.9
    assert abs(result["exchange_drop"]) < 0.1
    assert result["verdicts"][0].startswith("outside the sector: no shortcut shown")
    assert result["heart_drop"] > 0.3
    assert result["heart_minus_background_shown"]
    assert result["heart_minus_background"] == pytest.approx(result["accuracy_background"] - result["accuracy_heart"])
    assert result["verdicts"][1].startswith("the heart: MATTERS")
    for name in FIGURES:
        with Image.open(tmp_path / "x" / name) as picture:
            assert picture.size[0] > 600
    assert (result["n"], result["n_patients"]) == (16, 8)
    assert (result["split"], result["unit"], result["level"], result["n_maps"]) == ("test", "patient", "clip", 6)
    assert any("fewer than 24" in warning for warning in result["warnings"])
    # Maps come as arrays too, a line of the table each.
    with np.load(tmp_path / "x" / "maps.npz") as maps:
        assert maps["gradient"].shape == maps["grad_cam"].shape == (6, 1, 48, 48)
        assert maps["guided"].max((1, 2, 3)).tolist() == [1.0] * 6
    lines = (tmp_path / "x" / "maps.csv").read_text().splitlines()
    assert len(lines) == 7
    assert {line.split(",")[2] for line in lines[1:]} == {"small", "large"}
    written = "".join(path.read_text() for path in (tmp_path / "x").iterdir() if path.suffix in (".json", ".csv"))
    assert "p02" not in written  # whose patients these are is not said


def test_a_store_that_holds_nothing_outside_can_not_be_accused_of_it(work, tmp_path):
    _, result = explained(work, "masked", tmp_path / "x", level="frame", split="all")
    assert result["accused"] is False
    assert result["exchange_n"] == 0
    assert "nothing outside the sectors" in result["exchange_reason"]
    assert result["outside_drop"] == 0
    assert (result["n"], result["level"], result["over_time"]) == (4 * PATIENTS, "frame", None)
    assert any("learned from some of these" in warning for warning in result["warnings"])


def test_the_command_says_it_in_json_and_a_second_call_finds_it_done(work, tmp_path):
    flags = "--frames 1 --maps 2 --shown 1 --workers 1 --box 0.3,0.4,0.7,0.8 --clips 6 --json"
    call = ["explain", str(work / "clean"), "--model", str(work / "clean-model"), "-o", str(tmp_path / "x")]
    said = CliRunner().invoke(app, [*call, *flags.split()])
    assert said.exit_code == 0, said.output
    result = json.loads(said.stdout.splitlines()[-1])
    assert {"out", "n", "n_patients", "split", "unit", "accused", "heart_drop_low", "outside_drop_high"} <= set(result)
    assert (result["n"], result["n_patients"], result["heart"]) == (6, 3, "a box of the user's")
    assert any("6 of 16 clips" in warning for warning in result["warnings"])
    again = json.loads(CliRunner().invoke(app, [*call, *flags.split()]).stdout.splitlines()[-1])
    assert again.pop("already") is True
    assert again == result
    other = CliRunner().invoke(app, [*call, *flags.split(), "--seed", "3"])
    assert other.exit_code == 2
    assert "seed" in other.output


def test_a_mask_of_the_users_own_is_what_is_covered(work, tmp_path):
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    (tmp_path / "masks").mkdir()
    store = sslecho.Store.open(work / "clean")
    tested = [c for c, split in zip(store.column("clip_id"), store.column("split"), strict=True) if split == "test"]
    for clip_id in tested[:-1]:
        Image.fromarray(((np.hypot(x - 32, y - 38) < 10) * 255).astype(np.uint8)).save(
            tmp_path / "masks" / f"{clip_id}.png"
        )
    _, result = explained(work, "clean", tmp_path / "x", masks=str(tmp_path / "masks"))
    assert (result["heart_n"], result["heart_left_out"]) == (len(tested) - 1, 1)
    assert result["heart_drop"] > 0.3
    sector = 1 / result["covered_share_of_sector"] * (np.hypot(x - 32, y - 38) < 10).sum()
    assert 0.3 * SIZE**2 < sector < 0.8 * SIZE**2
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(tmp_path / "masks" / f"{tested[0]}.png")
    with pytest.raises(InputError, match=r"is 7 x 5 pixels, and stored frames are 64 x 64"):
        explained(work, "clean", tmp_path / "y", masks=str(tmp_path / "masks"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": None}, "--model is missing: name a run of `sslecho finetune` or `sslecho view`"),
        ({"model": "nowhere"}, "holds no classifier"),
        ({"split": "val"}, "no clip of split val has a label that the classifier knows"),
        ({"box": (0.5, 0.1, 0.2, 0.9)}, r"--box 0.5,0.1,0.2,0.9 must be x0,y0,x1,y1"),
        ({"box": (0.1, 0.2)}, r"--box 0.1,0.2 must be"),
        ({"box": (0.1, 0.2, 0.3, 1.4)}, "box"),
        ({"box": (0.1, 0.2, 0.3, 0.4), "masks": "m"}, "--masks and --box both say where the heart is"),
        ({"masks": "nowhere"}, "--masks nowhere is no folder"),
        ({"truth": "nowhere"}, "is no truth of a phantom"),
        ({"structures": ("lv",)}, "--structures are those of a phantom's truth"),
        ({"level": "study"}, "level is 'study'; choose one of: clip, frame"),
        ({"labels": "missing.csv"}, "missing.csv"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(work, tmp_path, options, said):
    given = {"model": str(work / "clean-model"), **options}
    with pytest.raises(SslechoError, match=said):
        sslecho.explain(work / "clean", tmp_path / "out", **{**QUICK, **given})
    assert not (tmp_path / "out").exists()


def test_a_model_of_another_kind_is_refused(work, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"schema": "sslecho.clusters"}')
    with pytest.raises(InputError, match=r"holds a sslecho\.clusters, and only a run of finetune or view"):
        sslecho.explain(work / "clean", tmp_path / "out", model=str(tmp_path))
    (tmp_path / "model" / "config.json").write_text("not json")
    with pytest.raises(NounError, match="holds no classifier"):
        sslecho.explain(work / "clean", tmp_path / "out", model=str(tmp_path))
