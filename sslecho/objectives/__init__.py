"""Objectives, one file each: equation, pure loss, settings, class. `objective.py` says what each is.

OBJECTIVES = Registry(
    "objective", "sslecho.objectives", shared=("objective", "classify", "evidence", "grade", "recognize")
)
"""

from sslecho.registry import Registry

OBJECTIVES = Registry(
    "objective", "sslecho.objectives", shared=("objective", "classify", "evidence", "grade", "recognize")
)
