"""Was the training worth it? The trained encoder beside others that never saw these frames, on validation patients.

The endpoint is named here, before any run: balanced accuracy of validation clips by the five nearest training clips of
other patients (`train/health.py`). The comparison that the verdict speaks of is with the encoder that the run began
with; the others stand beside it. Intervals resample the validation patients, the same for all encoders; how much
another seed would change is not in them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sslecho.api.pretrain_watch import Watched
from sslecho.data.store import Store
from sslecho.embed.embed import Encodes
from sslecho.errors import InputError
from sslecho.metrics.intervals import Interval, too_few
from sslecho.metrics.paired import paired_accuracy
from sslecho.models.baselines import PixelEncoder, random_encoder
from sslecho.models.encoder import Encoder
from sslecho.models.weights import load_encoder
from sslecho.rundir import read_json, write_json
from sslecho.train.health import embed_rows, neighbors_right

UNTRAINED, STARTED, PIXELS = "untrained", "weights", "pixels"
WORDS = {UNTRAINED: "the untrained encoder", STARTED: "the encoder that it began with", PIXELS: "raw pixels"}


def named_baselines(texts: tuple[str, ...]) -> dict[str, Encoder]:
    """The frozen encoders of `--baseline NAME=FOLDER`, read before the run so that a mistake is found at once.

    Raises:
        InputError: a text that does not read so, a name that is taken, or no encoder there.
    """
    found: dict[str, Encoder] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or not path or name in (*WORDS, *found) or not re.fullmatch(r"[\w-]+", name):
            raise InputError(
                f"--baseline {text!r} must read NAME=FOLDER with a name of its own that is none of "
                f"{', '.join(WORDS)}, such as dinov3=folder"
            )
        found[name] = load_encoder(path, option=f"--baseline {name}")
    return found


def others(
    trained: Encoder, started: Encoder | None, baselines: Mapping[str, Encoder], seed: int
) -> dict[str, Encodes]:
    """What the trained encoder is compared with; the first one is what the verdict speaks of.

    Args:
        started: the encoder with the weights that it began with, where they were given.
        seed: of the run: the untrained encoder has the weights that the run would have begun with.
    """
    first = {} if started is None else {STARTED: started}
    return {**first, UNTRAINED: random_encoder(trained, seed=seed), PIXELS: PixelEncoder(), **baselines}


def judge(
    store: Store,
    seen: Watched,
    trained: Encodes,
    compared: Mapping[str, Encodes],
    *,
    seed: int,
    device: torch.device,
    unit: str,
) -> dict[str, Any]:
    """The verdict and its figures, for a result.

    Returns:
        `verdict` in words; `knn_accuracy`, its `_low` and `_high`; `knn_n` clips of `knn_n_patients` patients were
        asked; and `baselines`, by name the same with `difference`, how far the trained encoder is above it, and a
        `verdict` of its own. Where nothing can be told, figures and baselines are None and the verdict has the cure.
    """
    if seen.problem is not None:
        return {"verdict": f"can't tell: {seen.problem}", "knn_accuracy": None, "baselines": None}
    sample = seen.sample
    right = []
    for network in (trained, *compared.values()):
        if isinstance(network, torch.nn.Module):
            network.to(device).eval()
        embedded = embed_rows(store.read, sample.rows, network.encode, device)
        right.append(neighbors_right(sample, embedded, device))
        if isinstance(network, torch.nn.Module):
            network.to("cpu")
    found = paired_accuracy(
        sample.labels[sample.asked],
        np.stack(right, axis=1),
        unit_ids=sample.units[sample.asked],
        rng=np.random.default_rng(seed),
    )
    warning = too_few(found.accuracy[0].n_units, unit=unit)
    baselines = {
        name: {
            **_figures("knn_accuracy", accuracy),
            **_figures("difference", lead),
            "hash": compared[name].hash(),
            "verdict": in_words(lead, WORDS.get(name, name), unit=unit),
        }
        for name, accuracy, lead in zip(compared, found.accuracy[1:], found.difference[1:], strict=True)
    }
    verdict = baselines[next(iter(compared))]["verdict"]
    return {
        "verdict": verdict if warning is None else f"{verdict}; {warning}",
        **_figures("knn_accuracy", found.accuracy[0]),
        "knn_n": int(sample.asked.sum()),
        "knn_n_patients": found.accuracy[0].n_units,
        "baselines": baselines,
    }


def judge_again(
    store: Store,
    seen: Watched,
    trained: Encoder,
    out: Path,
    baselines: Mapping[str, Encoder],
    *,
    started: Encoder | None,
    seed: int,
    **how: Any,
) -> None:
    """Score a finished run anew where baselines are given that its result does not have.

    Raises:
        SslechoError: the disk is full.
    """
    result = read_json(out / "result.json")
    known = {row["hash"] for row in (result.get("baselines") or {}).values()}
    if seen.problem is None and any(network.hash() not in known for network in baselines.values()):
        compared = others(trained, started, baselines, seed)
        judged = judge(store, seen, trained, compared, seed=seed, **how)
        judged["baselines"] = {**(result.get("baselines") or {}), **judged["baselines"]}  # those of earlier calls stay
        write_json(out / "result.json", {**result, **judged})


def in_words(lead: Interval, other: str, *, unit: str) -> str:
    """A plain sentence: better, worse, or not shown to be better.

    Args:
        lead: how far the trained encoder is above the other.
        unit: what the interval resamples: "patient", "sweep" or "clip".
    """
    word = "better than" if lead.low > 0 else "worse than" if lead.high < 0 else "not shown to be better than"
    low, high = _signed(lead.low), _signed(lead.high)
    return f"{word} {other} ({_signed(lead.value)}, {low} to {high}, {lead.n_units} {unit}s)"


def _signed(value: float) -> str:
    """A share with its sign and without its leading zero: +.12."""
    return f"{value:+.2f}".replace("0.", ".", 1)


def _figures(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
