"""Reasons for which sources were left out, put together for a reader."""

import re

# "(confidence 0.80)": what was measured of one source would make its reason one of its own.
MEASURED = re.compile(r" \([^()]*\d[^()]*\)")


def without_figures(reason: str) -> str:
    """A reason without what was measured of the one source."""
    return MEASURED.sub("", reason)
