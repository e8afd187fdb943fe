"""Missing pixels: how many, the same in all channels, and filled from the known ones, which are kept."""

import numpy as np
import pytest
import torch

from dlcli.degradations.mask import Inpaint, fill_missing
from dlcli.errors import DlcliError


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def mask_of(height, width, *missing):
    mask = np.zeros((height, width), dtype=bool)
    for place in missing:
        mask[place] = True
    return mask


def test_the_fraction_is_missing_in_all_channels_alike():
    clean = torch.full((8, 3, 100, 100), 0.5)
    seen = Inpaint(0.3).observe(clean, seeded())
    missing = seen.input[:, 3]
    assert set(missing.unique().tolist()) == {0.0, 1.0}
    assert float(missing.mean()) == pytest.approx(0.3, abs=4 * (0.21 / missing.numel()) ** 0.5)
    for channel in range(3):
        assert torch.equal(seen.shown[:, channel] == 0, missing == 1)
    assert not torch.equal(missing[0], missing[1])


def test_known_pixels_are_kept_and_missing_ones_unseen():
    clean = torch.rand((2, 3, 20, 31), generator=seeded()) + 0.1
    seen = Inpaint(0.6).observe(clean, seeded())
    missing = seen.input[:, 3:].bool().expand_as(clean)
    assert torch.equal(seen.base[~missing], clean[~missing])
    assert torch.equal(seen.shown[~missing], clean[~missing])
    blind = torch.where(missing, torch.nan, clean)
    assert torch.equal(Inpaint(0.6).prepare(blind, seen.input[:, 3:]).base, seen.base)


def test_one_hole_is_the_binomial_mean_of_its_neighbors():
    image = torch.zeros(1, 1, 8, 8)
    image[0, 0, [2, 4, 3, 3], [3, 3, 2, 4]] = 1  # beside the hole, each of weight 2 in 12; the corners have 1
    mask = mask_of(8, 8, (3, 3))
    assert float(Inpaint(mask=mask).prepare(image).base[0, 0, 3, 3]) == pytest.approx(8 / 12, abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (33, 50), (64, 64)])
def test_a_level_image_stays_level(size):
    image = torch.full((3, 1, *size), 0.7)
    missing = torch.rand((3, 1, *size), generator=seeded()) < 0.7
    missing[:, :, 0, 0] = False
    assert fill_missing(image * ~missing, missing).numpy() == pytest.approx(image.numpy(), abs=1e-5)


def test_a_large_hole_is_filled_smoothly():
    ramp = torch.linspace(0, 1, 64).expand(1, 1, 64, 64)
    mask = mask_of(64, 64, (slice(16, 48), slice(16, 48)))
    base = Inpaint(mask=mask).prepare(ramp).base
    assert float((base - ramp).abs().max()) < 0.25
    assert float((base[..., 1:] - base[..., :-1]).abs().max()) < 0.1


def test_an_image_with_nothing_known_is_black():
    filled = fill_missing(torch.zeros(1, 3, 5, 6), torch.ones(1, 1, 5, 6, dtype=torch.bool))
    assert torch.equal(filled, torch.zeros(1, 3, 5, 6))


def test_a_mask_is_used_as_it_is():
    mask = mask_of(6, 5, (1, 2), (5, 0))
    seen = Inpaint(mask=mask).observe(torch.full((2, 1, 6, 5), 0.5), seeded())
    assert np.array_equal(seen.input[1, 1].numpy() == 1, mask)


@pytest.mark.parametrize("size", [(4, 3), (6, 5), (11, 17)])
def test_a_tiled_mask_is_seen_from_random_places(size):
    mask = mask_of(6, 5, (1, 2), (5, 0), (3, 4))
    seen = Inpaint(mask=mask, tiled=True).observe(torch.full((40, 1, *size), 0.5), seeded())
    endless = np.tile(mask, (4, 5))
    places = set()
    for missing in seen.input[:, 1].numpy() == 1:
        windows = np.lib.stride_tricks.sliding_window_view(endless, size)[:6, :5]
        found = np.argwhere((windows == missing).all(axis=(2, 3)))
        assert len(found)
        places.add(tuple(found[0]))
    assert len(places) > 10


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: Inpaint(), "either by a fraction or by a mask"),
        (lambda: Inpaint(0.5, mask_of(2, 2)), "either by a fraction or by a mask"),
        (lambda: Inpaint(1.0), "1 is not a fraction"),
        (lambda: Inpaint(-0.1), "-0.1 is not a fraction"),
        (lambda: Inpaint(float("nan")), "nan is not a fraction"),
        (lambda: Inpaint(mask=np.zeros((2, 2, 2), bool)), "2x2x2"),
        (lambda: Inpaint(mask=np.zeros((0, 2), bool)), "0x2"),
        (lambda: Inpaint(mask=np.ones((2, 3), bool)), "2x3, all missing"),
        (lambda: Inpaint(mask=mask_of(4, 4)).prepare(torch.zeros(1, 1, 4, 5)), "the mask is 4x4, the image 4x5"),
        (lambda: Inpaint(mask=mask_of(4, 4)).observe(torch.zeros(1, 1, 4, 5), seeded()), "the mask is 4x4"),
        (lambda: Inpaint(0.5).prepare(torch.zeros(1, 1, 4, 5)), "not known"),
        (lambda: Inpaint(0.5).prepare(torch.zeros(1, 1, 4, 5), mask_of(5, 4)), "the mask is 5x4"),
    ],
)
def test_wrong_masks_are_refused(use, words):
    with pytest.raises(DlcliError) as caught:
        use()
    assert words in caught.value.message
    assert caught.value.hint
