"""Every exception that sslecho raises on purpose.

    SslechoError                 the base; the shell exits with 1: the work failed
    ├── InputError               the user's input is wrong; the shell exits with 2
    │   ├── SettingsError        an option, a setting or a configuration file
    │   ├── NounError            a folder that should hold a store, an encoder, embeddings …
    │   └── MissingExtraError    a part of sslecho that is not installed
    └── Interrupted              the user stopped the work (Ctrl-C); what was done is kept

A message names the file or option, the value, the rule and the cure, in this order.
"""


class SslechoError(Exception):
    """The work failed: the machine, not the input, is at fault (disk full, a worker killed)."""

    exit_code = 1


class InputError(SslechoError):
    """The user's input is wrong: nothing was written, and the message says what to change."""

    exit_code = 2


class SettingsError(InputError):
    """One or more settings break their rules; all of them are listed."""

    def __init__(self, problems: list[str]):
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class NounError(InputError):
    """A folder does not hold the noun that was asked for, or holds another version of it."""


class MissingExtraError(InputError):
    """An optional part is not installed; the message has the pip line."""


class Interrupted(SslechoError):
    """The user stopped the work; the same command goes on from where it stopped."""
