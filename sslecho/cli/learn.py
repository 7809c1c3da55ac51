"""Commands that learn from stores with few labels or none: pretrain, embed, cluster, propagate, select."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sslecho.api.select_settings import SelectSettings
from sslecho.api.settings import ClusterSettings, EmbedSettings, PretrainSettings, PropagateSettings
from sslecho.cli.command import Call, Out, Said, add_command, result_of
from sslecho.cli.data import StoreArgument

SHOWN_PICKS = 10
EmbeddingsArgument = Annotated[Path, typer.Argument(help="A folder that `sslecho embed` made.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Register this file's commands."""

    @add_command(app, PretrainSettings)
    def pretrain(call: Call, store: StoreArgument, out: Out) -> Said:
        """Train an encoder on a store's frames; without labels, unless the method learns from them."""
        from sslecho.api.pretrain import pretrain

        pretrain(store, out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        chance = "" if result["loss_at_chance"] is None else f" (chance {result['loss_at_chance']:.3f})"
        lines = [
            f"{result['epochs']} epochs, loss {result['loss']:.3f}{chance}, "
            f"{result['images_per_s']:.0f} images/s, waiting for data {result['data_wait']:.1%}",
            f"effective rank of the embeddings: {result['effective_rank']:.1f} of {result['dim']}",
            *_verdict(result),
        ]
        return Said(result, lines, f"wrote {out}; next: sslecho embed {store} --encoder {out} -o embeddings")

    @add_command(app, EmbedSettings)
    def embed(call: Call, store: StoreArgument, out: Out) -> Said:
        """Embed every frame of a store with an encoder."""
        from sslecho.api.embed import embed

        embed(store, out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        lines = [f"{result['n_frames']} frames of {result['n']} clips as vectors of {result['dim']} numbers"]
        return Said(result, lines, f"wrote {out}; next: sslecho cluster {out} --purity -o clusters")

    @add_command(app, ClusterSettings)
    def cluster(call: Call, embeddings: EmbeddingsArgument, out: Out) -> Said:
        """Cluster embeddings and, with --purity, score the clusters against labels."""
        from sslecho.api.cluster import cluster

        cluster(embeddings, out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        named = result_of(out / "named") if call.options["names"] else None
        result = {**result, "named": named} if named else result
        return Said(
            result,
            [
                *_table(result),
                *_index(result),
                *_semantic(result),
                *_labeling_cost(result),
                *_which_k(result),
                *_named(named),
            ],
            f"wrote {out}; next: sslecho report {out} -o report.html",
        )

    @add_command(app, PropagateSettings)
    def propagate(call: Call, embeddings: EmbeddingsArgument, out: Out) -> Said:
        """Spread a few labels over all embeddings that they reach, and say what to check by hand."""
        from sslecho.api.propagate import propagate

        propagate(embeddings, out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        checked = bool(call.options["checked"])
        again = f"fill in {out}/audit.csv and repeat the command with --checked {out}/audit.csv"
        ingest = f"sslecho ingest SRC --labels {out}/labels.csv -o STORE"
        closing = f"wrote {out}/result.json; next: {ingest}" if checked else f"wrote {out}; next: {again}"
        return Said(result, _propagated(result), closing, anew=checked)

    @add_command(app, SelectSettings)
    def select(
        call: Call,
        embeddings: EmbeddingsArgument,
        out: Annotated[Path, typer.Option("--out", "-o", help="The CSV to write.", show_default=False)],
    ) -> Said:
        """Say which clips to label first, from what has no label and is not in the test split."""
        from sslecho.api.select import select_with_summary

        selected = select_with_summary(embeddings, out, overwrite=call.overwrite, **call.options)
        did = f"{out} was written before, nothing was done" if selected.result["already"] else f"wrote {out}"
        fill = f"fill in its column `label`, then sslecho propagate {embeddings} --labels {out} -o propagated"
        return Said(selected.result, _selected(selected.result, selected.table, selected.paths), f"{did}; next: {fill}")


def _propagated(result: dict[str, Any]) -> list[str]:
    """What was propagated, how good it is, and what to check."""
    n = result["n_propagated"] + result["abstained"]
    lines = [
        f"{result['n_labelled']} given labels reach {n - result['unreached']} of {n} other {result['level']}s; "
        f"{result['n_propagated']} got a label (coverage {result['coverage']:.1%})"
    ]
    if result["precision"] is not None:
        low, high = result["precision_low"], result["precision_high"]
        interval = "" if low is None else f" ({low:.3f}–{high:.3f})"
        lines.append(
            f"precision {result['precision']:.3f}{interval}, macro F1 {result['macro_f1']:.3f}, "
            f"on {result['n_scored']} {result['level']}s of {result['n_scored_patients']} {result['unit']}s, "
            f"split: {result['split']}"
        )
    lines.append(_graph(result["graph"]))
    if result["conflicts"]:
        lines.append(f"{result['conflicts']} given labels disagree with their neighborhood: see conflicts.csv")
    audit = result["audit"]
    if "said" in audit:
        return [*lines, audit["said"]]
    return [
        *lines,
        f"to claim {audit['target']:.0%}: check the {audit['to_check']} labels of audit.csv, of which "
        f"{audit['errors_allowed']} may be wrong",
    ]


def _graph(graph: dict[str, Any]) -> str:
    found = "all found" if graph["kind"] == "exact" else f"recall {graph['recall']:.3f}, measured on a sample"
    return f"graph of {graph['k']} neighbors: {found}"


def _verdict(result: dict[str, Any]) -> list[str]:
    """Of a pretraining run: how its encoder compares, the sentence first."""
    lines = [f"verdict: {result['verdict']}"]
    if result["baselines"] is None:
        return lines
    lines.append(
        f"balanced accuracy of {result['knn_n']} validation clips of {result['knn_n_patients']} {result['unit']}s "
        f"by their neighbors: {result['knn_accuracy']:.3f} "
        f"({result['knn_accuracy_low']:.3f}–{result['knn_accuracy_high']:.3f})"
    )
    return lines + [
        f"  {name} {row['knn_accuracy']:.3f}: {row['verdict']}" for name, row in result["baselines"].items()
    ]


def _table(result: dict[str, Any]) -> list[str]:
    """The results as lines of a table, baselines below."""
    if "purity" not in result["results"][0]:
        return [f"k {row['k']}: {row['clusters_used']} clusters used" for row in result["results"]]
    head = f"{'':10} {'k':>5} {'purity':>7} {'chance':>7} {'transfer purity (95 %)':>24} {'coverage':>9} {'NMI':>5}"
    lines = [head]
    for name, rows in {"encoder": result["results"], **result["baselines"]}.items():
        if rows is None:
            lines.append(f"{name:10} not available")
            continue
        lines += [_line(name, row) for row in rows]
    unit = result["results"][0]
    grouped = "" if unit["unit"] == "patient" else f"; groups = {unit['unit']}s"
    lines.append(
        f"n = {unit['n']} {result['level']}s of {unit['n_patients']} patients, split: {unit['split']}{grouped}"
    )
    warnings = {row["warning"] for row in result["results"] if row.get("warning")}
    return lines + sorted(warnings)


def _labeling_cost(result: dict[str, Any]) -> list[str]:
    said = (result.get("naming") or {}).get("said")
    return [f"labeling cost: {said}"] if said else []


def _named(named: dict[str, Any] | None) -> list[str]:
    """What names that a person gave have brought."""
    if named is None:
        return []
    words = f"{named['clusters_named']} of {named['k']} clusters have names: {named['n_named']} of {named['n']} items"
    return [f"{words} ({named['coverage']:.1%}) are labeled in {named['out']}; give it to --labels"]


def _which_k(result: dict[str, Any]) -> list[str]:
    """What patients that were left out say of each k, and the answer."""
    if result.get("choice") is None:
        return []
    lines = [
        f"k {row['k']}: prediction strength {row['strength']:.2f} ({row['low']:.2f}–{row['high']:.2f} over halvings), "
        f"separation {row['separation']:.2f}"
        for row in result["choice"]["tried"]
    ]
    return [*lines, f"which k? {result['choice']['words']}"]


def _semantic(result: dict[str, Any]) -> list[str]:
    """Of fusc and turtle: the linear probe, and whose neighbors share a label."""
    lines = []
    probe, near = result.get("probe"), result.get("neighbor_purity")
    if probe:
        lines.append(
            f"linear probe, which learned from labels: accuracy {probe['accuracy']:.3f} "
            f"({probe['accuracy_low']:.3f}–{probe['accuracy_high']:.3f}), balanced {probe['balanced_accuracy']:.3f}"
        )
    if near:
        shares = ", ".join(
            f"{near[name]:.3f} without {name}" for name in ("nothing", "clip", "patient") if near[name] is not None
        )
        lines.append(f"neighbors with the item's own label: {shares.replace('nothing', 'exception')}")
    return lines


def _index(result: dict[str, Any]) -> list[str]:
    """How many of the true neighbors the saved index finds, where that isn't all."""
    index = result.get("index")
    if index is None or index["kind"] == "exact":
        return []
    return [f"index.faiss: {index['kind']}, recall {index['recall']:.3f}, measured on a sample"]


def _line(name: str, row: dict[str, Any]) -> str:
    if row["transfer_purity"] is None:
        transfer = "–"
    else:
        transfer = f"{row['transfer_purity']:.3f} ({row['transfer_purity_low']:.3f}–{row['transfer_purity_high']:.3f})"
    coverage = "–" if row["coverage"] is None else f"{row['coverage']:.3f}"
    return (
        f"{name:10} {row['k']:5d} {row['purity']:7.3f} {row['purity_chance']:7.3f} {transfer:>24} {coverage:>9} "
        f"{row['nmi']:5.2f}"
    )


def _selected(result: dict[str, Any], table: Any, paths: dict[str, str]) -> list[str]:
    """The first picks with their files, how they spread, and what their labels are not for."""
    rows = table.slice(0, SHOWN_PICKS).to_pylist()
    lines = [f"{row['rank']:4d}  {paths.get(row['clip_id'], row['clip_id'])}: {row['reason']}" for row in rows]
    if result["n"] > len(rows):
        lines.append(f"  …  and {result['n'] - len(rows)} more")
    labeled = f", {result['n_labelled']} labeled already" if result["n_labelled"] else ""
    return [
        *lines,
        f"{result['n']} of {result['n_candidates']} clips, of {result['n_patients']} of "
        f"{result['n_candidate_patients']} {result['unit']}s (at most {result['per_patient']} of one), "
        f"by {result['method']}; split: {result['split']}{labeled}",
        f"{result['clusters_reached']} of {result['clusters']} clusters have a label or will have one",
        f"not for tests: {result['not_for_tests']}",
    ]
