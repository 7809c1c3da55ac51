"""The report page of a clustering: one HTML file that needs nothing beside it and runs nothing.

It says the finding first, in words; then what it was held against, how it depends on k, the map, the clusters
themselves, how the encoder was trained, and where all of it came from.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from sslecho.report.cards import add_thumbnails, cards_of
from sslecho.report.cluster_groups import groups_section
from sslecho.report.cluster_naming import baselines_table, draw_naming, naming_intro, naming_table
from sslecho.report.cluster_run import ClusterRun, Training
from sslecho.report.curves import draw_health, draw_scores, draw_training
from sslecho.report.figure import DARK, LIGHT, Theme
from sslecho.report.headline import Headline, headline, name_of
from sslecho.report.map import draw_map
from sslecho.report.markup import counted, document, picture, section, text
from sslecho.report.cluster_parts import (
    METHODS,
    clusters_section,
    encoder_name,
    guide,
    provenance_section,
    result_section,
    table,
)

FEWEST_PATIENTS = 24  # below, an interval over patients is too narrow to trust


class Layout(NamedTuple):
    """A map of some of a run's items: `points[i]` is item `items[i]`."""

    points: Float32[np.ndarray, "m 2"]
    items: Int64[np.ndarray, " m"]
    caption: str


def build_page(run: ClusterRun, layout: Layout | None) -> str:
    """The page as HTML.

    Args:
        run: what is shown.
        layout: of its embeddings; None where they are gone.
    """
    said = None
    if run.scored:
        said = headline(
            run.result["results"],
            run.result.get("baselines") or {},
            k=run.chosen_k,
            most_frequent=run.most_frequent,
            level=run.level,
            unit=run.unit,
        )
    cards = cards_of(run, run.chosen_k)
    add_thumbnails(run, cards)
    parts = []
    if said is not None:
        parts += [("result", "Result", result_section(run, said)), ("curves", "Against k", _curves(run))]
    if (run.result.get("naming") or {}).get("points"):
        parts.append(("naming", "Labeling cost", _naming(run)))
    for_whom = groups_section(run)
    if for_whom:
        parts.append(("groups", "For whom", for_whom))
    if layout is not None:
        parts.append(("map", "Map", _maps(run, layout)))
    parts.append(("clusters", "Clusters", clusters_section(run, cards)))
    if run.training is not None:
        parts.append(("training", "Training", _training(run.training)))
    parts.append(("provenance", "Provenance", provenance_section(run)))
    title = said.title if said is not None else _unscored_title(run)
    links = "".join(f'<a href="#{anchor}">{text(name)}</a>' for anchor, name, _ in parts)
    body = (
        f"<header><div>{_head(run, title, said)}<nav aria-label='on this page'>{links}</nav></div></header>\n"
        f"<main>\n{_notes(run, said)}" + "\n".join(part for _, _, part in parts) + "\n</main>\n"
        "<footer><div>Drawn by sslecho. This page holds frames of the store: pass it on as you would the store. "
        "It loads nothing from outside and runs no script.</div></footer>"
    )
    return document(f"{title} · sslecho", body)


def _head(run: ClusterRun, title: str, said: Headline | None) -> str:
    commit = run.run.get("provenance", {}).get("commit")
    lede = said.sentences[0] if said is not None else _unscored_lede(run)
    seen = f"{len(run.store):,} frames" if run.store is not None and run.level == "clip" else ""
    units = len({unit for unit in run.column("unit_id") if unit is not None})
    facts = [
        ("Encoder", *_encoder_facts(run)),
        ("Clustered", counted(run.items.num_rows, run.level), seen),
        ("Independent", counted(units, run.unit), "the unit of every interval" if said is not None else ""),
    ]
    if said is not None:
        scored = f"{counted(int(said.entry['n']), run.level)}, {counted(int(said.entry['n_patients']), run.unit)}"
        facts.append(("Scored", f"{run.split} split" if run.split != "all" else "everything", scored))
    if run.classes:
        facts.append(
            ("Labels", f"{len(run.classes)}", f"{run.result.get('n_unlabelled') or 'no'} {run.level}s without")
        )
    made = (
        f"commit {commit[:7]}{'+' * commit.endswith('+')}"
        if commit
        else f"sslecho {run.run.get('provenance', {}).get('sslecho', '')}"
    )
    facts.append(("Seed", run.settings.get("seed", "–"), made))
    listed = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}"
        + (f"<small>{text(more)}</small>" if more else "")
        + "</dd></div>"
        for name, value, more in facts
    )
    return (
        f'<p class="eyebrow"><strong>sslecho · cluster report</strong></p><h1>{text(title)}</h1>'
        f'<p class="lede">{text(lede)}</p><dl class="facts">{listed}</dl>'
    )


