"""FUSC: clusters that an item shares with its nearest neighbors (arXiv 2310.12600, after Van Gansbeke et al. 2020).

Files in reading order: `losses.py` the equations; `prior.py` how large the clusters are; `model.py` what is fitted and
assigns new items; `settings.py`; `fit.py` several heads on frozen embeddings, and the best of them; `self_label.py` a
head that learns from its own sure answers; `network.py` the same with the whole encoder; `turtle.py` the other method
for frozen embeddings, TURTLE (Gadetsky et al. 2024).

Nothing here sees a label. Neighbors come in from outside, so that an item's own clip or patient can be left out.
"""
