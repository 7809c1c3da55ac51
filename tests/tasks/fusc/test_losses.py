"""The losses against slow loops and closed forms."""

import math

import numpy as np
import pytest
import torch
from asymmetric import outputs
from reference.semantic_losses import (
    slow_confident,
    slow_consistency,
    slow_entropy,
    slow_marginal_kl,
    slow_self_label,
    slow_turtle,
)

from sslecho.tasks.fusc.losses import (
    confident,
    consistency,
    fusc_loss,
    marginal_entropy,
    marginal_kl,
    self_label_loss,
)
from sslecho.tasks.fusc.turtle import turtle_loss

N, K = 11, 4
PRIOR = [0.1, 0.45, 0.15, 0.3]


def log_probabilities(count: int = 2) -> list[torch.Tensor]:
    return [x.log_softmax(-1) for x in outputs(count, N, K)]


def test_the_loss_equals_the_slow_loops():
    log_p, log_q = log_probabilities()
    p, q = log_p.exp().numpy(), log_q.exp().numpy()
    prior = torch.tensor(PRIOR, dtype=torch.float64)
    assert float(consistency(log_p, log_q)) == pytest.approx(slow_consistency(p, q), rel=1e-9)
    assert float(marginal_entropy(log_p)) == pytest.approx(slow_entropy(p), rel=1e-9)
    assert float(marginal_kl(log_p, prior)) == pytest.approx(slow_marginal_kl(p, PRIOR), rel=1e-9)
    published = slow_consistency(p, q) - 2.5 * slow_entropy(p)
    assert float(fusc_loss(log_p, log_q, lam=2.5)) == pytest.approx(published, rel=1e-9)
    with_prior = slow_consistency(p, q) + 2.5 * slow_marginal_kl(p, PRIOR)
    assert float(fusc_loss(log_p, log_q, lam=2.5, prior=prior)) == pytest.approx(with_prior, rel=1e-9)


def test_several_heads_are_several_losses():
    log_p, log_q, log_r, log_s = log_probabilities(4)
    prior = torch.tensor(PRIOR, dtype=torch.float64)
    both = fusc_loss(torch.stack([log_p, log_r]), torch.stack([log_q, log_s]), lam=3.0, prior=prior)
    one, other = fusc_loss(log_p, log_q, lam=3.0, prior=prior), fusc_loss(log_r, log_s, lam=3.0, prior=prior)
    assert both.tolist() == pytest.approx([float(one), float(other)])


def test_a_uniform_prior_is_the_entropy_but_for_a_constant():
    (log_p, log_q), lam = log_probabilities(), 1.7
    uniform = torch.full((K,), 1 / K, dtype=torch.float64)
    with_prior, published = fusc_loss(log_p, log_q, lam=lam, prior=uniform), fusc_loss(log_p, log_q, lam=lam)
    assert float(with_prior - published) == pytest.approx(lam * math.log(K))


def test_one_hot_pairs_of_equal_clusters_lose_minus_lambda_log_k():
    sure = torch.full((8, K), -60.0, dtype=torch.float64)
    sure[torch.arange(8), torch.arange(8) % K] = 0.0
    assert float(fusc_loss(sure, sure, lam=5.0)) == pytest.approx(-5 * math.log(K))
    assert float(fusc_loss(sure, sure, lam=0.0)) == pytest.approx(0.0, abs=1e-12)


def test_gradients_stay_finite_where_a_pair_is_surely_apart():
    logits = torch.tensor([[300.0, 0.0], [0.0, 300.0]], requires_grad=True)
    log_p = logits.log_softmax(-1)
    fusc_loss(log_p, log_p.flip(0), lam=1.0).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_the_surest_of_each_cluster_are_kept(share):
    log_p = (2 * outputs(1, 40, K)[0]).log_softmax(-1)
    assert confident(log_p, share=share).tolist() == slow_confident(log_p.exp().numpy(), share)


def test_nobody_is_kept_where_nobody_is_sure():
    assert not confident(torch.zeros(5, 3).log_softmax(-1), share=1.0).any()


def test_self_labelling_equals_the_slow_loop():
    logits = outputs(1, N, K)[0]
    clusters = [0, 0, 1, 3, 0, 1, 0, 3, 3, 0, 0]
    kept = [True, False, True, True, True, True, True, False, True, True, False]
    for shares in (None, PRIOR):
        given = None if shares is None else torch.tensor(shares)
        found = self_label_loss(logits, torch.tensor(clusters), torch.tensor(kept), shares=given)
        expected = slow_self_label(logits.numpy(), clusters, kept, shares or [1.0] * K)
        assert float(found) == pytest.approx(expected, rel=1e-6)


def test_a_batch_without_a_sure_item_changes_nothing():
    logits = outputs(1, N, K)[0].requires_grad_()
    nobody = torch.zeros(N, dtype=torch.bool)
    loss = self_label_loss(logits, torch.zeros(N, dtype=torch.int64), nobody)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_turtle_equals_the_slow_loop():
    tau, *log_q = log_probabilities(3)
    found = turtle_loss(tau.exp(), log_q, lam=10.0)
    expected = slow_turtle(tau.exp().numpy(), [np.exp(q.numpy()) for q in log_q], 10.0)
    assert float(found) == pytest.approx(expected, rel=1e-9)
