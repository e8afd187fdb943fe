"""Splitting the images of a run."""

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from dlcli.engine.progress import Silent
from dlcli.errors import DlcliError
from dlcli.images.dead_leaves import dead_leaves
from dlcli.networks.data.load import ImageSettings, TrainingImages, fold_of, read_images, split


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


@pytest.mark.parametrize("val", [0.25, 0.05])
def test_the_range_of_class_images_is_that_of_those_that_train(tmp_path, val):
    """Images that are held out say nothing of what becomes black and white."""
    for name in "ab":
        for i in range(20):
            (tmp_path / name).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / name / f"{i:02d}.tif", np.full((16, 16), 100 + 50 * i, np.uint16))
    settings = ImageSettings((str(tmp_path),), "classify", None, None, val, val == 0.25, 16, 16, 8, 0)
    held = read_images(settings, Silent()).val.names
    for name in held:
        tifffile.imwrite(tmp_path / name, np.full((16, 16), 60_000, np.uint16))
    images = read_images(settings, Silent())
    assert images.val.names == held
    trained = [100 + 50 * int(name[2:4]) for name in images.train.names]
    scale = images.scales.inputs
    assert scale.low[0] == pytest.approx(min(trained), abs=1)
    assert scale.high[0] == pytest.approx(max(trained), abs=1)
