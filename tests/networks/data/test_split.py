"""What is held out for validation, and which parts of the images are measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.images.image_set import ImageSet
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.data.regions import CROPS, make_regions
from dlcli.networks.data.split import GAP, fold, split, spread, stratified


@given(
    counts=st.lists(st.integers(1, 40), min_size=2, max_size=6), fraction=st.floats(0.01, 0.9), seed=st.integers(0, 5)
)
def test_every_class_is_held_out_and_trained_on_by_its_share(counts, fraction, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    train, val = split(len(labels), fraction, seed, labels)
    assert sorted(train + val) == list(range(len(labels)))
    for code, count in enumerate(counts):
        held = int((labels[val] == code).sum())
        assert held == 0 if count == 1 else 1 <= held < count
        assert abs(held - fraction * count) <= 1 or held in (0, 1, count - 1)


def test_a_rare_class_is_held_out_whatever_the_seed():
    """Of 190 and 10 images, 5% held out had none of the rare class for 56% of the seeds."""
    labels = np.repeat([0, 1], [190, 10])
    assert all((labels[split(200, 0.05, seed, labels)[1]] == 1).any() for seed in range(200))


def test_a_sample_of_sorted_classes_has_them_all():
    """2,500 images of ten classes in their order, of which 2,000 are measured: no class is left out."""
    labels = np.repeat(np.arange(10), 250)
    chosen = labels[stratified(labels, 2000)]
    assert np.bincount(chosen).tolist() == [200] * 10
    assert set(labels[stratified(np.repeat([0, 1], [2499, 1]), 20)]) >= {0}
    assert stratified(np.repeat([0, 1], [2499, 1]), 20)[-1] == 2499


def test_folds_of_classes_are_dealt_out_evenly():
    labels = np.repeat([0, 1, 2], [30, 9, 3])
    parts = [fold(42, 3, number, 0, labels) for number in range(3)]
    assert sorted(i for _, val in parts for i in val) == list(range(42))
    assert {tuple(np.bincount(labels[val], minlength=3)) for _, val in parts} == {(10, 3, 1)}


@given(count=st.integers(1, 300), wanted=st.integers(1, 50))
def test_a_spread_sample_covers_the_range(count, wanted):
    chosen = spread(count, wanted)
    assert len(set(chosen)) == min(count, wanted)
    assert chosen == sorted(chosen)
    widest = max(np.diff([-1, *chosen, count]))
    assert widest <= count / min(count, wanted) + 1


def images(shapes, held):
    """Training images of these heights and widths, the first ``held`` of them held out; pixels tell their place."""
    arrays = [np.full((*shape, 1), number, np.uint8) for number, shape in enumerate(shapes)]
    image_set = ImageSet.of_arrays(arrays)
    train = image_set.subset(range(held, len(shapes)))
    sides = sorted(min(train.shape(i)) for i in range(len(train)))
    return TrainingImages(train, image_set.subset(range(held)) if held else None, side=sides[len(sides) // 2])


@pytest.mark.parametrize("shape", [(180, 180), (300, 200), (200, 300)])
@pytest.mark.parametrize(("side", "margin", "multiple"), [(96, 0, 1), (64, 12, 1), (48, 8, 4)])
def test_where_one_image_is_held_out_strips_of_seven_others_are_measured_and_never_trained_on(
    shape, side, margin, multiple
):
    found = make_regions(images([shape] * 12, 1), side, margin, multiple, 3)
    assert (found.held, found.lent, found.enough, found.warnings) == (1, 7, True, ())
    (train,), (checked,) = found.train, found.checked
    names = {checked.names[i] for i in range(len(checked))}
    assert len(names) == 8
    for i in range(len(train)):
        height, width = train.shape(i)
        assert min(height, width) >= side + 2 * margin
        parts = [checked.shape(j) for j in range(len(checked)) if checked.names[j] == train.names[i]]
        lost = max(shape[0] - height, shape[1] - width)
        assert bool(parts) == bool(lost)
        if lost:  # the crops lie in the strip, and a gap is between
            assert all(min(part) <= lost - GAP and part[0] % multiple == part[1] % multiple == 0 for part in parts)


def test_a_few_large_images_are_measured_in_many_crops():
    found = make_regions(images([(800, 900)] * 4, 1), 96, 0, 1, 1)
    assert len(found.checked[0]) == CROPS
    assert (found.held, found.lent) == (1, 0)


def test_images_too_small_to_lend_are_said():
    found = make_regions(images([(64, 64)] * 12, 1), 64, 0, 1, 3)
    assert (found.held, found.lent, found.enough) == (1, 0, False)
    assert "1 crop of 1 image only" in found.warnings[0]


def test_many_held_out_images_are_sampled_from_first_to_last():
    found = make_regions(images([(40, 40)] * 200, 150), 40, 0, 1, 1)
    numbers = [int(name.split("-")[1]) for name in found.checked[0].names]
    assert len(numbers) == CROPS
    assert min(numbers) < 5
    assert max(numbers) >= 145


def test_small_images_are_mirrored_or_left_out_and_named():
    found = make_regions(images([(120, 120)] * 20 + [(10, 10), (70, 200)], 0), 96, 0, 1, 1)
    assert len(found.train[0]) == 21
    small = "1 image is left out of training, being smaller than half of the crop of 96 pixels: image-020 (10 x 10)"
    assert found.warnings == (small,)
    mirrored = "1 image is continued by mirroring, being smaller than the crop of 96 pixels: image-021 (200 x 70)"
    assert found.notes == (mirrored,)


def test_crops_to_measure_have_room_for_a_large_blur():
    """A kernel of 127 pixels has a margin of 126, and can't be applied to a crop of 96."""
    found = make_regions(images([(400, 400)] * 12, 1), 96, 126, 1, 1)
    shapes = [found.checked[0].shape(i) for i in range(len(found.checked[0]))]
    assert min(map(min, shapes)) > 126
