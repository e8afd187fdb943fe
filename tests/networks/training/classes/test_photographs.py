"""Augmentations of photographs: against NumPy's padding, and properties."""

import numpy as np
import torch

from dlcli.networks.training.classes.photographs import jittered, moved_and_mirrored


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_images_are_cut_from_their_reflections_mirrored_or_not():
    images = torch.rand((64, 3, 16, 24), generator=generator(1))
    made = moved_and_mirrored(images, generator()).numpy()
    offsets = set()
    for image, new in zip(images.numpy(), made, strict=True):
        padded = np.pad(image, ((0, 0), (2, 2), (3, 3)), mode="reflect")
        found = [
            (top, left, mirrored) for top in range(5) for left in range(7) for mirrored in (False, True)
            if np.array_equal(padded[:, top : top + 16, left : left + 24][:, :, :: -1 if mirrored else 1], new)
        ]  # fmt: skip
        assert len(found) == 1
        offsets.add(found[0])
    assert {top for top, _, _ in offsets} == set(range(5))
    assert {left for _, left, _ in offsets} == set(range(7))
    assert 16 < sum(mirrored for _, _, mirrored in offsets) < 48


def test_the_same_generator_gives_the_same_images():
    images = torch.rand((5, 1, 9, 9), generator=generator(1))
    assert torch.equal(moved_and_mirrored(images, generator(3)), moved_and_mirrored(images, generator(3)))


def test_colors_change_by_at_most_the_strength():
    images = torch.rand((200, 3, 4, 4), generator=generator(1))
    assert torch.equal(jittered(images, 0.0, generator()), images)
    factors = jittered(images, 0.1, generator()).mean((1, 2, 3)) / images.mean((1, 2, 3))
    assert 0.85 < float(factors.min()) < 0.95 < 1.05 < float(factors.max()) < 1.15
    gray = torch.full((50, 3, 4, 4), 0.5)
    changed = jittered(gray, 0.3, generator())
    torch.testing.assert_close(changed, changed.mean((1, 2, 3), keepdim=True).expand_as(changed))  # of one color still
