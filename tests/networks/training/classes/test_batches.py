"""Batches of class images: what is chosen for photographs and for digits, and what a batch then holds."""

import numpy as np
import pytest
import torch

from dlcli.images.crops import CropSampler
from dlcli.images.image_set import ImageSet
from dlcli.networks.data.looks import looks_drawn
from dlcli.networks.training.classes.batches import ClassBatches
from dlcli.networks.training.settings import BatchSettings, ClassSettings
from tests.networks.examples import smooth

PLAIN = ClassSettings()


def photographs(count=12, side=16):
    arrays = [smooth(side, side, 3, seed) for seed in range(count)]
    return ImageSet.of_arrays(arrays, labels=[i % 3 for i in range(count)], classes=("ant", "bee", "cat"))


def batches(augment, settings, seed=0):
    images = photographs()
    sampler = CropSampler([images], 16, 0, flips=augment == "flips", seed=seed)
    return ClassBatches(sampler, BatchSettings(8, 16, augment, seed), "cpu", settings)


@pytest.mark.parametrize("augment", ["none", "flips", "shifts", "photos"])
def test_plain_batches_have_numbers_of_classes(augment):
    batch = batches(augment, PLAIN)(2, 8)
    assert batch.target.dtype == torch.int64
    assert batch.input.shape == (8, 3, 16, 16)


@pytest.mark.parametrize(
    "settings",
    [ClassSettings(jitter=0.2), ClassSettings(smoothing=0.1), ClassSettings(mixup=1.0), ClassSettings(cutmix=1.0),
     ClassSettings(weight="balanced")],
)  # fmt: skip
def test_a_batch_depends_on_seed_and_step_alone(settings):
    first, again = batches("photos", settings)(3, 8), batches("photos", settings)(3, 8)
    assert torch.equal(first.input, again.input)
    assert torch.equal(first.target, again.target)
    other = batches("photos", settings)(4, 8)
    assert not torch.equal(first.input, other.input)
    if settings.jitter == 0:
        torch.testing.assert_close(first.target.sum(1), torch.ones(8))


def test_the_target_follows_the_image():
    """Of one image in each class, by color, mixed by mixup without augmentation."""
    levels = np.array([0, 100, 200])
    arrays = [np.full((8, 8), level, np.uint8) for level in levels]
    images = ImageSet.of_arrays(arrays, labels=[0, 1, 2], classes=("a", "b", "c"))
    sampler = CropSampler([images], 8, 0, flips=False, seed=0)
    made = ClassBatches(sampler, BatchSettings(3, 8, "none", 0), "cpu", ClassSettings(mixup=1.0))(1, 3)
    means = made.target @ torch.tensor(levels, dtype=torch.float32)
    torch.testing.assert_close(made.input.mean((1, 2, 3)) * 255, means)


def digits(ink, ground, noise=0):
    random = np.random.default_rng(0)
    made = []
    for _ in range(8):
        image = np.full((20, 20), ground) + random.normal(0, noise, (20, 20))
        top, left = random.integers(3, 8, 2)
        image[top : top + 9, left : left + 4] = ink
        made.append(np.clip(image, 0, 255).astype(np.uint8))
    return ImageSet.of_arrays(made)


def test_drawings_are_told_from_photographs(shared):
    assert looks_drawn(digits(255, 0))
    assert looks_drawn(digits(10, 240))
    assert not looks_drawn(digits(255, 100, noise=12))
    assert not looks_drawn(photographs())
    from dlcli.images.image_set import open_image_set

    assert looks_drawn(open_image_set([str(shared / "mnist")], part="test").subset(range(0, 10_000, 100)))
    clean = open_image_set([str(shared / "polyu/clean")])
    crops = [clean.pixels(i)[top : top + 64, top : top + 64] for i in range(0, 24, 3) for top in (0, 150, 300)]
    assert not looks_drawn(ImageSet.of_arrays(crops))
