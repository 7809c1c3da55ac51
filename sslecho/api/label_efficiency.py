"""`benchmark label-efficiency`: Store + encoders -> Scores, a figure and a verdict: what was pretraining worth?"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sslecho.api.label_efficiency_arms import Source, frames_of, network_arms, probe_arms, refuse_equal_names, sources
from sslecho.api.label_efficiency_design import Endpoint, design_of, endpoint_of, numbers_of
from sslecho.api.label_efficiency_rows import Compared, compared_rows, leads_rows, score_rows
from sslecho.api.label_efficiency_settings import LabelEfficiencySettings
from sslecho.api.nouns import as_store, groups, workers_of
from sslecho.config import build, identity, to_toml
from sslecho.data.store import Store
from sslecho.evaluate.arms import Arm
from sslecho.evaluate.cells import answers, path_of, run_cells
from sslecho.evaluate.comparison import labels_saved, leads
from sslecho.evaluate.design import Design
from sslecho.evaluate.frame_split import split_by_frames
from sslecho.evaluate.resampling import curves, draw, half_widths
from sslecho.evaluate.scores import Scores
from sslecho.evaluate.verdict import counted, crossing_sentence, endpoint_sentence, saved_sentence, verdict
from sslecho.progress import track
from sslecho.rundir import RunDir, sha256_of, warn, write_atomic

COMMAND = "benchmark label-efficiency"
PLANNED = (10, 20, 50, 100, 200)  # test patients
EXTRAPOLATES = (
    "{unit}s drawn from the {n} tested ones stand for more: what these don't show is not foreseen, and the part of the "
    "width that comes from the draws of labels does not shrink with test {unit}s"
)


def label_efficiency(
    store: Store | Path | str, out: Path | str, *, arms: Sequence[Arm] = (), overwrite: bool = False, **options: Any
) -> Scores:
    """Compare an encoder with its rivals by the number of labels that they learn from, scored on the test split.

    Every arm learns from the same nested draws of labeled patients of the train split. Intervals resample test patients
    and draws together, differences are paired, one endpoint is declared before the run. The same call again goes on
    where it stopped.

    Args:
        store: the store, or its folder.
        out: the folder to write: scores.parquet, figure.png, cells, embeddings.
        arms: further ways to learn (`sslecho.evaluate.arms.Arm`), rivals of the first encoder.
        options: the fields of `LabelEfficiencySettings` (`encoder=("run",)`, `x="patients"`, `endpoint=…`, …).

    Raises:
        InputError: settings, store, labels, split, encoders or folder are not as they must be.
    """
    settings = build(LabelEfficiencySettings, options)
    store, out = as_store(store), Path(out)
    design, warnings = design_of(store, settings)
    found = sources(store, settings)
    arms = [*network_arms(store, settings), *arms]
    names = [*(source.name for source in found), *(arm.name for arm in arms)]
    refuse_equal_names(names)
    endpoint = endpoint_of(design, settings, names)
    numbers = numbers_of(design, settings, endpoint)
    warnings += _seen(store, design, found)
    run = RunDir.open(
        out,
        command=COMMAND,
        identity={
            **identity(settings),
            "labels": sha256_of(Path(settings.labels)) if settings.labels else None,
            "frames": store.frames_hash,
            "design": _hash(design),
            "arms": {source.name: source.hash for source in found} | {arm.name: arm.hash for arm in arms},
        },
        settings=to_toml(settings, "label-efficiency"),
        overwrite=overwrite,
    )
    if not run.done:
        for warning in warnings:
            warn(warning)
        clips = np.sort(np.concatenate([design.pool.clips, design.test.clips]))
        every = [*probe_arms(store, clips, found, settings, out), *arms]
        workers = workers_of(settings.workers)
        run_cells(design, every, numbers, out / "cells", supports=settings.supports, workers=workers)
        leaky = by_frames(store, design, clips, found[0], settings, out) if settings.leaky else None
        compared = _compare(design, every, numbers, settings, out)
        unit = groups(store.unit)
        result = _result(design, compared, endpoint, settings, out, unit=unit) | {"leaky": leaky, "warnings": warnings}
        score_rows(compared, design, settings, leaky=leaky).save(out)
        _draw(compared, result, out)
        run.finish(result)
    return Scores.load(out)


def _seen(store: Store, design: Design, found: Sequence[Source]) -> list[str]:
    tested = set(store.column("unit_id")[design.test.clips].tolist())
    unit = groups(store.unit)
    return [
        f"{source.words} was pretrained on {n} of the {len(tested)} test {unit}s: its figures are too good; "
        "pretrain anew"
        for source in found
        if (n := len(tested & source.seen))
    ]


def _hash(design: Design) -> str:
    """Which clips are labeled how, of whom, and which are tested."""
    digest = hashlib.sha256(repr(list(design.classes)).encode())
    for part in (design.pool, design.test):
        for array in (part.clips, part.codes, part.units):
            digest.update(array.tobytes())
    return digest.hexdigest()


def _compare(
    design: Design, arms: Sequence[Arm], numbers: list[int], settings: LabelEfficiencySettings, out: Path
) -> Compared:
    draws = draw(design.test.n_units, settings.supports, rng=np.random.default_rng(settings.seed))
    found = {}
    with track("intervals", total=len(arms), unit="arms") as bar:
        for arm in arms:

            def read(x: int, support: int, run: int, arm: Arm = arm) -> np.ndarray:
                return answers(path_of(out / "cells", arm, x=x, support=support, run=run))

            found[arm.name] = curves(design, arm, numbers, draws, read=read)
            bar.advance()
    return Compared(numbers, list(arms), found)


def by_frames(
    store: Store, design: Design, clips: np.ndarray, source: Source, settings: LabelEfficiencySettings, out: Path
) -> dict[str, Any] | None:
    """The warning: the first encoder's figures if frames had been split."""
    frames = frames_of(store, clips, source, 0, settings, out)
    of_clip = store.clip_of_frame[frames.rows["row"].to_numpy()]
    code, unit = (np.full(store.clips.num_rows, -1, dtype=np.int64) for _ in range(2))
    for part in (design.pool, design.test):
        code[part.clips], unit[part.clips] = part.codes, part.units
    kept = np.flatnonzero(code[of_clip] >= 0)
    tested = np.isin(of_clip[kept], design.test.clips).mean()
    return split_by_frames(
        np.asarray(frames.vectors)[kept],
        code[of_clip[kept]],
        units=unit[of_clip[kept]],
        test_share=float(tested),
        seed=settings.seed,
    )


