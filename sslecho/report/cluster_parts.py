"""The parts of a clustering that are text and tables: the result, the figures over k, the clusters."""

from collections.abc import Mapping
from typing import Any

from sslecho.report.bars import bars
from sslecho.report.cards import ITEMS_NAMED, Card
from sslecho.report.chapter import Figure, Part, figure_of
from sslecho.report.cluster_run import ClusterRun
from sslecho.report.figure import color_of
from sslecho.report.headline import Headline, name_of, percent
from sslecho.report.markup import counted, definitions, text
from sslecho.report.wording import share

MIXED = 0.5  # a cluster whose most frequent label has a smaller share is not called by it
METHODS = {
    "barlowtwins": "Barlow Twins",
    "byol": "BYOL",
    "dino": "DINO",
    "mae": "MAE",
    "mocov3": "MoCo v3",
    "simclr": "SimCLR",
    "supcon": "SupCon",
    "supcon_ntxent": "SupCon + NT-Xent",
    "swav": "SwAV",
    "vicreg": "VICReg",
}


def encoder_name(run: ClusterRun) -> str:
    """What the encoder is called in figures: its method, or the baseline that it is."""
    if run.training is not None:
        method = str(run.training.settings.get("method", "encoder"))
        return METHODS.get(method, method)
    baseline = run.embeddings.meta.get("encoder") if run.embeddings is not None else None
    return name_of(baseline).removeprefix("the ") if baseline else "this encoder"


def result_part(run: ClusterRun, said: Headline) -> Part:
    """The headline's figure beside its baselines, and what may be said of it."""
    mark = run.most_frequent
    figures = [
        figure_of(encoder_name(run), said.entry, "transfer_purity", mark=mark),
        *(Figure(one.name.removeprefix("the "), one.value, one.low, one.high, mark) for one in said.comparisons),
    ]
    key = "" if mark is None else f"the most frequent label for every {run.level}: {share(mark)}"
    points = "".join(f"<li>{text(sentence)}</li>" for sentence in said.sentences[1:])
    body = (
        f'<div class="result card"><div><h3>Transfer purity at k = {run.chosen_k}, with 95 % intervals</h3>'
        f"{bars(figures, key=key)}</div><div><h3>What this shows</h3><ul>{points}</ul></div></div>"
        f'<div class="tiles">{_tiles(run, said.entry)}</div>'
    )
    fitted = "Clusters were fitted on the train split and are scored on the test split."
    if run.split != "test":
        fitted = f"There are no splits: clusters were fitted on the {run.level}s that they are scored on."
    intro = (
        f"k = {run.chosen_k} is the listed number of clusters nearest to the number of labels ({len(run.classes)}); "
        f"it was not chosen by its score. {fitted} "
        "One run with one seed: a claim that one encoder is better than another needs at least five."
    )
    return Part("result", "Result", "How good are the clusters?", intro, body)


def guide(run: ClusterRun) -> str:
    """The four figures in a sentence or two each."""
    return definitions(
        (
            (
                "Transfer purity",
                f"Clusters are named by the majority label on one half of the {run.unit}s and scored on the other "
                f"half, names fixed. It says what naming the clusters once is worth on new {run.unit}s.",
            ),
            (
                "Purity",
                "Share of items that have their own cluster’s majority label. It rises with k, and whenever clusters "
                f"follow a {run.unit} rather than a label, so it never stands alone.",
            ),
            (
                "Chance",
                "Purity of the same clusters with the labels of whole clips shuffled. Only what lies above it can come "
                "from the labels.",
            ),
            (
                "Coverage",
                f"Share of the scored items that lie in a cluster which the other half of the {run.unit}s had named. "
                "The rest counts as wrong.",
            ),
        ),
        kind="guide",
    )


def table(run: ClusterRun) -> str:
    """All figures: one block a k, the encoder first, then its baselines."""
    columns = ("transfer purity", "coverage", "purity", "chance", "inverse purity", "NMI", "AMI", "ARI", "accuracy",
               "clusters used")  # fmt: skip
    head = "".join(f"<th scope='col'>{name}</th>" for name in columns)
    head = f"<thead><tr><th scope='col'>k</th><th scope='col' class='who'>features</th>{head}</tr></thead>"
    baselines: Mapping[str, Any] = run.result.get("baselines") or {}
    sources = [(encoder_name(run), run.result["results"])] + [
        (name_of(name).removeprefix("the "), entries) for name, entries in baselines.items() if entries
    ]
    blocks = []
    for k in run.ks:
        rows = []
        for number, (name, entries) in enumerate(sources):
            entry = next((entry for entry in entries if entry["k"] == k), None)
            if entry is not None:
                rows.append(_row(k, name, entry, own=number == 0))
        mark = " class='chosen'" if k == run.chosen_k else ""
        blocks.append(f"<tbody{mark}>{''.join(rows)}</tbody>")
    return f'<div class="table card" tabindex="0"><table>{head}{"".join(blocks)}</table></div>'


