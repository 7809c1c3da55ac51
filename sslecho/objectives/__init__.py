"""Objectives of pretraining, one file each: equation, pure loss, settings, class. `objective.py` says what each is."""

from sslecho.registry import Registry

OBJECTIVES = Registry("objective", "sslecho.objectives", shared=("objective",))
