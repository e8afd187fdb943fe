"""Splitting the images of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.errors import DlcliError
from dlcli.images.dead_leaves import dead_leaves
from dlcli.networks.data.load import TrainingImages, fold_of, split


@given(count=st.integers(1, 60), fraction=st.floats(0, 0.99), seed=st.integers(0, 5))
def test_a_split_is_a_partition_and_leaves_something_to_train_on(count, fraction, seed):
    train, val = split(count, fraction, seed)
    assert sorted(train + val) == list(range(count))
    assert train
    assert bool(val) == bool(fraction and count > 1)


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_each_image_is_held_out_in_one_fold_and_trained_on_in_the_others(folds):
    image_set = dead_leaves(7, 16, 0, 1)
    whole = TrainingImages(image_set, None, image_set, None, 16)
    parts = [fold_of(whole, folds, fold, 0) for fold in range(folds)]
    held = [name for part in parts for name in part.val.names]
    assert sorted(held) == sorted(image_set.names)
    for part in parts:
        assert sorted(part.train.names + part.val.names) == sorted(image_set.names)
        assert (part.train_inputs.names, part.val_inputs.names) == (part.train.names, part.val.names)
    sizes = [len(part.val) for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_more_folds_than_images_are_refused():
    whole = TrainingImages(dead_leaves(3, 16, 0, 1), None, side=16)
    with pytest.raises(DlcliError, match="--cv 4: there are 3 images"):
        fold_of(whole, 4, 0, 0)