def clusters_part(run: ClusterRun, cards: list[Card]) -> Part:
    """A card for each cluster of the chosen k."""
    k = run.chosen_k
    chosen = "nearest to the number of labels" if run.classes else "the middle of those listed"
    empty = k - len(cards)
    intro = (
        f"k = {k} ({chosen}). Every {run.level} that was clustered is here, whatever its split. The frames are those "
        f"nearest to the cluster’s center, from different {run.unit}s where there are several"
        + ("; the middle frame stands for its clip." if run.level == "clip" else ".")
        + (" An outlined one has another label than most of its cluster." if run.classes else "")
        + (f" {counted(empty, 'cluster')} of {k} {'is' if empty == 1 else 'are'} empty." if empty else "")
    )
    legend = "".join(
        f'<li><i style="background:{color_of(number)}"></i>{text(name)}</li>' for number, name in enumerate(run.classes)
    )
    legend = f'<ul class="legend" aria-label="colors of the labels">{legend}</ul>' if run.classes else ""
    body = legend + f'<div class="clusters">{"".join(_card(run, card) for card in cards)}</div>'
    return Part("clusters", "Clusters", "Look at the clusters", text(intro), body)


def _tiles(run: ClusterRun, entry: Mapping[str, Any]) -> str:
    near = run.result.get("neighbors") or {}
    tiles = [
        ("Coverage", entry.get("coverage"), "in a cluster that got a name"),
        ("Purity", entry.get("purity"), f"chance, clips shuffled: {share(entry.get('purity_chance'))}"),
        ("Adjusted mutual information", entry.get("ami"), "0 for random clusters, 1 for the labels themselves"),
        ("Best one-to-one match", entry.get("accuracy"), "accuracy with one label a cluster, Hungarian"),
    ]
    if near.get("purity") is not None:
        tiles.append(
            (f"Neighbors, {near.get('k')} nearest", near["purity"], f"of other {run.unit}s with the same label")
        )
    return "".join(
        f'<div class="tile card"><span>{text(name)}</span><b>{share(value)}</b><small>{text(about)}</small></div>'
        for name, value, about in tiles
    )


def _row(k: int, name: str, entry: Mapping[str, Any], *, own: bool) -> str:
    first = f'<th scope="row">{k}</th>' if own else "<td></td>"
    low, high = entry.get("transfer_purity_low"), entry.get("transfer_purity_high")
    interval = f"<small>{share(low)}–{share(high)}</small>" if low is not None else ""
    rest = ("coverage", "purity", "purity_chance", "inverse_purity", "nmi", "ami", "ari", "accuracy")
    cells = "".join(f"<td>{share(entry.get(metric))}</td>" for metric in rest)
    mark = " class='own'" if own else ""
    return (
        f"<tr{mark}>{first}<th scope='row' class='who'>{text(name)}</th>"
        f"<td>{share(entry.get('transfer_purity'))}{interval}</td>{cells}"
        f"<td>{entry.get('clusters_used', '–')}</td></tr>"
    )


def _card(run: ClusterRun, card: Card) -> str:
    size = f"{counted(card.n, run.level)} of {counted(card.n_units, run.unit)}" if run.unit != run.level else (
        counted(card.n, run.level)
    )  # fmt: skip
    title, labels, number = f"Cluster {card.cluster}", "", size
    mixed = card.share is None or card.share < MIXED
    if card.name is not None:
        title, number = f"mixed, most often {card.name}" if mixed else card.name, f"cluster {card.cluster}"
        parts = "".join(
            f'<i style="width:{100 * count / card.n_labeled:.2f}%;background:{color_of(run.classes.index(label))}"></i>'
            for label, count in card.labels
        )
        named = ", ".join(f"{label} {percent(count / card.n_labeled)}" for label, count in card.labels[:ITEMS_NAMED])
        more = len(card.labels) - ITEMS_NAMED
        labels = f'<div class="share" aria-hidden="true">{parts}</div>' + (
            f"<p>{text(named)}{f', {more} more' if more > 0 else ''} · {text(size)}</p>"
        )
    frames = []
    for thumbnail in card.thumbnails:
        alt = f"frame of cluster {card.cluster}" + (f", label {thumbnail.label}" if thumbnail.label else "")
        other = not mixed and thumbnail.label not in (None, card.name)
        image = f'<img src="{thumbnail.address}" alt="{text(alt)}">'
        if other or (mixed and thumbnail.label is not None):
            image += f"<small>{text(thumbnail.label)}</small>"
        frames.append(f'<span class="other">{image}</span>' if other else f"<span>{image}</span>")
    sheet = f'<div class="frames">{"".join(frames)}</div>' if frames else ""
    return (
        f'<article class="cluster card"><div class="head"><h3>{text(title)}</h3>'
        f'<span class="number">{text(number)}</span></div>{labels}{sheet}</article>'
    )
