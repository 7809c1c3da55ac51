import numpy as np
import pytest

from sslecho.data.balanced import balanced_batches

# Class 0 has five clips of four frames, class 1 one long clip and a short one, class 2 a single frame.
CLIPS = np.repeat(np.arange(8), [4, 4, 4, 4, 4, 17, 2, 1])
LABELS = np.repeat([0, 0, 0, 0, 0, 1, 1, 2], [4, 4, 4, 4, 4, 17, 2, 1])
ROWS = np.delete(np.arange(40), 3)  # one frame is not learned from


def drawn(*, epoch=0, batch_size=6, seed=5):
    return balanced_batches(ROWS, CLIPS, LABELS, batch_size=batch_size, seed=seed, epoch=epoch)


def test_classes_are_equally_frequent_and_so_are_the_clips_of_a_class():
    batches = drawn()
    assert batches.shape == (6, 6)
    assert np.isin(batches, ROWS).all()
    assert np.bincount(LABELS[batches.ravel()]).tolist() == [12, 12, 12]
    of_clip = np.bincount(CLIPS[batches.ravel()], minlength=8)
    assert of_clip[:5].max() - of_clip[:5].min() <= 1
    assert of_clip[5:].tolist() == [6, 6, 12]


@pytest.mark.parametrize("batch_size", [1, 5, 39])
def test_what_does_not_divide_is_one_frame_more_of_some_classes(batch_size):
    sizes = np.bincount(LABELS[drawn(batch_size=batch_size).ravel()], minlength=3)
    assert sizes.max() - sizes.min() <= 1
    more = [np.bincount(LABELS[drawn(batch_size=5, epoch=e).ravel()]).argmax() for e in range(20)]
    assert len(set(more)) > 1  # not the same class in every epoch


def test_an_epoch_is_a_function_of_seed_and_number():
    np.testing.assert_array_equal(drawn(epoch=3), drawn(epoch=3))
    assert (drawn(epoch=3) != drawn(epoch=4)).any()
    assert (drawn(seed=3) != drawn(seed=4)).any()


def test_every_frame_has_its_turn():
    seen = {int(row) for epoch in range(60) for row in drawn(epoch=epoch).ravel()}
    assert seen == set(ROWS.tolist())
