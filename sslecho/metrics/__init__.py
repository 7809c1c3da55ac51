"""Figures from labels and predictions: pure NumPy and SciPy, no torch.

Read in this order: `labels` (names to codes), `clustering` (the contingency table, purity, `evaluate`),
`agreement` (NMI, AMI, ARI), `transfer` (the headline figure of a clustering), `retrieval`, `intervals`.

Truth comes before prediction in every signature. Randomness comes from generators that are passed in.
"""
