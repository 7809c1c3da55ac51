import pytest
import torch

from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.objectives.classify import Classify, ClassifySettings
from sslecho.train.layers import layer_of_weight, rate_of_weight, train_last
from sslecho.train.learner import Learner, make_optimizer, rates_of


def net_of(name, size):
    return Encoder(name, image_size=size, mean=0.5, std=0.3).net


@pytest.mark.parametrize(
    ("name", "size", "first", "last", "n_layers"),
    [
        ("test_resnet", 32, "conv1", "layer4", 5),
        ("test_vit", 32, "patch_embed", "blocks", None),
        ("madani-60x80", (60, 80), "blocks", "hidden", 2),
        ("chartsias-192", 192, "blocks", "blocks", 1),
    ],
)
def test_layers_go_from_the_stem_to_the_top(name, size, first, last, n_layers):
    net = net_of(name, size)
    layers = layer_of_weight(net)
    assert set(layers) == {name for name, _ in net.named_parameters()}
    numbers = set(layers.values())
    assert numbers == set(range(len(numbers)))
    assert n_layers is None or len(numbers) == n_layers
    assert any(weight.startswith(first) and number == 0 for weight, number in layers.items())
    assert any(weight.startswith(last) and number == max(numbers) for weight, number in layers.items())


def test_the_last_layers_learn():
    net = net_of("test_resnet", 32)
    assert train_last(net, 2) == 2
    assert {name.split(".")[0] for name, w in net.named_parameters() if w.requires_grad} == {"layer3", "layer4"}
    assert train_last(net, None) == 5
    assert all(w.requires_grad for w in net.parameters())
    assert train_last(net, 0) == 0
    assert not any(w.requires_grad for w in net.parameters())
    with pytest.raises(InputError, match=r"more layers than the encoder has, which are 5"):
        train_last(net, 6)


def test_lower_layers_learn_the_slower():
    encoder = Encoder("test_resnet", image_size=32, mean=0.5, std=0.3)
    rates = rate_of_weight(encoder.net, 0.5)
    assert rates["layer4.0.conv1.weight"] == 0.5
    assert rates["layer1.0.conv1.weight"] == 0.5**4
    head = LinearHead(encoder.dim, (2,))
    learner = Learner(encoder, Classify(encoder, ClassifySettings(), head=head, counts=torch.ones(2)))
    made = make_optimizer(learner, name="adamw", lr=0.1, weight_decay=0.2, rates=rates_of(encoder, 0.5))
    found = {id(w): (group["lr_scale"], group["weight_decay"]) for group in made.param_groups for w in group["params"]}
    assert len(found) == sum(1 for _ in learner.parameters())
    assert found[id(head.layers[0].weight)] == (1.0, 0.2)
    assert found[id(head.layers[0].bias)] == (1.0, 0.0)
    assert found[id(encoder.net.layer4[0].conv1.weight)] == (0.5, 0.2)
    assert found[id(encoder.net.layer4[0].bn1.bias)] == (0.5, 0.0)
    assert rates_of(encoder, 1.0) == {}
