import numpy as np
import pytest
import torch
from torch import nn

from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.objectives.classify import Classify, ClassifySettings
from sslecho.train.learner import Learner
from sslecho.train.validation import TIES, Validation, frame_outputs, means

PICTURES = np.random.default_rng(0).integers(0, 256, (30, 32, 32)).astype(np.uint8)
ROWS = np.array([3, 7, 8, 20, 21, 29])
CLIP = np.array([1, 0, 1, 2, 3, 3])
TRUTH = np.array([0, 2, 1, 2])


def made():
    torch.manual_seed(0)
    encoder = Encoder("test_resnet", image_size=32, mean=0.5, std=0.3)
    head = LinearHead(encoder.dim, (3,), dropout=0.5)
    return Learner(encoder, Classify(encoder, ClassifySettings(), head=head, counts=torch.ones(3)))


def test_figures_are_of_clips_by_the_mean_of_their_frames():
    module = made().eval()
    watch = Validation(lambda rows: PICTURES[rows], ROWS, clip_of_row=CLIP, truth=TRUTH)
    seen = watch.check(module, step=4, total=8)
    with torch.no_grad():
        views = torch.from_numpy(PICTURES[ROWS])[:, None].float() / 255
        p = module.objective.head(module.encoder(views)).softmax(1).double().numpy()
    of_clip = [np.mean([p[i] for i in range(6) if CLIP[i] == clip], axis=0) for clip in range(4)]
    right = [float(np.argmax(q) == t) for q, t in zip(of_clip, TRUTH, strict=True)]
    recalls = [right[0], right[2], (right[1] + right[3]) / 2]
    losses = [-np.log(q[t]) for q, t in zip(of_clip, TRUTH, strict=True)]
    loss = np.mean([losses[0], losses[2], (losses[1] + losses[3]) / 2])
    assert seen["val_balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert seen["val_loss"] == pytest.approx(loss, rel=1e-5)
    assert seen[watch.score] == pytest.approx(np.mean(recalls) - TIES * loss)


def test_outputs_are_in_eval_mode_and_the_modes_come_back():
    module = made().train()
    encoder, head = module.encoder, module.objective.head
    before = {name: value.clone() for name, value in module.state_dict().items()}
    first, second = (
        frame_outputs(lambda rows: PICTURES[rows], ROWS, encoder, head, then=lambda o: o) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)  # no dropout
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert encoder.training
    assert head.training
    assert all(part.training for part in encoder.modules() if isinstance(part, nn.BatchNorm2d))


def test_means_are_of_groups():
    values = np.array([[1.0, 2.0], [3.0, 5.0], [7.0, 1.0]])
    np.testing.assert_allclose(means(values, np.array([1, 0, 1]), 2), [[3.0, 5.0], [4.0, 1.5]])
