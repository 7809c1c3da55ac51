"""A model card: what a run made, from what, how good it is on whom, and where not to trust it (Mitchell et al. 2019).

The same card stands on the report page and beside an exported model. Nothing in it leads to a person: counts and
hashes, never ids or paths.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sslecho.errors import NounError
from sslecho.metrics.intervals import FEW_UNITS
from sslecho.report.model_card_figures import Table, figures_table, per_class_table
from sslecho.report.run_folder import Run
from sslecho.report.wording import DASH, hashes_in_words, sentence, settings_in_words

MAKES = {
    "pretrain": "an encoder of ultrasound frames, pretrained without labels",
    "cluster": "clusters of embeddings, fitted without labels",
    "propagate": "labels spread from a few to an archive; nothing was fitted that names new files",
    "probe": "a classifier on frozen embeddings",
    "finetune": "a classifier: an encoder fine-tuned with labels, and its head",
    "view": "a classifier of clips",
    "grade": "a grader of image quality: an encoder and its head",
}
LICENSE = (
    "The software that made this is under the Apache License 2.0. That says nothing of the weights: they carry what "
    "the frames and labels that they were made of allow, which no run records. Settle that before passing them on."
)
NO_DEVICE = (
    "For research. This is not a medical device; it has not been tested in clinical use, and no decision about a "
    "patient may rest on it."
)
# Pairs of a name and a value.
Pairs = list[tuple[str, Any]]


@dataclass(frozen=True)
class CardSection:
    """A part of a card: facts, a paragraph each of `points`, and tables; any may be empty."""

    title: str
    facts: Pairs
    points: list[str]
    tables: list[Table]


@dataclass(frozen=True)
class Card:
    """A model card; make it with `model_card`.

    Attributes:
        title: what the model is.
        summary: one paragraph.
        sections: in the order of reading.
    """

    title: str
    summary: str
    sections: list[CardSection]

    def to_markdown(self) -> str:
        """The card as Markdown, with everything that came from a user escaped."""
        parts = [f"# {_plain(self.title)}", _plain(self.summary)]
        for section in self.sections:
            parts.append(f"## {_plain(section.title)}")
            if section.facts:
                parts.append("\n".join(f"- {_plain(name)}: {_plain(_said(value))}" for name, value in section.facts))
            if section.points:
                parts.append("\n".join(f"- {_plain(point)}" for point in section.points))
            parts += [_markdown_table(table) for table in section.tables]
        return "\n\n".join(parts) + "\n"


def model_card(run: Run | Path | str) -> Card:
    """The card of what a run made.

    Args:
        run: a finished run of a command that learns: pretrain, cluster, probe, finetune, view or grade.

    Raises:
        NounError: no run there, one that is not finished, or one that makes no model.
    """
    run = run if isinstance(run, Run) else Run.read(run)
    if not run.done:
        raise NounError(
            f"{run.path} is not finished; run the same `sslecho {run.command}` again, it goes on from where it stopped"
        )
    if run.command not in MAKES:
        raise NounError(
            f"{run.path} holds the result of `sslecho {run.command}`, which makes no model; name a folder of "
            f"{', '.join(MAKES)}"
        )
    sections = [
        CardSection("Model", _model(run), [], []),
        CardSection("Use", [], [NO_DEVICE, _use(run)], []),
        CardSection("Data", _data(run), _data_points(run), []),
        CardSection("Training", settings_in_words(_training(run)), [], []),
        CardSection("Figures", [], _figure_points(run), [t for t in (figures_table(run), per_class_table(run)) if t]),
        CardSection("Limits", [], limits(run), []),
        CardSection("License", [], [LICENSE, *_license_of_weights(run)], []),
        CardSection("Provenance", _provenance(run), [], []),
    ]
    title = f"Model card: {MAKES[run.command]}"
    return Card(title, _summary(run), [s for s in sections if s.facts or s.points or s.tables])


def limits(run: Run) -> list[str]:
    """Why not to trust the figures further than they go, the run's own warnings first."""
    points = [sentence(str(warning)) for warning in run.result.get("warnings") or []]
    if run.stamp:
        points.append(sentence(run.stamp))
    n = run.result.get("n_patients")
    if isinstance(n, int) and n < FEW_UNITS and not any(str(n) in point and "narrow" in point for point in points):
        points.append(f"Only {n} {run.unit}s: an interval over fewer than {FEW_UNITS} is too narrow to trust.")
    if run.result.get("split") == "all":
        points.append("There are no splits: it was judged on what it learned from.")
    points.append(
        "One run with one seed. Intervals hold for other patients of the same sources; devices, sites, views and "
        "people that these data lack were not tested."
    )
    return points


def _summary(run: Run) -> str:
    made = sentence(MAKES[run.command])
    n, patients = run.result.get("n"), run.result.get("n_patients")
    split = str(run.result.get("split") or "all")
    if n is None:
        return made
    items = "clip" if run.command in ("pretrain", "embed") else run.level
    where = {"all": "everything there is"}.get(split, f"split {split}")
    verb = "Trained on" if run.command == "pretrain" else "Judged on"
    return f"{made} {verb} {where}: {n:,} {items}s of {patients:,} {run.unit}s."


