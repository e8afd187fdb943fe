"""Training crops: from where they are cut, and that they depend on the seed and the step alone."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from dlcli.images.crops import TURNS, CropSampler, turned
from dlcli.images.image_set import ImageSet, ReadLimits, open_image_set
from tests.thinning.examples import examples


def images(*shapes, channels=1, seed=0):
    random = np.random.default_rng(seed)
    return ImageSet.of_arrays([random.integers(0, 256, (*s, channels), dtype=np.uint8) for s in shapes])


def places(image, crop):
    """Corners (y, x) where ``crop`` (h, w, C) stands in ``image`` (H, W, C)."""
    windows = sliding_window_view(image, crop.shape)[:, :, 0]
    return np.argwhere((windows == crop).all(axis=(2, 3, 4)))


def last(batch):
    """(B, C, H, W) as (B, H, W, C)."""
    return batch.transpose(0, 2, 3, 1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("margin", [0, 2])
def test_crops_are_cut_from_their_image(channels, margin):
    image_set = images((20, 30), (16, 12), (25, 25), channels=channels)
    sampler = CropSampler([image_set], 8, margin, flips=False, seed=1)
    corners = set()
    for step in range(20):
        (batch,) = sampler.batch(step, 4)
        assert batch.shape == (4, channels, 8 + 2 * margin, 8 + 2 * margin)
        assert batch.dtype == np.uint8
        assert batch.flags.c_contiguous
        for crop, index in zip(last(batch), sampler.indices(step, 4), strict=True):
            found = places(image_set.pixels(index), crop)
            assert len(found) == 1
            corners.add((index, *found[0]))
    assert len(corners) > 50


def test_every_place_occurs():
    image_set = images((9, 10))
    sampler = CropSampler([image_set], 8, 0, flips=False, seed=0)
    corners = {tuple(places(image_set.pixels(0), last(sampler.batch(step, 1)[0])[0])[0]) for step in range(200)}
    assert corners == {(y, x) for y in range(2) for x in range(3)}


@settings(max_examples=examples(50))
@given(count=st.integers(1, 13), size=st.integers(1, 9), seed=st.integers(0, 2**63 - 1))
def test_each_epoch_takes_each_image_once(count, size, seed):
    sampler = CropSampler([images(*[(8, 8)] * count)], 8, 0, flips=False, seed=seed)
    steps = -(-3 * count // size)
    drawn = [index for step in range(steps) for index in sampler.indices(step, size)][: 3 * count]
    for epoch in range(3):
        assert sorted(drawn[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_epochs_and_seeds_have_orders_of_their_own():
    image_set = images(*[(8, 8)] * 30)
    orders = {
        tuple(CropSampler([image_set], 8, 0, flips=False, seed=seed).indices(epoch, 30))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


@settings(max_examples=examples(25))
@given(order=st.permutations(range(9)), seed=st.integers(0, 1000), size=st.integers(1, 5))
def test_a_batch_depends_on_the_seed_and_its_number_only(order, seed, size):
    image_set = images((20, 14), (11, 11), (30, 9), channels=3)
    made = [CropSampler([image_set], 8, 1, flips=True, seed=seed).batch(step, size)[0] for step in range(9)]
    sampler = CropSampler([image_set], 8, 1, flips=True, seed=seed)
    for step in order:
        assert np.array_equal(sampler.batch(step, size)[0], made[step])


def test_other_seeds_have_other_crops():
    image_set = images((60, 60))
    batches = [CropSampler([image_set], 8, 0, flips=True, seed=seed).batch(0, 4)[0] for seed in (0, 1, 2**63 - 1)]
    assert not np.array_equal(batches[0], batches[1])
    assert not np.array_equal(batches[0], batches[2])


def test_pairs_are_cut_and_turned_alike():
    inputs = images((20, 26), (15, 33), (8, 8), channels=3)
    targets = ImageSet.of_arrays([255 - inputs.pixels(i) for i in range(3)])
    sampler = CropSampler([inputs, targets], 12, 0, flips=True, seed=3)
    for step in range(30):
        first, second = sampler.batch(step, 4)
        assert np.array_equal(second, 255 - first)


def test_the_eight_turns_are_the_symmetries_of_a_square():
    square = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    by_hand = {
        "same": square,
        "quarter": square.transpose(1, 0, 2)[::-1],
        "half": square[::-1, ::-1],
        "three quarters": square.transpose(1, 0, 2)[:, ::-1],
        "left-right": square[:, ::-1],
        "up-down": square[::-1],
        "diagonal": square.transpose(1, 0, 2),
        "other diagonal": square[::-1, ::-1].transpose(1, 0, 2),
    }
    made = [turned(square, number).tobytes() for number in range(TURNS)]
    assert set(made) == {np.ascontiguousarray(image).tobytes() for image in by_hand.values()}
    assert len(set(made)) == 8
    assert made[0] == square.tobytes()


def test_all_turns_occur_about_equally():
    square = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    sampler = CropSampler([ImageSet.of_arrays([square])], 8, 0, flips=True, seed=0)
    turns = {np.ascontiguousarray(turned(square, n)).tobytes(): n for n in range(TURNS)}
    counts = np.zeros(TURNS, int)
    for crop in (crop for step in range(50) for crop in last(sampler.batch(step, 16)[0])):
        counts[turns[np.ascontiguousarray(crop).tobytes()]] += 1
    assert counts.sum() == 800
    # 100 each, with a deviation of 9.4.
    assert counts.min() > 60
    assert counts.max() < 140


def test_without_flips_nothing_is_turned():
    square = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    (batch,) = CropSampler([ImageSet.of_arrays([square])], 8, 0, flips=False, seed=0).batch(0, 40)
    assert all(np.array_equal(crop, square) for crop in last(batch))


@pytest.mark.parametrize("shape", [(8, 8), (9, 30), (30, 9), (8, 13), (3, 40)])
def test_images_too_small_for_the_margin_are_reflected(shape):
    image_set = images(shape)
    image = image_set.pixels(0)
    margin = 5
    sampler = CropSampler([image_set], 8, margin, flips=False, seed=2)
    down, right = (max(18 - side, 0) for side in shape)
    rows, columns = (
        mirrored(side, lack // 2, lack - lack // 2) for side, lack in zip(shape, (down, right), strict=True)
    )
    extended = image[np.ix_(rows, columns)]
    for step in range(10):
        crop = last(sampler.batch(step, 1)[0])[0]
        assert crop.shape == (18, 18, 1)
        assert len(places(extended, crop)) >= 1


def mirrored(side, before, after):
    """Indices that continue 0..side - 1 by reflection with the border repeated: 1 0 | 0 1 2 | 2 1."""
    place = np.arange(-before, side + after) % (2 * side)
    return np.where(place < side, place, 2 * side - 1 - place)


def test_images_on_disk_give_the_crops_of_those_in_memory_from_any_thread(tmp_path):
    for number, pixels in enumerate(images(*[(40, 50 + i) for i in range(6)])._sources):
        Image.fromarray(pixels[..., 0]).save(tmp_path / f"{number}.png")
    held, read = (open_image_set([str(tmp_path)], limits=ReadLimits(memory=m)) for m in (None, 5000))
    assert not CropSampler([read], 32, 2, flips=True, seed=1).in_memory
    one, other = (CropSampler([s], 32, 2, flips=True, seed=1) for s in (held, read))
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda step: other.batch(step, 4)[0], range(20)))
    assert all(np.array_equal(one.batch(step, 4)[0], batch) for step, batch in enumerate(found))


def test_an_image_on_disk_is_decoded_once_for_several_crops(tmp_path):
    for number, pixels in enumerate(images(*[(64, 64)] * 8)._sources):
        Image.fromarray(pixels[..., 0]).save(tmp_path / f"{number}.png")
    read = open_image_set([str(tmp_path)], limits=ReadLimits(memory=2 * 3 * 64 * 64))
    sampler = CropSampler([read], 16, 0, flips=False, seed=0)
    assert (read.at_hand, sampler.at_a_time) == (3, 16)
    loads = []
    counted = tuple(counting(source, i, loads) for i, source in enumerate(read._sources))
    sampler.sets = (replace(read, _sources=counted),)
    passed = [sampler.indices(step, 4) for step in range(32)]
    assert Counter(i for batch in passed for i in batch) == dict.fromkeys(range(8), 16)
    assert len({i for batch in passed[:12] for i in batch}) == 3
    for step in range(32):
        sampler.batch(step, 4)
    assert sorted(loads) == list(range(8))


def counting(source, number, loads):
    def load():
        loads.append(number)
        return source()

    return load
