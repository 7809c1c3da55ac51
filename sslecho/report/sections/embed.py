"""Embeddings: what was embedded, by which encoder; they are judged by what is made of them."""

from sslecho.report.chapter import Chapter, Room
from sslecho.report.markup import counted
from sslecho.report.run_folder import Run
from sslecho.report.sections import SECTIONS


@SECTIONS.add("embed")
def embed(run: Run, room: Room) -> Chapter:
    """The chapter of `sslecho embed`."""
    result = run.result
    source = {"pixels": "raw pixels", "random": "an untrained encoder", "trained": "a trained encoder"}
    by = source.get(str(result.get("encoder")), str(result.get("encoder")))
    return Chapter(
        kind="Embeddings",
        title=f"{counted(int(result['n_frames']), 'frame')} as {result['dim']} numbers each",
        lede=f"Embedded by {by}; what they are worth is told by what is made of them.",
        facts=[
            ("Embedded", counted(int(result["n"]), "clip"), counted(int(result["n_patients"]), run.unit)),
            ("By", by, ""),
        ],
        warnings=run.problems,
    )
