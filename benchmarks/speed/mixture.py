"""Embeddings drawn from a low-rank Gaussian mixture of stated hardness: imbalanced classes, patients that look alike.

The latent of an item = its class's center + its patient's offset + noise, in `rank` dimensions; a random rotation puts
it into `dim` dimensions, and a little noise everywhere makes the vectors full-rank, as an encoder's are.

- Centers have a standard deviation of 1 in each latent dimension.
- `hardness` is the standard deviation within a class: three quarters of its variance are the item's, a quarter is the
  patient's, whatever the class. So an item's nearest neighbors are of its own patient more often than chance.
- Class c (0 to n_classes - 1) has a share proportional to 1 / (c + 1): of 60, the first has 21 % and the last .36 %.
- Items stand in the order of patients, as the clips of a store do.

The nearest other item has the same class, of 500 items at the default classes and rank (seed 1): at hardness .5 always
(24,000 x 256), at 1 in 95.8 % (24,000 x 256) and 97 % (40,000 x 512).
"""

import numpy as np

PATIENT_SHARE = 0.25  # of the variance within a class
AMBIENT = 0.05  # standard deviation of the noise in each of the `dim` dimensions
ROWS_AT_ONCE = 1 << 15  # so that one million vectors need little more than their own memory


def mixture(
    n: int,
    dim: int,
    *,
    n_classes: int = 60,
    rank: int = 32,
    hardness: float = 1.0,
    per_patient: int = 40,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors, labels and patients; the same arguments give the same.

    Args:
        rank: dimensions of the latent, at most `dim`.
        hardness: standard deviation within a class, where centers have one of 1.
        per_patient: items of a patient, on average.

    Returns:
        `vectors` float32 `[n, dim]` (not of length 1), `labels` int64 `[n]`, `patients` int64 `[n]`.

    Raises:
        ValueError: rank > dim.
    """
    if rank > dim:
        raise ValueError(f"rank = {rank} does not fit into dim = {dim}; take a rank of at most dim")
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, n_classes + 1)
    n_patients = max(1, n // per_patient)
    patients = np.sort(rng.integers(n_patients, size=n))
    labels = rng.choice(n_classes, size=n, p=shares / shares.sum())
    centers = rng.standard_normal((n_classes, rank), dtype=np.float32)
    offsets = np.float32(hardness * PATIENT_SHARE**0.5) * rng.standard_normal((n_patients, rank), dtype=np.float32)
    rotation = np.linalg.qr(rng.standard_normal((dim, rank)))[0].T.astype(np.float32)
    own = np.float32(hardness * (1 - PATIENT_SHARE) ** 0.5)
    vectors = np.empty((n, dim), np.float32)
    for start in range(0, n, ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        latents = centers[labels[rows]] + offsets[patients[rows]]
        latents += own * rng.standard_normal(latents.shape, dtype=np.float32)
        piece = vectors[rows]
        rng.standard_normal(out=piece, dtype=np.float32)
        piece *= np.float32(AMBIENT)
        piece += latents @ rotation
    return vectors, labels, patients
