"""A clustering: do the clusters hold in other people, what are they, and what would naming them cost?"""

from sslecho.report.cards import MOST_BYTES, add_thumbnails, cards_of
from sslecho.report.chapter import Chapter, Figure, Part, Room, figure_of
from sslecho.report.cluster_figures import curves_part, layout_of, maps_part, naming_part
from sslecho.report.cluster_groups import groups_part
from sslecho.report.cluster_parts import METHODS, clusters_part, encoder_name, result_part
from sslecho.report.cluster_run import ClusterRun
from sslecho.report.headline import Headline, headline, name_of
from sslecho.report.markup import counted, text
from sslecho.report.run_folder import Run
from sslecho.report.sections import SECTIONS
from sslecho.report.training_part import training_body
from sslecho.report.wording import sentence

FEWEST_PATIENTS = 24  # below, an interval over patients is too narrow to trust


@SECTIONS.add("cluster")
def cluster(run: Run, room: Room) -> Chapter:
    """The chapter of `sslecho cluster`."""
    shown = ClusterRun.read(run.path)
    said = None
    if shown.scored:
        said = headline(
            shown.result["results"],
            shown.result.get("baselines") or {},
            k=shown.chosen_k,
            most_frequent=shown.most_frequent,
            level=shown.level,
            unit=shown.unit,
        )
    cards = cards_of(shown, shown.chosen_k)
    add_thumbnails(shown, cards, most_bytes=min(room.bytes, MOST_BYTES))
    layout = layout_of(shown)
    parts = [] if said is None else [result_part(shown, said), curves_part(shown)]
    if (shown.result.get("naming") or {}).get("points"):
        parts.append(naming_part(shown))
    parts += groups_part(shown)
    if layout is not None:
        parts.append(maps_part(shown, layout))
    parts.append(clusters_part(shown, cards))
    if shown.training is not None and shown.training.path.resolve() not in room.shown:
        parts += _training_part(shown.training)
    return Chapter(
        kind="Clustering",
        title=said.title if said is not None else _unscored_title(shown),
        lede=said.sentences[0] if said is not None else _unscored_lede(shown),
        facts=_facts(shown, said),
        figures=[] if said is None else _figures(shown, said),
        warnings=_warnings(shown, said),
        parts=parts,
    )


def _figures(run: ClusterRun, said: Headline) -> list[Figure]:
    mark, name = run.most_frequent, "one label for all"
    return [
        figure_of(f"Transfer purity, k = {run.chosen_k}", said.entry, "transfer_purity", mark=mark, mark_name=name),
        *(Figure(one.name.removeprefix("the "), one.value, one.low, one.high, mark, name) for one in said.comparisons),
    ]


def _facts(run: ClusterRun, said: Headline | None) -> list[tuple[str, str, str]]:
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
    return facts


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


def _warnings(run: ClusterRun, said: Headline | None) -> list[str]:
    """What keeps the page from being believed, before anything else."""
    notes = [sentence(run.stamp)] if run.stamp else []
    if said is not None:
        notes += [sentence(warning) for warning in said.warnings]
        few = int(said.entry.get("n_patients") or 0)
        if few < FEWEST_PATIENTS and not any(str(few) in warning for warning in said.warnings):
            notes.append(
                f"Only {counted(few, run.unit)} scored: below {FEWEST_PATIENTS} the intervals are too narrow to trust."
            )
        gone = [name_of(name) for name, rows in (run.result.get("baselines") or {}).items() if rows is None]
        if gone:
            notes.append(f"No figures for {' and '.join(gone)}: the store or encoder was gone when this was scored.")
    return [*notes, *run.notes]


def _training_part(training: Run) -> list[Part]:
    """How the encoder was trained, where its run has no chapter of its own."""
    result, method = training.result, str(training.settings.get("method", "The encoder"))
    seen = "the labels of training clips" if result.get("n_labeled_frames") else "no label"
    intro = (
        f"{text(METHODS.get(method, method))} saw {seen}. A low loss alone proves nothing; an effective rank near 1 "
        "means that the encoder collapsed."
    )
    if result.get("verdict"):
        intro += f" On validation clips, by their neighbors, the encoder is: {text(result['verdict'])}."
    body = training_body(result, training.log, subtitles={})
    return [Part("training", "Training", "How was the encoder trained?", intro, body)]
