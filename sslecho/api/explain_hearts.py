"""Where the heart is in each frame: from a phantom's truth, from masks of the user's own, from a box, or guessed."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64, UInt8
from PIL import Image

from sslecho.api.explain_settings import ExplainSettings
from sslecho.data.identity import read_sources
from sslecho.data.letterbox import Letterbox
from sslecho.data.store import Store
from sslecho.errors import InputError, NounError
from sslecho.phantom.tissues import STRUCTURE_NUMBER
from sslecho.rundir import read_json
from sslecho.tasks.explain.masks import box, central

# Of a phantom's structures those that a cardiologist means by the heart and the great vessels.
HEART = (
    "myocardium", "rv_wall", "lv", "rv", "la", "ra", "aorta", "pulmonary_artery", "vein", "ivc", "mitral", "tricuspid",
    "aortic_valve", "pulmonary_valve", "chordae", "papillary", "moderator_band", "pericardium", "atrial_wall",
    "vessel_wall", "vein_wall", "effusion", "calcium", "wire", "epicardial_fat", "descending_aorta", "fetal_heart",
    "fetal_ventricle", "fetal_atrium",
)  # fmt: skip


class Hearts:
    """The part of each frame that is covered.

    Attributes:
        how: in words, for results and figures.
        truth: the label maps, where there are such.
        by_frame: whether the heart moves from frame to frame of a clip.
    """

    def __init__(
        self,
        how: str,
        of: Callable[[int, Bool[np.ndarray, "h w"]], Bool[np.ndarray, "h w"] | None],
        truth: "Truth | None" = None,
    ):
        self.how, self._of, self.truth, self.by_frame = how, of, truth, truth is not None

    def of(self, row: int, sector: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
        """Of a frame, by its row in the store; None where nobody knows."""
        return self._of(row, sector)


class Truth:
    """The label maps of a phantom's clips, in stored pixels.

    Args:
        folder: the truth of the archive that the store was made of.

    Raises:
        InputError: it is no truth, has no label maps, or is of other clips.
    """

    def __init__(self, folder: Path, store: Store):
        self._store, self._folder = store, folder
        self._clip_of_frame = store.clip_of_frame
        self._frame_index = store.frames["frame_index"].to_numpy()
        crops = [store.frames[f"crop_{corner}"].to_numpy() for corner in ("x0", "y0", "x1", "y1")]
        self._crops = np.stack(crops, axis=1)
        if not (folder / "clips").is_dir():
            raise InputError(f"--truth {folder} is no truth of a phantom (no folder clips); name ARCHIVE.truth")
        if not (folder / "labels").is_dir():
            raise InputError(f"--truth {folder} has no label maps; run `sslecho phantom` with --masks labels")
        self._names = self._names_of(store, folder)
        self._last: tuple[str, UInt8[np.ndarray, "n h w"]] = ("", np.empty((0, 0, 0), np.uint8))

    def of(self, row: int) -> UInt8[np.ndarray, "h w"] | None:
        """The number of the structure in each stored pixel, 0 outside the sector; None where there is no map."""
        name = self._names[self._clip_of_frame[row]]
        if name is None:
            return None
        maps = self._maps(name)
        x0, y0, x1, y1 = self._crops[row].tolist()
        letterbox = Letterbox((x0, y0, x1, y1), self._store.frame_shape)
        y, x = (np.arange(length) + 0.5 for length in self._store.frame_shape)
        columns = np.floor((x - letterbox.margin[1]) / letterbox.scale).astype(np.int64) + x0
        lines = np.floor((y - letterbox.margin[0]) / letterbox.scale).astype(np.int64) + y0
        found = maps[min(int(self._frame_index[row]), len(maps) - 1)]
        inside_x, inside_y = (columns >= x0) & (columns < x1), (lines >= y0) & (lines < y1)
        taken = found[np.clip(lines, 0, found.shape[0] - 1)][:, np.clip(columns, 0, found.shape[1] - 1)]
        return np.where(inside_y[:, None] & inside_x[None], taken, 0).astype(np.uint8)

    def _maps(self, name: str) -> UInt8[np.ndarray, "n h w"]:
        if self._last[0] != name:  # a clip's frames are asked for together
            path = self._folder / "labels" / f"{name}.npz"
            try:
                with np.load(path) as content:
                    self._last = name, content["labels"]
            except (OSError, ValueError, KeyError, zipfile.BadZipFile):
                raise InputError(f"--truth: {path} can't be read; make the phantom anew") from None
        return self._last[1]

    @staticmethod
    def _names_of(store: Store, folder: Path) -> list[str | None]:
        """The phantom's own name of each clip of the store, by way of the files that it was ingested from."""
        try:
            sources = read_sources(store.path).to_pylist()
        except NounError as error:
            raise InputError(f"--truth needs to know which file each clip comes from: {error}") from None
        by_path = {}
        for record in sorted((folder / "clips").glob("*.json")):
            if (folder / "labels" / f"{record.stem}.npz").exists():
                by_path |= {row["path"]: record.stem for row in read_json(record)["rows"]}
        by_clip = {source["clip_id"]: by_path.get(source["path"]) for source in sources if source["path"] in by_path}
        names = [by_clip.get(clip_id) for clip_id in store.column("clip_id")]
        if not any(names):
            raise InputError(
                f"--truth {folder} has no label map of any clip of {store.path}; is it of another archive?"
            )
        return names


