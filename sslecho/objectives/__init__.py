"""Objectives, one file each: equation, pure loss, settings, class. `objective.py` says what each is.

Registered are the methods of `pretrain`; `classify.py` and `grade.py` are what `finetune` and `grade` learn by, and
`evidence.py` what a classifier of clips may learn by.
"""

from sslecho.registry import Registry

OBJECTIVES = Registry("objective", "sslecho.objectives", shared=("objective", "classify", "evidence", "grade"))