def _encoder_facts(run: ClusterRun) -> tuple[str, str]:
    if run.training is None:
        return encoder_name(run), ""
    settings = run.training.settings
    backbone, epochs = (settings.get(name, "?") for name in ("backbone", "epochs"))
    # A network that takes one size only has it in its name.
    pixels = f" at {settings['image_size']} px" if "image_size" in settings else ""
    return encoder_name(run), f"{backbone}, {epochs} epochs{pixels}"


def _unscored_title(run: ClusterRun) -> str:
    return f"{counted(run.items.num_rows, run.level)} in {counted(run.chosen_k, 'cluster')}, not scored"


def _unscored_lede(run: ClusterRun) -> str:
    if run.classes:
        return (
            "These clusters were not scored, although labels are known: run sslecho cluster with --purity to see "
            "whether they hold in patients that did not name them."
        )
    return (
        "No labels are known, so nothing is scored. Look at the clusters below: what a cluster shows can be named by "
        "eye, and with --labels and --purity the same command says how far such names can be trusted."
    )


def _notes(run: ClusterRun, said: Headline | None) -> str:
    """What keeps the page from being believed, before anything else."""
    notes = []
    if run.stamp:
        notes.append(f"<strong>{text(run.stamp[0].upper() + run.stamp[1:])}.</strong>")
    if said is not None:
        notes += [text(warning[0].upper() + warning[1:]) for warning in said.warnings]
        few = int(said.entry.get("n_patients") or 0)
        if few < FEWEST_PATIENTS and not any(str(few) in warning for warning in said.warnings):
            notes.append(
                f"Only {counted(few, run.unit)} scored: below {FEWEST_PATIENTS} the intervals are too narrow to trust."
            )
        gone = [name_of(name) for name, rows in (run.result.get("baselines") or {}).items() if rows is None]
        if gone:
            notes.append(
                f"No figures for {text(' and '.join(gone))}: the store or encoder was gone when this was scored."
            )
    notes += [text(note) for note in run.notes]
    return f'<aside class="note">{"".join(f"<p>{note}</p>" for note in notes)}</aside>\n' if notes else ""


def _curves(run: ClusterRun) -> str:
    entry = run.result["results"][0]
    baselines = run.result.get("baselines") or {}
    names = {name: name_of(name).removeprefix("the ").removesuffix(" encoder") for name in baselines}
    counts = f"{counted(int(entry['n']), run.level)} · {counted(int(entry['n_patients']), run.unit)}"
    figure = _both(
        lambda theme: draw_scores(
            run.result["results"],
            baselines,
            names={"encoder": encoder_name(run), **names},
            most_frequent=run.most_frequent,
            chosen_k=run.chosen_k,
            unit=run.unit,
            footer=f"n = {counts} · split: {run.split}",
            stamp=run.stamp,
            theme=theme,
        ),
        alt="Transfer purity and purity against the number of clusters; the table below has the figures",
        wide=True,
    )
    intro = (
        "Transfer purity is the figure to believe; purity is shown because others publish it, and only beside its "
        "chance. The shaded k is the one this page speaks of."
    )
    return section("curves", "How does it depend on the number of clusters?", intro, figure + guide(run) + table(run))


