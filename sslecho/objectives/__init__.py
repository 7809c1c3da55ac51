"""Objectives, one file each: equation, pure loss, settings, class. `objective.py` says what each is.

Registered are the methods of `pretrain`. `classify.py`, `grade.py` and `recognize.py` are what `finetune`, `grade` and
`view` learn by; `evidence.py` has losses of the last.
"""

from sslecho.registry import Registry

OBJECTIVES = Registry(
    "objective", "sslecho.objectives", shared=("objective", "classify", "evidence", "grade", "recognize")
)
