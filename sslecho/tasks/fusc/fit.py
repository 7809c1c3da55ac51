"""FUSC on frozen embeddings: several linear heads at once, and the one that does best where it was not fitted."""

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from sslecho.data.neighbor_partners import one_of
from sslecho.errors import InputError
from sslecho.progress import track
from sslecho.rundir import warn
from sslecho.tasks.fusc.losses import fusc_loss, marginal_entropy, marginal_kl
from sslecho.tasks.fusc.model import Scale, SemanticModel, share_of_each
from sslecho.tasks.fusc.prior import estimate_prior
from sslecho.tasks.fusc.self_label import learn_from_itself
from sslecho.tasks.fusc.settings import FuscSettings
from sslecho.tasks.kmeans import check_k

SHARPNESS = 2.0  # an item that is sqrt(0.5) nearer to one center is e times as likely there
Held = tuple[Float[np.ndarray, "m d"], Int64[np.ndarray, "m i"]]


def fit_fusc(
    vectors: Float[np.ndarray, "n d"],
    neighbor_ids: Int64[np.ndarray, "_ j"],
    *,
    k: int,
    settings: FuscSettings | None = None,
    seed: int,
    val: Held | None = None,
) -> SemanticModel:
    """Fit heads on embeddings and keep the best; the same seed gives the same model on the same machine.

    Heads begin at random; with the estimated prior the last of them begins as the nearest of the clusters that the
    prior was counted in. The head with the least loss on the items to choose by is kept, then learns from its own sure
    answers; what it learned so is kept where its loss is no higher there.

    Args:
        vectors: embeddings of the training items, any length.
        neighbor_ids: the rows of each item's neighbors, -1 where there is none; an item without any is its own.
        settings: `lam`, `prior`, `heads`, `self_label`, `steps`, `batch_size` and `lr` count here.
        val: embeddings of other patients and the rows of their neighbors among themselves, to choose by; by default
            the training items, on which all heads look better than they are.

    Raises:
        InputError: k < 2 or more than the items, a neighbor that is no row, or an embedding that is not finite.
    """
    settings = settings or FuscSettings()
    check_k(k, len(vectors), split="train")
    if k < 2:
        raise InputError(f"--k {k}: one cluster has nothing to learn; ask for at least 2")
    check_neighbors(neighbor_ids, len(vectors))
    if val is not None:
        check_neighbors(val[1], len(val[0]))
    generator = torch.Generator().manual_seed(seed)
    scale = Scale.of(vectors)
    points = scale.points(vectors)
    estimated = None if settings.prior == "uniform" else estimate_prior(points, k=k, seed=seed)
    prior = None if estimated is None else torch.from_numpy(estimated.shares).float()
    start = _random_start(settings.heads, points.shape[1], k, generator)
    if estimated is not None:
        for of_all, of_one in zip(start, nearest_center(estimated.centers), strict=True):
            of_all[-1] = of_one
    weights, biases = _train_heads(start, points, neighbor_ids, prior=prior, settings=settings, generator=generator)
    held, held_ids = (points, neighbor_ids) if val is None else (scale.points(val[0]), val[1])

    def loss_of(weights: Float[Tensor, "d k"], bias: Float[Tensor, " k"]) -> float:
        log_p = (torch.from_numpy(held) @ weights + bias).log_softmax(-1)
        return criterion(log_p, held_ids, lam=settings.lam, prior=prior)

    criteria = np.array([loss_of(w, b) for w, b in zip(weights, biases, strict=True)])
    best = int(criteria.argmin())
    head = weights[best], biases[best]
    clusters = _clusters(points, *head)
    warn_of_empty(clusters, k, when="after clustering")
    shares = share_of_each(np.full(k, 1 / k) if estimated is None else estimated.shares, clusters)
    if settings.self_label:
        *taught, skipped = learn_from_itself(
            *head,
            points,
            shares=None if estimated is None else torch.from_numpy(shares).float(),
            steps=settings.steps // 2,
            batch_size=settings.batch_size,
            lr=settings.lr,
            generator=generator,
        )
        if skipped:
            warn(f"fusc, k = {k}: {skipped} rounds of self-labelling had no item above 0.5 and were skipped")
        if loss_of(*taught) <= criteria[best]:
            head = tuple(taught)
            lost = set(clusters.tolist()) - set(_clusters(points, *head).tolist())
            if lost:
                warn(f"fusc, k = {k}: self-labelling emptied clusters {', '.join(map(str, sorted(lost)))}")
    weight, bias = (part.numpy() for part in head)
    return SemanticModel(weight, bias[None], [scale], shares, criteria)


