"""Seeded numbers without any symmetry that a wrong loss could hide behind."""

import torch


def outputs(count: int, n: int, dim: int, *, seed: int = 3) -> list[torch.Tensor]:
    """Outputs for `count` views of n frames, double: other lengths, offsets and noise in each view."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    base = base * torch.linspace(0.5, 3, n, dtype=torch.float64)[:, None]
    made = []
    for view in range(count):
        noise = torch.randn(n, dim, generator=generator, dtype=torch.float64)
        made.append((0.4 + 0.3 * view) * base + noise + 0.2 * view)
    return made
