"""What a page says of each kind of run: a file each, named after the command (of several words, its last).

To add a kind, write `<command>.py` with a function `(Run, Room) -> Chapter` under `@SECTIONS.add("<command>")`.
Runs of other commands, unfinished ones and damaged ones get a chapter that says so.
"""

from sslecho.registry import Registry

SECTIONS = Registry("section", "sslecho.report.sections")
