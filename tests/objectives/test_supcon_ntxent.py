import pytest
import torch
from asymmetric import outputs
from reference.losses import slow_supcon
from reference.ntxent import slow_nt_xent

from sslecho.models.encoder import Encoder
from sslecho.objectives.objective import Known, Now
from sslecho.objectives.simclr import nt_xent
from sslecho.objectives.supcon_ntxent import SupConNTXent, SupConNTXentSettings

NOW = Now(0, 1, 0.0)


def made(**settings):
    encoder = Encoder("resnet10t", image_size=32, mean=0.5, std=0.3)
    return SupConNTXent(encoder, SupConNTXentSettings(**settings))


def test_equals_the_sum_of_the_slow_loops():
    first, second = (view.float() for view in outputs(2, 6, 5))
    clips, labels = [0, 0, 1, 2, 3, 4], [7, 7, -1, 2, 2, -1]
    # Frames that share a clip or a known class are no negatives: to the slow loops they are one group. No frame
    # here shares its clip with one frame and its class with another.
    groups = [0, 0, 1, 2, 2, 4]
    arrays = first.double().numpy(), second.double().numpy()
    expected = slow_nt_xent(*arrays, groups, 0.1)
    expected += 0.5 * slow_supcon(*arrays, clips, labels, temperature=0.1, form="out")
    found = made(weight=0.5).loss((first, second), Known(torch.tensor(clips), torch.tensor(labels), NOW))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_is_simclr_without_labels():
    first, second = (view.float() for view in outputs(2, 6, 5))
    clips = torch.tensor([0, 0, 1, 2, 3, 4])
    found = made().loss((first, second), Known(clips, torch.full((6,), -1), NOW))
    assert float(found) == pytest.approx(float(nt_xent(first, second, clips, temperature=0.1)), rel=1e-6)
