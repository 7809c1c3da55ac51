"""How known data sets lie on disk: one file for each layout."""

from sslecho.registry import Registry

LAYOUTS = Registry("layout", "sslecho.data.layouts", shared=("layout", "choose", "index"))
