"""A classifier of whole clips: how it learned, and what it is worth on others."""

from sslecho.report.chapter import Chapter, Room
from sslecho.report.classifier_chapter import classifier_chapter
from sslecho.report.run_folder import Run
from sslecho.report.sections import SECTIONS
from sslecho.report.training_part import training_part


@SECTIONS.add("view")
def view(run: Run, room: Room) -> Chapter:
    """The chapter of `sslecho view`."""
    return classifier_chapter(
        run,
        room,
        kind="Clip classifier",
        maker="The clip classifier",
        parts=training_part(run, views="windows of clips"),
    )