def _model(run: Run) -> Pairs:
    config = run.encoder
    cfg = _inner(config, "pretrained_cfg")
    size = cfg.get("input_size")
    model, result = run.model, run.result
    sets = model.get("conformal")
    gray = f"{cfg['mean'][0]:.4g}, {cfg['std'][0]:.4g}" if cfg.get("mean") else None
    pairs: Pairs = [
        ("made by", f"sslecho {run.command}"),
        ("method", run.identity.get("method")),
        ("architecture", config.get("architecture") or run.identity.get("backbone")),
        ("clip network", result.get("arch")),
        ("dimensions of an embedding", config.get("num_features")),
        ("input", None if not size else f"{size[0]} channel, {size[1]} × {size[2]} pixels, letterboxed"),
        ("mean and spread of gray levels", gray),
        ("kind", result.get("kind")),
        ("classes", list(result.get("classes") or ())),
        ("scale of grades", None if not result.get("scale") else f"{result['scale'][0]} to {result['scale'][1]}"),
        ("views", result.get("views")),
        ("numbers of clusters", run.meta.get("ks")),
        ("temperature", None if result.get("temperature") is None else f"{result['temperature']:.3g}"),
        ("sets of classes", None if not sets else f"hold the truth for at least {100 * sets['level']:g} % of new "
         f"{run.unit}s, fitted on {sets['n_patients']}"),
    ]  # fmt: skip
    return [(name, value) for name, value in pairs if value not in (None, [], "")]


def _use(run: Run) -> str:
    what = {
        "pretrain": "Use it to embed frames of ultrasound like those it was trained on, and to start training from.",
        "cluster": "Use it to sort an archive for people to look at: clusters carry no name until somebody gives one.",
        "grade": "Use it to sort frames by quality on the scale above, for views and machines like those it learned.",
    }
    return what.get(
        run.command, "Use it to sort and name clips of the classes above; it gives one of them to any clip."
    )


def _data(run: Run) -> Pairs:
    result, store = run.result, run.store
    pairs: Pairs = [
        ("learned from", _n(result.get("n_train"), run.level, result.get("n_train_patients"), run.unit)),
        (
            "trained on" if run.command == "pretrain" else "judged on",
            _n(result.get("n"), "clip" if run.command == "pretrain" else run.level, result.get("n_patients"), run.unit),
        ),
        ("split", result.get("split")),
        ("frames trained on", result.get("n_frames")),
        ("independent unit", run.unit),
    ]
    if store is not None:
        splits = [name for name in store.column("split").tolist() if name is not None]
        kinds = [kind for kind in store.column("kind").tolist() if kind] if "kind" in store.clips.column_names else []
        owners = {one for one in store.column("patient_id").tolist() if one is not None}
        pairs += [
            ("store", f"{len(store):,} frames of {store.clips.num_rows:,} clips"),
            ("patients in the store", len(owners) or "unknown"),
            ("clips by split", ", ".join(f"{name} {splits.count(name)}" for name in sorted(set(splits))) or "no split"),
            ("kinds of clips", sorted(set(kinds))),
            ("stored pictures", "{} × {} pixels".format(*store.frame_shape)),
        ]
    return [(name, value) for name, value in pairs if value not in (None, [], "")]


def _data_points(run: Run) -> list[str]:
    return [] if run.store is not None else ["The store is not at hand, so no more can be said of its frames."]


def _training(run: Run) -> Mapping[str, Any]:
    """What decided the result; of an encoder also how it was made before."""
    before = _inner(_inner(_inner(run.encoder, "sslecho"), "provenance"), "settings")
    earlier = {f"encoder’s {name}": value for name, value in before.items()} if run.command != "pretrain" else {}
    return {**run.identity, **earlier}


def _figure_points(run: Run) -> list[str]:
    points = []
    if verdict := run.result.get("verdict"):
        points.append(sentence(str(verdict)))
    if figures_table(run) is None:
        points.append("Nothing was scored.")
    else:
        split = run.result.get("split")
        points.append(
            f"Brackets are 95 % intervals that resample {run.unit}s. Split: {split if split != 'all' else 'none'}."
        )
    return points


def _license_of_weights(run: Run) -> list[str]:
    """Whose weights these began with, where they did."""
    made = _inner(_inner(run.encoder, "sslecho"), "provenance")
    begun = run.result.get("weights") or made.get("weights")
    return ["It began with weights from elsewhere, whose license holds on."] if begun else []


def _provenance(run: Run) -> Pairs:
    made = run.provenance
    pairs: Pairs = [
        ("frames hash", run.frames_hash),
        ("encoder hash", _inner(run.encoder, "sslecho").get("hash") or run.meta.get("encoder_hash")),
        ("model hash", run.model.get("sha256")),
        *[
            (f"{name} hash", value)
            for name, value in hashes_in_words(run.identity)
            if name not in ("frames", "encoder")
        ],
        ("sslecho", made.get("sslecho")),
        ("commit", made.get("commit")),
        ("Python", made.get("python")),
        ("platform", made.get("platform")),
        ("packages", [f"{name} {version}" for name, version in _inner(made, "packages").items()]),
    ]
    return [(name, value) for name, value in pairs if value not in (None, [], "")]


def _n(n: Any, level: str, patients: Any, unit: str) -> str | None:
    if n is None:
        return None
    return f"{n:,} {level}s" + ("" if patients is None else f" of {patients:,} {unit}s")


def _inner(mapping: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = mapping.get(name)
    return value if isinstance(value, Mapping) else {}


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(text: Any) -> str:
    """Text that Markdown and the HTML that it becomes leave as it is."""
    return re.sub(r"([\\`*_\[\]<>#|&~{}!])", r"\\\1", " ".join(str(text).split()))


def _markdown_table(table: Table) -> str:
    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_plain(cell) or DASH for cell in cells) + " |"

    rule = "| --- |" + " ---: |" * (len(table.columns) - 1)
    lines = [row(table.columns), rule, *(row(cells) for cells in table.rows)]
    return "\n".join([f"{_plain(table.title)}", "", *lines])
