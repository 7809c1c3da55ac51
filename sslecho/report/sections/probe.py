"""A probe: what frozen embeddings tell, by a classifier on top of them."""

from sslecho.report.chapter import Chapter, Room
from sslecho.report.classifier_chapter import classifier_chapter
from sslecho.report.run_folder import Run
from sslecho.report.sections import SECTIONS


@SECTIONS.add("probe")
def probe(run: Run, room: Room) -> Chapter:
    """The chapter of `sslecho probe`: the encoder did not learn, so there is no training to show."""
    words = {"linear": "A linear probe", "knn": "A vote of neighbors", "attention": "A probe over frames"}
    maker = words.get(str(run.result.get("kind")), "The probe")
    return classifier_chapter(run, room, kind="Probe", maker=maker, parts=[])
