"""A fine-tuned classifier: how it learned, and what it is worth on others."""

from sslecho.report.chapter import Chapter, Room
from sslecho.report.classifier_chapter import classifier_chapter
from sslecho.report.run_folder import Run
from sslecho.report.sections import SECTIONS
from sslecho.report.training_part import training_part


@SECTIONS.add("finetune")
def finetune(run: Run, room: Room) -> Chapter:
    """The chapter of `sslecho finetune`."""
    begun = "from scratch" if run.result.get("from") == "scratch" else "fine-tuned"
    return classifier_chapter(
        run, room, kind="Fine-tuning", maker=f"The encoder, {begun},", parts=training_part(run, views="one view each")
    )
