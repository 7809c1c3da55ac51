"""Burned-in text against ingest: does one pixel of what is written beside the sector survive?

    python benchmarks/quality/identity.py [--quick] [--seed 10000]

A simulated archive in DICOM (twelve layouts of burned-in text, every device) goes through `sslecho ingest` in full,
b-mode alone and then every kind. The simulator knows each pixel that text or graphics painted outside the sector; a
stored pixel that any of them falls on must be black. Clips that ingest refuses are counted: refusing leaks nothing,
but loses the clip. Of kinds that are taken on request alone (spectra, M-mode, panes) panels are kept whole: what is
written over a trace stays, and such clips say `text_inside`.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from sslecho import ingest, phantom
from sslecho.data.identity import read_sources
from sslecho.data.letterbox import Letterbox
from sslecho.data.store import Store

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish

LEVEL = 85  # of a kind of glyph in the truth's pictures: 1 graphics, 2 text, 3 text that names someone
IDENTITY = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few patients, for a test")
    parser.add_argument("--seed", type=int, default=10_000)
    parser.add_argument("--patients", type=int, default=None)
    arguments = parser.parse_args()
    patients = arguments.patients or (8 if arguments.quick else 120)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive"
        phantom(archive, kind="archive", patients=patients, format="dicom", frames=8, seed=arguments.seed)
        clips = []
        for kinds in ("b-mode", "all"):
            store = ingest(archive, Path(folder) / kinds, layout="none", patient_from="dicom", kinds=kinds, size=256)
            assert store is not None
            clips += [{**clip, "kinds": kinds} for clip in survivors(store, archive)]
    rows = []
    for key in ("layout", "device", "kind"):
        groups = defaultdict(list)
        for clip in clips:
            groups[clip["kinds"], clip[key]].append(clip)
        rows += [{"kinds": kinds, "by": key, "what": what, **_summed(group)} for (kinds, what), group in groups.items()]
    by_default = _summed([clip for clip in clips if clip["kinds"] == "b-mode"])
    on_request = _summed([clip for clip in clips if clip["kinds"] == "all"])
    finish(
        "identity",
        ratios={
            "surviving_pixels": by_default["any_glyph"],
            "surviving_pixels_of_names": by_default["identity"],
            "surviving_pixels_of_names_all_kinds": on_request["identity"],
        },
        rows=sorted(rows, key=lambda row: (row["kinds"], row["by"], str(row["what"]))),
        seeds=[arguments.seed],
    )


def survivors(store: Store, archive: Path) -> list[dict]:
    """For each source clip: its layout, device and kind, whether it is in the store, and surviving glyph pixels."""
    truth = archive.with_name(archive.name + ".truth")
    rows_of = {row["path"]: row for row in read_sources(store.path).to_pylist()}
    place_of = {clip_id: place for place, clip_id in enumerate(store.clips["clip_id"].to_pylist())}
    found = []
    for file in sorted((truth / "clips").glob("*.json")):
        record = json.loads(file.read_text(encoding="utf-8"))
        row = record["rows"][0]
        clip = {"layout": record["layout"], "device": row["device"], "kind": row["kind"], "glyphs": 0}
        clip_id = rows_of[row["path"]]["clip_id"]
        clip |= {"taken": clip_id is not None, "any_glyph": 0, "identity": 0}
        if clip_id is not None:
            glyphs = np.asarray(Image.open(truth / "glyphs" / f"{file.stem}-outside.png")) // LEVEL
            clip["glyphs"] = int((glyphs > 0).sum())
            sector = np.asarray(Image.open(truth / "sectors" / f"{file.stem}.png"))
            stored = brightest(store, place_of[clip_id])
            hit = landed(store, place_of[clip_id], glyphs, sector)
            clip["any_glyph"] = int(sum(stored[y, x] > 0 for y, x, _ in hit))
            clip["identity"] = int(sum(stored[y, x] > 0 for y, x, kind in hit if kind == IDENTITY))
        found.append(clip)
    return found


def brightest(store: Store, place: int) -> np.ndarray:
    """The largest value of each stored pixel over a clip's frames."""
    first, n = store.clips["first_frame"][place].as_py(), store.clips["n_frames"][place].as_py()
    return store.read(np.arange(first, first + n)).max(axis=0)


def landed(store: Store, place: int, glyphs: np.ndarray, sector: np.ndarray) -> list[tuple[int, int, int]]:
    """(row, column, kind) in the stored picture of each source pixel that a glyph painted and that was not cropped.

    Stored pixels that show a part of the true sector, too, or touch one that does, are left out: what lights them may
    be tissue.
    """
    frame = store.clips["first_frame"][place].as_py()
    crop = [store.frames[name][frame].as_py() for name in ("crop_x0", "crop_y0", "crop_x1", "crop_y1")]
    box = Letterbox((crop[0], crop[1], crop[2], crop[3]), store.frame_shape)
    tissue = ndimage.binary_dilation(box(sector) > 0, np.ones((3, 3)))
    ys, xs = np.nonzero(glyphs)
    places = box.to_stored(np.stack([xs, ys], axis=1) + 0.5).astype(int)
    inside = ((places >= 0) & (places < np.array(store.frame_shape)[::-1])).all(axis=1)
    columns, rows = places[inside].T
    kinds = glyphs[ys[inside], xs[inside]]
    free = ~tissue[rows, columns]
    return list(zip(rows[free].tolist(), columns[free].tolist(), kinds[free].tolist(), strict=True))


def _summed(clips: list[dict]) -> dict:
    taken = [clip for clip in clips if clip["taken"]]
    return {
        "clips": len(clips),
        "taken": len(taken),
        "glyph_pixels": sum(clip["glyphs"] for clip in taken),
        "any_glyph": int(sum(clip["any_glyph"] for clip in taken)),
        "identity": int(sum(clip["identity"] for clip in taken)),
        "clips_with_identity": sum(clip["identity"] > 0 for clip in taken),
    }


if __name__ == "__main__":
    main()
