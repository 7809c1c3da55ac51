"""Figures, the embedding map and the one-page report: everything that is looked at."""
