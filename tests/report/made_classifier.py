"""A small probe's folder, written by hand in the schema of `sslecho probe`: its figures are known and it is quick.

What the real commands write is tried in `test_report_of_real_runs.py`.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
from drawn_store import draw_store

from sslecho.rundir import write_json, write_text
from sslecho.tasks.predictions import write_predictions

HOSTILE = '<img src=x onerror=alert(1)>|*"&'
PATIENTS = 9


def figures(name: str, value: float | None, half: float | None = 0.25) -> dict[str, float | None]:
    """A figure with an interval `half` wide on either side; None: no interval."""
    known = value is not None and half is not None
    low, high = (max(value - half, 0.0), min(value + half, 1.0)) if known else (None, None)  # type: ignore[operator]
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def make_classifier(
    folder: Path, *, classes: tuple[str, str] = ("plax", "a4c"), sector: str = "mask", text: bool = False, **result: Any
) -> Path:
    """Write `store` and `probe` into `folder`; returns the latter. Of 6 test clips of 3 patients one is wrong."""
    store = draw_store(folder / "store", patients=PATIENTS, clips=2, frames=2)
    splits = ["test" if patient % 3 == 2 else "train" for patient in range(PATIENTS)]
    of_clip = {"split": [name for name in splits for _ in range(2)]}
    of_clip |= {"sector": [sector] * 2 * PATIENTS, "text_inside": [text] * 2 * PATIENTS}
    clips = store.clips
    for column, values in of_clip.items():
        clips = clips.set_column(clips.column_names.index(column), column, pa.array(values))
    store = store.with_tables(clips=clips)
    run = folder / "probe"
    run.mkdir()
    rows = []
    for number, clip in enumerate(store.clips.to_pylist()):
        truth = classes[number % 2]
        # The first test clip, and it alone, gets the other class.
        wrong = number == 4
        said = classes[1 - number % 2] if wrong else truth
        rows.append(
            {
                "row": 2 * number,
                "clip_id": clip["clip_id"],
                "frame_index": 0,
                "patient_id": clip["patient_id"],
                "unit_id": clip["patient_id"],
                "label": truth,
                "split": clip["split"],
                "prediction": said,
                "confidence": 0.9 if wrong else 0.7,
            }
        )
    tested = [row for row in rows if row["split"] == "test"]
    bins = [{"low": 0.6, "high": 0.7, "confidence": 0.7, "accuracy": 1.0, "n": 5},
            {"low": 0.8, "high": 0.9, "confidence": 0.9, "accuracy": 0.0, "n": 1}]  # fmt: skip
    curve = [{"coverage": at, "threshold": 1 - at, "precision": p, "precision_low": p - 0.1, "precision_high": p}
             for at, p in ((1 / 6, 0.5), (1.0, 5 / 6))]  # fmt: skip
    of_class = {name: {**figures("precision", 0.75), **figures("recall", 0.75), **figures("f1", 0.75),
                       **figures("auroc", 0.8), "n": 3, "n_patients": 3} for name in classes}  # fmt: skip
    write_text(run / "settings.toml", '[probe]\nkind = "linear"\nseed = 4\n')
    write_json(
        run / "run.json",
        {
            "command": "probe",
            "identity": {
                "kind": "linear",
                "seed": 4,
                "frames": store.frames_hash,
                "labels": None,
                "x": "/secret/place",
            },
            "provenance": {"sslecho": "0.1.0", "commit": "0123456789ab", "packages": {"numpy": "2"}},
            "state": "done",
        },
    )
    write_json(
        run / "result.json",
        {
            **figures("accuracy", 5 / 6),
            **figures("balanced_accuracy", 0.75),
            **figures("macro_f1", 0.75),
            **figures("auroc", 0.8),
            **figures("ece", 0.1),
            "per_class": of_class,
            "n": len(tested),
            "n_patients": 3,
            "split": "test",
            "level": "clip",
            "unit": "patient",
            "groups": "patient",
            "reliability": bins,
            "risk_coverage": curve,
            "sets": None,
            "open_set": None,
            "n_train": 12,
            "n_train_patients": 6,
            "classes": list(classes),
            "warnings": ["only 3 patients: an interval over fewer than 24 is too narrow to trust"],
            "kind": "linear",
            "temperature": 1.5,
            "ece_uncalibrated": 0.2,
            "out": "/secret/place/probe",
            **result,
        },
    )
    write_predictions(
        run,
        pa.Table.from_pylist(rows),
        meta={"task": "probe", "level": "clip", "unit": "patient", "classes": list(classes),
              "frames_hash": store.frames_hash, "encoder_hash": "1" * 64, "store": "../store"},
    )  # fmt: skip
    return run
