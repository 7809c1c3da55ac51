"""The built-in phantom: simulated ultrasound with known truth, because a hospital's data can't be shipped.

A figure made on it is a mechanism test: it shows that a method does what it says, never how well it does on
patients. It is frozen: a change of any picture needs a new version, a decision record, and a rerun of every figure
measured on it (docs/phantom.md). Seeds below EVALUATION_SEEDS are for development; figures use those from it on.
"""

PHANTOM_VERSION = 1
EVALUATION_SEEDS = 10_000
