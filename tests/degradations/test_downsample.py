"""Bicubic resizing against hand-computed weights, a dense float64 imresize, and Pillow."""

import numpy as np
import pytest
import torch
from PIL import Image

from dlcli.degradations.downsample import Upscale, enlarge, shrink
from dlcli.errors import DlcliError

KEYS = [-0.0703125, 0.8671875, 0.2265625, -0.0234375]  # the cubic with a = -0.5 at -1.25, -0.25, 0.75, 1.75


def image_of(rows):
    return torch.tensor(np.asarray(rows, np.float32))[None, None]


def imresize_matrix(size, factor):
    """MATLAB's imresize along one side, (size * factor, size), from its definition."""

    def cubic(x):
        x = np.abs(x)
        near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        return np.where(x <= 1, near, np.where(x <= 2, far, 0))

    stretch = max(1, 1 / factor)
    matrix = np.zeros((round(size * factor), size))
    for row, weights in enumerate(matrix):
        center = (row + 0.5) / factor - 0.5
        places = np.arange(np.floor(center - 2 * stretch), np.ceil(center + 2 * stretch) + 1).astype(int)
        share = cubic((places - center) / stretch)
        mirrored = places % (2 * size)
        np.add.at(weights, np.where(mirrored < size, mirrored, 2 * size - 1 - mirrored), share / share.sum())
    return matrix


def test_a_point_enlarged_is_the_cubic():
    line = np.zeros((8, 8))
    line[:, 4] = 1
    row = enlarge(image_of(line), 2)[0, 0, 8].numpy()
    assert row[5:13] == pytest.approx(
        [KEYS[3], KEYS[0], KEYS[2], KEYS[1], KEYS[1], KEYS[2], KEYS[0], KEYS[3]], abs=1e-6
    )
    assert np.abs(np.delete(row, range(5, 13))).max() < 1e-6


def test_borders_are_mirrored_with_their_own_pixel():
    """By hand, at scale 2: the border pixel and its mirror image weigh (0.8671875 + 0.2265625) / 2 = 0.546875."""
    line = np.full((8, 8), 100 / 255)
    line[:, 0] = 200 / 255
    row = shrink(image_of(line), 2)[0, 0, 2].numpy() * 255
    assert row == pytest.approx([155, 95, 100, 100], abs=1e-4)  # 154.69, 95.31


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_both_ways_agree_with_imresize(scale):
    height, width = 12 * scale, 7 * scale
    pixels = np.random.default_rng(0).integers(0, 256, (height, width)).astype(float)
    exact = imresize_matrix(height, 1 / scale) @ pixels @ imresize_matrix(width, 1 / scale).T
    small = np.clip(np.floor(exact + 0.5), 0, 255)
    got = shrink(image_of(pixels / 255), scale)[0, 0].numpy() * 255
    assert got == pytest.approx(small, abs=1e-4)
    back = imresize_matrix(12, scale) @ small @ imresize_matrix(7, scale).T
    seen = Upscale(scale).observe(image_of(pixels / 255), torch.Generator())
    assert seen.base[0, 0].numpy() * 255 == pytest.approx(back, abs=1e-3)
    assert torch.equal(seen.base, Upscale(scale).prepare(image_of(small / 255)).base)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_inside_it_agrees_with_pillow(scale):
    pixels = np.random.default_rng(1).random((16 * scale, 14 * scale)).astype(np.float32)
    small = Image.fromarray(pixels).resize((14, 16), Image.Resampling.BICUBIC)
    got = shrink(image_of(pixels), scale)[0, 0].numpy()
    assert got[2:-2, 2:-2] == pytest.approx(np.asarray(small).clip(0, 1)[2:-2, 2:-2], abs=0.501 / 255)
    large = Image.fromarray(got).resize((14 * scale, 16 * scale), Image.Resampling.BICUBIC)
    cut = slice(2 * scale, -2 * scale)
    back = enlarge(torch.from_numpy(got)[None, None], scale)[0, 0].numpy()
    assert back[cut, cut] == pytest.approx(np.asarray(large)[cut, cut], abs=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_ramp_stays_a_ramp(scale):
    ramp = np.add.outer(np.arange(9), 2 * np.arange(11)) / 40
    cut = slice(2 * scale, -2 * scale)
    fine = (np.arange(11 * scale) + 0.5) / scale - 0.5, (np.arange(9 * scale) + 0.5) / scale - 0.5
    expected = np.add.outer(fine[1], 2 * fine[0]) / 40
    assert enlarge(image_of(ramp), scale)[0, 0].numpy()[cut, cut] == pytest.approx(expected[cut, cut], abs=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_inside_the_margin_crops_are_as_whole_images(scale):
    clean = torch.rand((1, 3, 24 * scale, 24 * scale), generator=torch.Generator().manual_seed(0))
    upscale = Upscale(scale)
    whole = upscale.observe(clean, torch.Generator()).base
    corner, side = 3 * scale, upscale.margin * 2 + 4 * scale
    crop = upscale.observe(clean[..., corner : corner + side, corner : corner + side], torch.Generator()).base
    inside = slice(upscale.margin, -upscale.margin)
    there = whole[..., corner : corner + side, corner : corner + side][..., inside, inside]
    assert crop[..., inside, inside].numpy() == pytest.approx(there.numpy(), abs=1e-6)


def test_small_images_are_8_bit():
    small = shrink(torch.rand((1, 1, 32, 32), generator=torch.Generator().manual_seed(0)), 4) * 255
    assert torch.allclose(small, small.round(), atol=1e-4)


def test_even_one_pixel_can_be_enlarged():
    assert enlarge(torch.full((1, 1, 1, 1), 0.5), 3).numpy() == pytest.approx(np.full((1, 1, 3, 3), 0.5))


def test_wrong_scales_and_sizes_are_refused():
    with pytest.raises(DlcliError, match="scale 5"):
        Upscale(5)
    with pytest.raises(DlcliError, match="32x33 cannot be made 2 times smaller"):
        Upscale(2).observe(torch.zeros(1, 1, 32, 33), torch.Generator())