def _result(
    design: Design, compared: Compared, endpoint: Endpoint, settings: LabelEfficiencySettings, out: Path, *, unit: str
) -> dict[str, Any]:
    """The JSON: figures, differences, sentences."""
    numbers, metric = compared.numbers, endpoint.metric
    first, *rivals = compared.arms
    curve = compared.curves[first.name][metric]
    of_rivals = {rival.name: compared.curves[rival.name][metric] for rival in rivals}
    over = leads(numbers, curve, of_rivals)
    saved = {name: labels_saved(numbers, curve, rival) for name, rival in of_rivals.items()}
    place = numbers.index(endpoint.x)
    declared, words = over[endpoint.against][place], {arm.name: arm.words for arm in compared.arms}
    said: dict[str, Any] = {"first": first.words, "rival": words[endpoint.against]}
    about: dict[str, Any] = {"axis": design.axis, "unit": unit, "most": design.most}
    crossings = {
        name: crossing_sentence(
            rows, first=first.words, rival=words[name], axis=design.axis, unit=unit, most=design.most
        )
        for name, rows in over.items()
    }
    n_patients = design.test.n_units
    own, other = (
        [
            [answers(path_of(out / "cells", arm, x=endpoint.x, support=s, run=run)) for run in range(arm.n_runs)]
            for s in range(settings.supports)
        ]
        for arm in (first, next(arm for arm in rivals if arm.name == endpoint.against))
    )
    return {
        "out": str(out),
        "n": len(design.test),
        "n_patients": n_patients,
        "split": "test",
        "unit": unit,
        "groups": "patient" if unit == "patient" else f"{unit}s",
        "x": design.axis,
        "numbers": numbers,
        "supports": settings.supports,
        "runs": {arm.name: arm.n_runs for arm in compared.arms},
        "n_train": len(design.pool),
        "n_train_patients": design.pool.n_units,
        "classes": list(design.classes),
        "endpoint": {
            "declared": settings.endpoint,
            "metric": metric,
            "x": endpoint.x,
            "arm": first.name,
            "against": endpoint.against,
            "difference": declared.value,
            "difference_low": declared.low,
            "difference_high": declared.high,
        },
        "verdict": verdict(
            endpoint_sentence(declared, metric=metric, count=counted(endpoint.x, **about), **said),
            crossings,
            saved_sentence(saved[endpoint.against][place], **said, **about),
            n_patients=n_patients,
            n_supports=settings.supports,
            unit=unit,
        ),
        "crossings": crossings,
        "results": compared_rows(compared, design, supports=settings.supports),
        "differences": leads_rows(compared, over, metric=metric),
        "labels_saved": [
            {"arm": first.name, "against": name, "metric": metric, **vars(row)}
            for name, rows in saved.items()
            for row in rows
        ],
        "planning": {
            "metric": metric,
            "x": endpoint.x,
            "against": endpoint.against,
            "rows": half_widths(design, own, other, metric, patients=PLANNED, seed=settings.seed),
            "note": EXTRAPOLATES.format(n=n_patients, unit=unit),
        },
        "figure": "figure.png",
    }


def _draw(compared: Compared, result: dict[str, Any], out: Path) -> None:
    from sslecho.report.label_efficiency import draw_label_efficiency

    write_atomic(out / "figure.png", draw_label_efficiency(result, names=[arm.name for arm in compared.arms]))
