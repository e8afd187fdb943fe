"""Noise as cameras' files have it, and the JPEG that is a part of it."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from dlcli.degradations.camera import CameraNoise, _tones, decoded, photographed
from dlcli.degradations.quantized import quantized
from dlcli.images.dead_leaves import dead_leaves

FLAT = torch.full((24, 3, 64, 64), 0.5)


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def lag(noise, by):
    return float((noise[..., by:] * noise[..., :-by]).mean() / noise.square().mean())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigma", [8.0, 20.0])
def test_sigma_is_the_deviation_on_gray(channels, sigma):
    clean = FLAT[:, :channels]
    noise = photographed(clean, sigma / 255, drawn()) - clean
    assert float(noise.square().mean().sqrt()) * 255 == pytest.approx(sigma, rel=0.15)


def test_neighbors_share_it_and_it_is_nearly_gray():
    noise = photographed(FLAT, 10 / 255, drawn()) - FLAT
    # As the noise of 10 crops of three cameras is measured in shared data: 0.65 to 0.79, 0.21 to 0.55, 0.09 to 0.36.
    assert 0.5 < lag(noise, 1) < 0.85
    assert 0.2 < lag(noise, 2) < 0.6
    colors = np.corrcoef(noise.transpose(0, 1).flatten(1).numpy())
    assert 0.3 < colors[0, 1] < 1
    white = photographed(FLAT[:, :1], 10 / 255, drawn()) - FLAT[:, :1]
    assert 0.4 < lag(white, 1) < 0.85


def test_its_mean_is_nothing():
    """Also where it is dark, but for what is cut at black."""
    clean = torch.tensor([0.15, 0.3, 0.6, 0.9]).view(1, 1, 4, 1).repeat_interleave(40, 2).expand(24, 3, 160, 64)
    noise = photographed(clean.contiguous(), 4 / 255, drawn()) - clean
    assert (noise.view(24, 3, 4, 40, 64).mean((0, 1, 3, 4)) * 255).abs().max() < 0.4


def test_a_file_holds_what_comes_out():
    clean = torch.rand(4, 3, 33, 50, generator=drawn())
    noisy = photographed(clean, 25 / 255, drawn(1))
    assert noisy.shape == clean.shape
    assert torch.equal(noisy, (noisy * 255).round().clamp(0, 255) / 255)


def test_the_tone_curve_and_its_slope():
    assert float(decoded(torch.tensor(0.5))) == pytest.approx(0.2140411, abs=1e-6)
    values = (torch.arange(64) / 255 * 4).clamp(max=1).view(1, 1, 1, 64)
    light, slope = _tones(values, torch.zeros(1, 1, 1))
    assert torch.allclose(light, decoded(values))
    # d/dy of 1.055 y^(1 / 2.4) - 0.055, in that on gray
    known = (light / decoded(torch.tensor(128 / 255))) ** (1 / 2.4 - 1)
    assert torch.allclose(slope[..., 4:-1], known[..., 4:-1], rtol=0.01)
    _, bent = _tones(values, torch.ones(1, 1, 1))
    assert float(bent[..., 1]) < 0.5 * float(slope[..., 1])
    assert float(bent[..., 32]) == pytest.approx(1)


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_jpeg_is_that_of_libjpeg(quality):
    pixels = dead_leaves(1, 72, 3).pixels(0)
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0]).save(file, "jpeg", quality=quality)
    known = np.asarray(Image.open(file), float)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    found = quantized(image, torch.full((1, 1, 1, 1), float(quality)))[0, 0].numpy() * 255
    # Which computes in whole numbers: a frequency that lies between two steps may be rounded the other way.
    assert np.abs(found - known).mean() < 0.4
    assert (np.abs(found - known) > 2).mean() < 0.06


def test_jpeg_of_color_is_near_that_of_libjpeg():
    """Which smooths the color as it enlarges it; color has no smaller steps than that."""
    pixels = np.asarray(Image.fromarray(dead_leaves(1, 16, 3, 3).pixels(0)).resize((80, 80), Image.Resampling.BICUBIC))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", quality=80)
    known = np.asarray(Image.open(file), float)
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
    found = quantized(image, torch.full((1, 1, 1, 1), 80.0))[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(found - known).mean() < 1.5


def test_a_network_is_told_the_deviation_on_gray():
    observed = CameraNoise(5, 25, told=True).observe(FLAT, drawn())
    noise = (observed.shown - FLAT).square().mean((1, 2, 3)).sqrt()
    assert float((noise / observed.input[:, 3, 0, 0]).mean()) == pytest.approx(1, abs=0.15)
    one = CameraNoise(5, 25, told=True).at_sigma(10.0)
    assert torch.allclose(one.prepare(FLAT).input[:, 3], torch.tensor(10 / 255))
