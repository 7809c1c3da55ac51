"""What `clustering.py` clusters: simulated fetal planes, the fan shown and hidden, real lungs and breasts, embedded.

A fan is hidden by cutting each picture to the largest square inside its sector: then every picture is full, and no
outline, depth scale or corner tells the probe. What the probe does to the speckle stays.
"""

import csv
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from methods_arms import RESNET
from methods_arms import make_store as make_heart_or_lung_store
from PIL import Image
from scipy.ndimage import distance_transform_cdt

import sslecho
from sslecho.api.pretrain_frames import training_rows
from sslecho.data.store import Store
from sslecho.models.baselines import random_encoder
from sslecho.phantom.sizes import FETAL_WOMEN, SIZES

STORED, RENDERED = 96, 128  # sides of the stored and of the simulated pictures
FANS = ("shown", "hidden")
VAL_EVERY = 7  # of the women of the training half, every seventh is for choosing by
BATCH = 32
LEARNING: dict[str, Any] = {
    **RESNET,  # as methods.py: the smallest, for minutes of a slow core
    "batch_size": BATCH,
    "temperature": 0.2,
    "min_area": 0.6,
    "device": "cpu",
    "workers": 1,
}
OF_DATA: dict[str, dict[str, Any]] = {
    "fetal": {"policy": "fetal"},
    "lung": {"policy": "lung", "positives": "clip"},
    "breast": {"policy": "simclr"},  # no policy is the breast's own
}
FEATURES = ("simclr", "untrained", "pixels")
TIMED_EPOCHS = (1, 3)  # their difference is what epochs cost


def women_of(scale: float) -> int:
    """Patients at a scale of FETAL_PLANES_DB, never fewer than its classes allow."""
    return max(SIZES["fetal_planes"].fewest, round(FETAL_WOMEN * scale))


def store_path(folder: Path, data: str, fan: str, seed: int, scale: float) -> Path:
    """Where `make_stores` puts a store. Real pictures are as they are, "shown"."""
    return folder / f"lung-{seed}" if data == "lung" else folder / f"{data}-{fan}-{seed}-{scale:g}"


def make_stores(data: str, seed: int, folder: Path, *, source: Path | None, scale: float) -> None:
    """The stores of one data set and seed, split by patient, one for each fan; made once, kept in `folder`.

    Args:
        data: "fetal", "lung" or "breast".
        folder: of this data set and seed.
        source: the folder that holds the real data sets.
    """
    if data == "lung":
        assert source is not None
        make_heart_or_lung_store("lung", seed, folder, lung=source / "pocus_lung", patients=0)
        return
    raw = folder / "unfinished"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    if data == "breast":
        assert source is not None
        images = source / "busi256"
        how: dict[str, Any] = {"labels": str(images / "manifest.csv"), "patient_from": "unknown", "sector": "off"}
        sslecho.ingest(images, raw / "shown", size=STORED, doubtful="keep", workers=1, **how)
        # Nobody knows whose the pictures are: a woman's own may be on both sides.
        sslecho.split(raw / "shown", test=0.4, val=0.15, by="clip", seed=seed, overwrite=True)
    else:
        archive = raw / "archive"
        how = {"sizes": "fetal_planes", "patients": women_of(scale), "size": RENDERED, "overlays": False, "workers": 1}
        sslecho.phantom(archive, seed=seed, **how)
        with_validation(archive / "labels.csv")
        labels = str(archive / "labels.csv")
        for fan, sector in (("shown", "mask"), ("hidden", "off")):
            if fan == "hidden":
                hide_fans(archive)
            # All kinds: a picture without a fan may not look like b-mode.
            how = {"labels": labels, "sector": sector, "kinds": ("all",), "doubtful": "keep"}
            sslecho.ingest(archive, raw / fan, size=STORED, workers=1, **how)
    for fan in FANS[::-1]:  # where the first is, all are
        if (raw / fan).exists():
            (raw / fan).rename(store_path(folder, data, fan, seed, scale))
    shutil.rmtree(raw)


def with_validation(labels: Path) -> None:
    """Take a part of the women of the training half for validation; the published halves stay."""
    with labels.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = set(sorted({row["patient"] for row in rows if row["split"] == "train"})[::VAL_EVERY])
    with labels.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "split": "val" if row["patient"] in chosen else row["split"]} for row in rows)


def hide_fans(archive: Path) -> None:
    """Cut every picture of an archive of stills to the largest square inside its sector."""
    with (archive / "labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            sector = archive.with_name(archive.name + ".truth") / "sectors" / f"{row['clip']}.png"
            top, left, side = largest_square(np.asarray(Image.open(sector)) > 0)
            path = archive / row["path"]
            picture = Image.open(path)
            picture.crop((left, top, left + side, top + side)).save(path)


def largest_square(mask: Bool[np.ndarray, "h w"]) -> tuple[int, int, int]:
    """Top, left and side of the largest square of odd side inside a mask.

    A square of side 2 r - 1 lies around a pixel whose distance to the outside is r, counted as a king moves.
    """
    reach = distance_transform_cdt(np.pad(mask, 1), metric="chessboard")[1:-1, 1:-1]
    row, column = np.unravel_index(int(reach.argmax()), reach.shape)
    r = int(reach[row, column])
    return int(row) - r + 1, int(column) - r + 1, 2 * r - 1


def step_seconds(data: str, store: Store, folder: Path) -> float:
    """Processor seconds of a step of pretraining."""
    # Once before the clock runs: a process that is new pays for its imports first.
    sslecho.pretrain(store, folder / "warm", epochs=1, seed=0, **LEARNING, **OF_DATA[data])
    spent = []
    for epochs in TIMED_EPOCHS:
        began = time.process_time()
        sslecho.pretrain(store, folder / str(epochs), epochs=epochs, seed=0, **LEARNING, **OF_DATA[data])
        spent.append(time.process_time() - began)
    return (spent[1] - spent[0]) / ((TIMED_EPOCHS[1] - TIMED_EPOCHS[0]) * steps_an_epoch(store))


def steps_an_epoch(store: Store) -> int:
    """Steps of one pass over the frames of train and val."""
    return max(1, len(training_rows(store, False)[0]) // BATCH)


def make_features(data: str, store: Store, out: Path, *, seed: int, budget_s: float, step_s: float) -> None:
    """Embeddings of a store by FEATURES, in a folder of each name, and how long was learned; done when `out` is there.

    Args:
        budget_s: processor seconds of pretraining.
        step_s: what a step takes.
    """
    if out.exists():
        return
    raw = out.with_name(out.name + ".unfinished")
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    epochs = max(1, round(budget_s / (step_s * steps_an_epoch(store))))
    learned = sslecho.pretrain(store, raw / "run", epochs=epochs, seed=seed, **LEARNING, **OF_DATA[data])
    encoders = {"simclr": learned, "untrained": random_encoder(learned, seed=seed), "pixels": "pixels"}
    for name in FEATURES:
        sslecho.embed(store, raw / name, encoder=encoders[name], device="cpu", workers=1)
    shutil.rmtree(raw / "run")
    (raw / "epochs").write_text(f"{epochs}\n", encoding="utf-8")
    raw.rename(out)
