"""The drawn parts of a clustering: figures against k, what naming costs, the map."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from sslecho.embed.layout import umap_layout
from sslecho.report.chapter import Part
from sslecho.report.cluster_naming import baselines_table, draw_naming, naming_intro, naming_table
from sslecho.report.cluster_parts import encoder_name, guide, table
from sslecho.report.cluster_run import ClusterRun
from sslecho.report.curves import draw_scores
from sslecho.report.headline import name_of
from sslecho.report.map import draw_map
from sslecho.report.markup import counted
from sslecho.report.training_part import both

NEIGHBORS = 15
MOST_POINTS = 20_000  # on the page's maps: more of them only cover each other


class Layout(NamedTuple):
    """A map of some of a run's items: `points[i]` is item `items[i]`."""

    points: Float32[np.ndarray, "m 2"]
    items: Int64[np.ndarray, " m"]
    caption: str


def curves_part(run: ClusterRun) -> Part:
    """Purity and transfer purity against k, drawn and as a table."""
    entry = run.result["results"][0]
    baselines = run.result.get("baselines") or {}
    names = {name: name_of(name).removeprefix("the ").removesuffix(" encoder") for name in baselines}
    counts = f"{counted(int(entry['n']), run.level)} · {counted(int(entry['n_patients']), run.unit)}"
    figure = both(
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
    return Part(
        "curves", "Against k", "How does it depend on the number of clusters?", intro, figure + guide(run) + table(run)
    )


def naming_part(run: ClusterRun) -> Part:
    """How much of the archive is named, and how rightly, for how many images looked at."""
    naming = run.result["naming"]
    first = naming["points"][0]
    footer = f"n = {counted(int(first['n']), run.level)} · {counted(int(first['n_patients']), run.unit)}"
    figure = both(
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
    return Part("naming", "Labeling cost", "What does naming the clusters cost?", naming_intro(run), body)


def maps_part(run: ClusterRun, layout: Layout) -> Part:
    """The embedding map by label and by cluster."""
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
        both(
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
    return Part("map", "Map", "What lies together?", intro, f'<div class="pair">{"".join(figures)}</div>')


def layout_of(run: ClusterRun) -> Layout | None:
    """A map of the clustered items, of some of them where they are very many; None where the embeddings are gone."""
    if run.embeddings is None:
        return None
    embedded = run.embeddings.per_clip() if run.level == "clip" else run.embeddings
    same = ["clip_id", "frame_index"] if run.level == "frame" else ["clip_id"]
    if any(embedded.column(name).tolist() != run.column(name) for name in same):
        run.notes.append("The embeddings are of other frames than those that were clustered, so there is no map.")
        return None
    items = np.arange(len(embedded), dtype=np.int64)
    caption = f"UMAP, {NEIGHBORS} neighbors, seed 0"
    if len(items) > MOST_POINTS:
        caption += f", a sample of {len(items):,}"
        items = np.sort(np.random.default_rng(0).choice(items, MOST_POINTS, replace=False))
    points = umap_layout(np.asarray(embedded.vectors)[items], neighbors=NEIGHBORS, seed=0)
    return Layout(points, items, caption)