def hearts_of(store: Store, settings: ExplainSettings) -> Hearts:
    """What the user has named, or the sector's middle.

    Raises:
        InputError: several are named, or what is named can't be used.
    """
    named = [f"--{name}" for name in ("truth", "masks", "box") if getattr(settings, name)]
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)} both say where the heart is; name one of them")
    if settings.structures and not settings.truth:
        raise InputError("--structures are those of a phantom's truth; name it with --truth ARCHIVE.truth")
    if settings.truth:
        return _of_truth(Truth(Path(settings.truth), store), settings.structures)
    if settings.masks:
        return Hearts("a mask of the user's", _of_masks(Path(settings.masks), store))
    if settings.box:
        corners = settings.box
        if len(corners) != 4 or not (corners[0] < corners[2] and corners[1] < corners[3]):
            given = ",".join(f"{value:g}" for value in corners)
            raise InputError(f"--box {given} must be x0,y0,x1,y1 with x0 < x1 and y0 < y1, as shares of the picture")
        mask = box(store.frame_shape, (corners[0], corners[1], corners[2], corners[3]))
        return Hearts("a box of the user's", lambda row, sector: mask)
    return Hearts("the sector's middle", lambda row, sector: central(sector))


def _of_truth(truth: Truth, structures: tuple[str, ...]) -> Hearts:
    if unknown := sorted(set(structures) - set(STRUCTURE_NUMBER)):
        raise InputError(
            f"--structures {', '.join(unknown)}: no such structure; there are: {', '.join(STRUCTURE_NUMBER)}"
        )
    numbers = np.array([STRUCTURE_NUMBER[name] for name in structures or HEART], np.uint8)

    def of(row: int, sector: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
        found = truth.of(row)
        return None if found is None else np.isin(found, numbers)

    return Hearts(f"{', '.join(structures) if structures else 'the heart'} of the truth", of, truth)


def _of_masks(folder: Path, store: Store) -> Callable[[int, Bool[np.ndarray, "h w"]], Bool[np.ndarray, "h w"] | None]:
    if not folder.is_dir():
        raise InputError(f"--masks {folder} is no folder; it must hold CLIP_ID.png for clips of the store")
    clip_ids = store.column("clip_id")
    files = {clip_id: folder / f"{clip_id}.png" for clip_id in clip_ids if (folder / f"{clip_id}.png").exists()}
    if not files:
        raise InputError(f"--masks {folder} has no CLIP_ID.png of any clip of {store.path}")
    clip_of_frame: Int64[np.ndarray, " n"] = store.clip_of_frame

    def of(row: int, sector: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
        path = files.get(clip_ids[clip_of_frame[row]])
        if path is None:
            return None
        try:
            with Image.open(path) as picture:
                mask = np.asarray(picture.convert("L")) > 0
        except OSError:
            raise InputError(f"--masks: {path} is no picture; write a PNG") from None
        if mask.shape != store.frame_shape:
            height, width = store.frame_shape
            raise InputError(
                f"--masks: {path} is {mask.shape[1]} x {mask.shape[0]} pixels, and stored frames are {width} x {height}"
            )
        return mask

    return of