@torch.no_grad()
def criterion(
    log_p: Float[Tensor, "n k"],
    neighbor_ids: Int64[np.ndarray, "n j"],
    *,
    lam: float,
    prior: Float[Tensor, " k"] | None,
) -> float:
    """The loss over all pairs of an item and a neighbor: what heads are chosen by, without a label."""
    ids = torch.from_numpy(neighbor_ids)
    total, n_pairs = 0.0, 0
    for column in ids.T:
        has = column >= 0
        total -= float(torch.logsumexp(log_p[has] + log_p[column[has]], dim=-1).sum())
        n_pairs += int(has.sum())
    spread = -marginal_entropy(log_p) if prior is None else marginal_kl(log_p, prior)
    return total / max(1, n_pairs) + lam * float(spread)


def check_neighbors(neighbor_ids: Int64[np.ndarray, "_ j"], n: int) -> None:
    """Refuse neighbors that are no rows of the n items.

    Raises:
        InputError: another number of rows than items, or an id outside [-1, n).
    """
    if len(neighbor_ids) != n:
        raise InputError(f"neighbor_ids has {len(neighbor_ids)} rows for {n} items; give one row an item")
    if neighbor_ids.size and not (neighbor_ids.min() >= -1 and neighbor_ids.max() < n):
        raise InputError(
            f"neighbor_ids lie in [{neighbor_ids.min()}, {neighbor_ids.max()}]; they must be rows of the {n} items, "
            "or -1 for none"
        )


def warn_of_empty(clusters: Int64[np.ndarray, " n"], k: int, *, when: str) -> None:
    """Name the clusters that hold none of the training items."""
    empty = sorted(set(range(k)) - set(clusters.tolist()))
    if empty:
        named = ", ".join(map(str, empty[:20])) + (", …" if len(empty) > 20 else "")
        warn(f"fusc, k = {k}: {len(empty)} of {k} clusters hold no training item {when} ({named}); a lower k may do")


def _random_start(heads: int, d: int, k: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Weights whose logits have a standard deviation of 1: embeddings have a mean squared length of 1."""
    return torch.randn(heads, d, k, generator=generator), torch.zeros(heads, k)


def nearest_center(centers: Float32[np.ndarray, "k d"]) -> tuple[Float[Tensor, "d k"], Float[Tensor, " k"]]:
    """A head that gives an item to the nearest center: its logits are - sharpness |x - c|^2 but for |x|^2."""
    c = torch.from_numpy(centers)
    return 2 * SHARPNESS * c.T, -SHARPNESS * (c**2).sum(1)


def _train_heads(
    start: tuple[Float[Tensor, "h d k"], Float[Tensor, "h k"]],
    points: Float32[np.ndarray, "n d"],
    neighbor_ids: Int64[np.ndarray, "n j"],
    *,
    prior: Float[Tensor, " k"] | None,
    settings: FuscSettings,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "h d k"], Float[Tensor, "h k"]]:
    """All heads on the same batches; their losses share no parameter, so each is trained as if it were alone."""
    n = len(points)
    x = torch.from_numpy(points)
    weights, biases = (torch.nn.Parameter(part) for part in start)
    k = biases.shape[1]
    optimizer = torch.optim.Adam([weights, biases], lr=settings.lr)
    batch = min(settings.batch_size, n)
    everyone = n <= 2 * batch  # then each item is given its probabilities once a step, however often it is drawn
    with track(f"fusc, k = {k}", total=settings.steps, unit="steps") as bar:
        for _ in range(settings.steps):
            rows = torch.randint(n, (batch,), generator=generator)
            draws = torch.rand(batch, generator=generator, dtype=torch.float64).numpy()
            near = torch.from_numpy(one_of(neighbor_ids, rows.numpy(), draws))
            shown = x if everyone else x[torch.cat([rows, near])]
            # All heads in one product, which is faster than one for each.
            logits = shown @ weights.permute(1, 0, 2).reshape(x.shape[1], -1)
            log_p = (logits.view(-1, len(weights), k) + biases).log_softmax(-1)
            pairs = (log_p[rows], log_p[near]) if everyone else log_p.split(batch)
            losses = fusc_loss(*(part.transpose(0, 1) for part in pairs), lam=settings.lam, prior=prior)
            optimizer.zero_grad()
            losses.sum().backward()
            optimizer.step()
            bar.advance(1, loss=f"{float(losses.detach().min()):.3f}")
    return weights.detach(), biases.detach()


def _clusters(
    points: Float32[np.ndarray, "n d"], weights: Float[Tensor, "d k"], bias: Float[Tensor, " k"]
) -> Int64[np.ndarray, " n"]:
    return (torch.from_numpy(points) @ weights + bias).argmax(-1).numpy()
