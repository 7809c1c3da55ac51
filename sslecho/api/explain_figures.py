"""What `explain` writes for people: five figures, the maps as arrays, and a row an item."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from sslecho.api.explain_items import Items
from sslecho.api.explain_maps import SLID, Mapped, in_turn, patients_in_turn
from sslecho.api.explain_occlusion import Named
from sslecho.api.explain_readers import Places
from sslecho.api.explain_shares import small
from sslecho.api.explain_subject import spread
from sslecho.metrics.intervals import too_few
from sslecho.report.confusion import confusion_counts, draw_confusion
from sslecho.report.explain_errors import Wrong, draw_errors
from sslecho.report.explain_maps import Shown, draw_maps
from sslecho.report.explain_occlusion import Way, draw_occlusion
from sslecho.report.explain_time import Course, draw_time
from sslecho.rundir import write_atomic, write_text
from sslecho.tasks.explain.hiding import hidden
from sslecho.tasks.explain.over_time import effective_frames, shares_of_frames, without_each_frame
from sslecho.tasks.explain.saliency import gradient
from sslecho.tasks.explain.subject import MeanOfFrames, Subject

ERRORS = 12
MOST_FRAMES = 16  # of a clip, in the figure over time
WAYS = (
    ("heart", "accuracy_heart", "{heart} covered", 1),
    ("heart", "accuracy_background", "as much background covered", 1),
    ("blank", "accuracy_blanked", "black outside the sector", 2),
    ("exchange", "accuracy_alike", "surroundings of the same label", 2),
    ("exchange", "accuracy_unlike", "surroundings of another label", 2),
)


class Figures:
    """Draws and writes the figures of one run; what lies outside a sector is in none of them, for it may be a name.

    Args:
        before: what the classifier says of every item.
        unit, split, level: in words, for footers.
    """

    def __init__(
        self,
        out: Path,
        subject: Subject,
        items: Items,
        places: Places,
        before: Named,
        *,
        unit: str,
        split: str,
        level: str,
    ):
        self._out, self._subject, self._items, self._places, self._before = out, subject, items, places, before
        self._unit, self._level, self._split = unit, level, split
        self._names = np.array(subject.classes, dtype=object)

    def maps(self, found: Mapped, *, shown: int) -> None:
        """The sheet, a class after the other."""
        chosen = self._of_classes(found, shown)
        rows = []
        for place in chosen.tolist():
            item, window = int(found.items[place]), self._items.windows[self._items.middle[found.items[place]]]
            middle = len(window) // 2
            row, outside = int(window[middle]), self._places.shows_outside[int(self._items.clips[item])]
            sector = small(self._places.sector_of(row), self._subject) > 0.5
            rows.append(
                Shown(
                    hidden(found.pictures[place, middle], self._visible(row)),
                    None if outside else sector,
                    sector if outside else None,
                    {name: of[place, middle] for name, of in found.maps.items()},
                    *self._said(item),
                )
            )
        title = f"Where the classifier looks in {len(rows)} of {len(self._items)} {self._level}s"
        png = draw_maps(rows, list(found.maps), title=title, footer=self._footer(), stamp=self._stamp())
        write_atomic(self._out / "maps.png", png)

    def occlusion(self, figures: dict[str, Any]) -> None:
        """Accuracies, with examples of one frame."""
        parts = {"heart": figures["heart"], **figures["outside"]}
        ways = [Way("as they are", *_interval(figures, "accuracy"), 0)]
        for part, name, words, group in WAYS:
            if name in parts[part]:
                ways.append(Way(words.format(heart=self._places.hearts.how), *_interval(parts[part], name), group))
        counts = ", ".join(
            f"{parts[part]['n']} {words}"
            for part, words in (("heart", "covered"), ("blank", "blanked"), ("exchange", "exchanged"))
            if parts[part]["n"]
        )
        title = "What covering parts of the pictures does to accuracy"
        footer = f"{self._footer()}{f' ({counts})' if counts else ''} · lines: 95 % intervals"
        png = draw_occlusion(ways, self._examples(), title=title, footer=footer, stamp=self._stamp())
        write_atomic(self._out / "occlusion.png", png)

    def confusion(self, accuracy: dict[str, Any]) -> None:
        truth, answers = self._items.labels, self._before.answers
        value, low, high = _interval(accuracy, "accuracy")
        interval = "" if low is None else f" ({low:.2f}–{high:.2f})"
        png = draw_confusion(
            confusion_counts(truth, answers, len(self._names)),
            self._names.tolist(),
            title=f"Accuracy {value:.2f}{interval}",
            footer=self._footer(),
            stamp=self._stamp(),
        )
        write_atomic(self._out / "confusion.png", png)

    def errors(self) -> int:
        """The worst errors, the worst one of every patient before the second of any; how many errors there are."""
        confidence = self._before.probabilities.max(1)
        wrong = np.flatnonzero(self._before.answers != self._items.labels)
        wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
        worst = in_turn(wrong, self._items.units)[:ERRORS]
        shown = [
            Wrong(
                self._picture(item),
                *self._said(item),
                float(self._before.probabilities[item, self._items.labels[item]]),
                float(self._before.uncertainty[item]),
            )
            for item in worst.tolist()
        ]
        title = f"The worst {len(shown)} of {len(wrong)} errors, each {self._unit} in turn"
        png = draw_errors(shown, title=title, footer=self._footer(), stamp=self._stamp())
        write_atomic(self._out / "errors.png", png)
        return len(wrong)

    def time(self, *, shown: int, seed: int) -> dict[str, Any] | None:
        """The course of saliency over clips of several frames; None where there are none, else what it amounts to."""
        windows = self._clips(seed=seed)
        if not windows:
            return None
        of_clips = self._subject.n_frames > 1
        network = self._subject.network if of_clips else MeanOfFrames(self._subject.network).eval()
        courses, effective, lengths = [], [], []
        for item, window in windows[: max(shown, 1)]:
            seen = self._subject.pictures(self._places.store.read, window[None])
            said = network(seen).argmax(1).detach()
            share = shares_of_frames(gradient(network, seen, said)[0].cpu().numpy())
            effective.append(effective_frames(share))
            lengths.append(len(window))
            fall = without_each_frame(network, seen[0], int(said[0]), says=self._subject.probabilities)
            weighs_most = int(share.argmax())
            picture = hidden(seen[0, weighs_most, 0].cpu().numpy(), self._visible(int(window[weighs_most])))
            courses.append(Course(*self._said(item), share, fall, picture))
        title = f"Which frames decide, in {len(courses)} clips"
        png = draw_time(courses, title=title, footer=self._footer(), stamp=self._stamp())
        write_atomic(self._out / "time.png", png)
        return {
            "n": len(courses),
            "frames": float(np.mean(lengths)),
            "effective_frames": float(np.mean(effective)),
        }

    def arrays(self, found: Mapped) -> None:
        """The maps as float16, by method, and a row an item that they are of."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            allow_pickle=False,
            **{name.replace("-", "_"): of.astype(np.float16) for name, of in scaled(found.maps).items()},
        )
        write_atomic(self._out / "maps.npz", buffer.getvalue())
        ids, frames = (self._items.table[name].to_pylist() for name in ("clip_id", "frame_index"))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["clip_id", "frame_index", "label", "prediction", "confidence", "explained"])
        frame_index = self._places.store.frames["frame_index"].to_numpy()
        for place, item in enumerate(found.items.tolist()):
            window = self._items.windows[self._items.middle[item]]
            label, answer, confidence = self._said(item)
            shown = int(frame_index[window[len(window) // 2]]) if self._level == "clip" else frames[item]
            explained = self._names[found.explained[place]]
            writer.writerow([ids[item], shown, label, answer, f"{confidence:.4f}", explained])
        write_text(self._out / "maps.csv", text.getvalue())

    def _clips(self, *, seed: int) -> list[tuple[int, Int64[np.ndarray, " t"]]]:
        """Items with a window over several frames of them, patients in turn."""
        if self._level == "frame":
            return []
        found = []
        for item in patients_in_turn(self._items.units, seed=seed).tolist():
            if self._subject.n_frames > 1:
                window = self._items.windows[self._items.middle[item]]
            else:
                window = spread(self._items.rows_of(item), MOST_FRAMES)
            if len(np.unique(window)) > 1:
                found.append((item, window))
        return found

    def _of_classes(self, found: Mapped, most: int) -> Int64[np.ndarray, " k"]:
        """Places in `found` that have all maps, the first of every class before the second of any."""
        return patients_in_turn(self._items.labels[found.items[:SLID]], seed=0)[:most]

    def _examples(self) -> list[tuple[str, np.ndarray]]:
        """One frame as it is and covered; of the first item that can be covered."""
        for item in range(len(self._items)):
            row = int(self._items.windows[self._items.middle[item]][self._subject.n_frames // 2])
            if self._places.pair(row) is not None:
                readers = [
                    ("as it is", self._places.store.read),
                    ("heart covered", self._places.covering("heart")),
                    ("background covered", self._places.covering("background")),
                ]
                visible = self._places.visible(row)
                return [(name, read(np.array([row]))[0] * visible) for name, read in readers]
        return []

    def _picture(self, item: int) -> np.ndarray:
        row = int(self._items.windows[self._items.middle[item]][self._subject.n_frames // 2])
        return hidden(self._places.store.read(np.array([row]))[0].astype(np.float64) / 255, self._places.visible(row))

    def _visible(self, row: int) -> np.ndarray:
        """Of what the network sees, what a figure may show."""
        return small(self._places.visible(row), self._subject) > 0.5

    def _said(self, item: int) -> tuple[str, str, float]:
        probabilities = self._before.probabilities[item]
        answer = int(probabilities.argmax())
        return str(self._names[self._items.labels[item]]), str(self._names[answer]), float(probabilities[answer])

    def _footer(self) -> str:
        return f"n = {len(self._items):,} {self._level}s · {self._items.n_units:,} {self._unit}s · split: {self._split}"

    def _stamp(self) -> str | None:
        grouped = None if self._unit == "patient" else f"groups = {self._unit}s"
        return "; ".join(word for word in (grouped, too_few(self._items.n_units, unit=self._unit)) if word) or None


def scaled(maps: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Each item's maps so that the highest value is 1: small gradients are 0 in half precision."""
    tops = {name: of.max((1, 2, 3), keepdims=True) for name, of in maps.items()}
    return {name: np.divide(of, tops[name], out=np.zeros_like(of), where=tops[name] > 0) for name, of in maps.items()}


def _interval(row: dict[str, Any], name: str) -> tuple[float, float | None, float | None]:
    return row[name], row[f"{name}_low"], row[f"{name}_high"]
