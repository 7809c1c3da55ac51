import torch

from sslecho.models.heads import LinearHead


def test_new_outputs_leave_the_old_ones_as_they_are_to_the_last_bit():
    torch.manual_seed(0)
    head = LinearHead(77, (5,), dropout=0.3).eval()
    embedded = torch.randn(33, 77)
    before = head(embedded)
    grown = head.expanded(1).eval().expanded(2).eval()
    after = grown(embedded)
    assert grown.sizes == (5, 1, 2)
    assert after.shape == (33, 8)
    assert torch.equal(after[:, :5], before)
    assert grown.dropout.p == 0.3


def test_a_grown_head_learns_without_the_old_one():
    head = LinearHead(4, (2,))
    grown = head.expanded(1)
    with torch.no_grad():
        grown.layers[0].weight.zero_()
    assert head.layers[0].weight.abs().sum().item() > 0
