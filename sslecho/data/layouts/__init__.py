"""How known data sets lie on disk: one file for each layout.

Nothing heavy is imported here: `sslecho --help` lists the names.
"""

from sslecho.registry import Registry

LAYOUTS = Registry("layout", "sslecho.data.layouts", shared=("layout", "choose", "index"))

# The words that `--layout` takes: look which one fits; ask nothing of the names; a layout.
AUTO, NONE = "auto", "none"
LAYOUT_CHOICES = (AUTO, NONE, *LAYOUTS)
