"""Well-separated Gaussians of given sizes: embeddings on which only the loss can be at fault."""

import numpy as np

FETAL_PLANES = (89, 386, 130, 215, 203)  # abdomen, brain, femur, thorax, cervix: an eighth of the published 8,187
SEVERE = (600, 283, 134, 63, 30)  # 20 to 1, a constant factor apart
BALANCED = (150,) * 5


def gaussians(sizes, *, seed, dim=24, spread=0.35):
    """Items of each class around a center of their own, in a shuffled order, and their classes."""
    rng = np.random.default_rng(seed)
    centers = np.linalg.qr(rng.normal(size=(dim, len(sizes))))[0].T
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    vectors = centers[labels] + spread / np.sqrt(dim) * rng.normal(size=(len(labels), dim))
    return vectors.astype(np.float32), labels


def nearest(vectors, j=20):
    """The j nearest others of each item by cosine."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarities = unit @ unit.T
    np.fill_diagonal(similarities, -np.inf)
    return np.argsort(-similarities, axis=1, kind="stable")[:, :j].astype(np.int64)