def _naming(run: ClusterRun) -> str:
    naming = run.result["naming"]
    first = naming["points"][0]
    footer = f"n = {counted(int(first['n']), run.level)} · {counted(int(first['n_patients']), run.unit)}"
    figure = _both(
        lambda theme: draw_naming(
            naming["points"],
            k=run.chosen_k,
            m=naming["m"],
            agreement=naming["agreement"],
            unit=run.unit,
            footer=f"{footer} · split: {run.split} · a cluster whose images disagree stays unnamed",
            stamp=run.stamp,
            theme=theme,
        ),
        alt="Share of the archive that is named, and precision, against images per cluster and number of clusters",
        wide=True,
    )
    body = figure + baselines_table(run, encoder_name(run)) + naming_table(run)
    return section("naming", "What does naming the clusters cost?", naming_intro(run), body)


def _maps(run: ClusterRun, layout: Layout) -> str:
    units = len({run.column("unit_id")[item] for item in layout.items})
    footer = f"{counted(len(layout.items), run.level)} · {counted(units, run.unit)} · all splits · {layout.caption}"
    k = run.chosen_k
    clusters = [str(run.column(f"cluster_{k}")[item]) for item in layout.items]
    owners_title = f"{run.unit.capitalize()}s"
    colored = [(f"Clusters, k = {k}", clusters)]
    if run.classes:
        colored.insert(0, ("Labels", [run.labels[item] for item in layout.items]))
    else:
        colored.append((owners_title, [run.column("unit_id")[item] for item in layout.items]))
    figures = [
        _both(
            lambda theme, title=title, values=values: draw_map(
                layout.points,
                values,
                title=title,
                footer=footer,
                stamp=run.stamp,
                named=title != owners_title,
                theme=theme,
                width=5.2,
            ),
            alt=f"Embedding map, {title}",
        )
        for title, values in colored
    ]
    intro = (
        f"Each dot is one {run.level}; dots that lie together look alike to the encoder. Distances between far groups, "
        "and how large or dense a group is, mean little. Numbers on the map are those of the clusters below."
    )
    return section("map", "What lies together?", intro, f'<div class="pair">{"".join(figures)}</div>')


def _training(training: Training) -> str:
    result, method = training.result, str(training.settings.get("method", "The encoder"))
    rank, dim = result.get("effective_rank"), result.get("dim")
    pairs = (
        ("Epochs", result.get("epochs")),
        ("Images per second", _rounded(result.get("images_per_s"), 0)),
        ("Waiting for data", None if result.get("data_wait") is None else f"{100 * result['data_wait']:.1f} %"),
        ("Last loss", _rounded(result.get("loss"), 2)),
        ("Loss at chance", _rounded(result.get("loss_at_chance"), 2)),
        ("Effective rank", rank if rank is None else f"{rank:.0f}" + (f" of {dim}" if dim else "")),
        ("Trained on", result.get("split")),
        ("Device", " ".join(str(result[name]) for name in ("device", "precision") if name in result)),
    )
    tiles = "".join(
        f'<div class="tile card"><span>{text(name)}</span><b>{text(value)}</b></div>' for name, value in pairs if value
    )
    figure = ""
    if training.log:
        figure = _both(
            lambda theme: draw_training(training.log, chance=result.get("loss_at_chance"), theme=theme),
            alt="Loss, images per second and share of time waiting for data, by epoch",
            wide=True,
        )
        if any("effective_rank" in line for line in training.log):
            figure += _both(
                lambda theme: draw_health(training.log, theme=theme),
                alt="Accuracy by neighbors, effective rank and norm of the gradient, by epoch",
                wide=True,
            )
    seen = "the labels of training clips" if result.get("n_labeled_frames") else "no label"
    intro = (
        f"{text(METHODS.get(method, method))} saw {seen}. A low loss alone proves nothing; an effective rank near 1 "
        "means that the encoder collapsed."
    )
    if result.get("verdict"):
        intro += f" On validation clips, by their neighbors, the encoder is: {text(result['verdict'])}."
    return section("training", "How was the encoder trained?", intro, figure + f'<div class="tiles four">{tiles}</div>')


def _both(draw: Callable[[Theme], bytes], *, alt: str, wide: bool = False) -> str:
    return picture(draw(LIGHT), draw(DARK), alt=alt, wide=wide)


def _rounded(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:,.{digits}f}"
