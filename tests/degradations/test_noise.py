"""Noise that a network is told of."""

import numpy as np
import pytest
import torch

from dlcli.degradations.lines import LineNoise
from dlcli.degradations.noise import Denoise, Poisson, PoissonGaussian
from dlcli.degradations.task import Restoration


def test_the_level_is_the_deviation_of_what_was_added():
    clean = torch.full((64, 3, 32, 32), 0.5)
    observed = Denoise(0, 75, told=True).observe(clean, torch.Generator().manual_seed(0))
    added = (observed.shown - clean).flatten(1).std(1)
    assert observed.input.shape == (64, 4, 32, 32)
    assert torch.equal(observed.input[:, :3], observed.shown)
    assert torch.allclose(observed.input[:, 3].flatten(1).std(1), torch.zeros(64))
    assert torch.allclose(observed.input[:, 3, 0, 0], added, rtol=0.06, atol=1e-4)


def test_low_levels_are_drawn_more_often():
    clean = torch.zeros(4000, 1, 1, 1)
    drawn = Denoise(0, 75, told=True).observe(clean, torch.Generator().manual_seed(0)).input[:, 1].flatten() * 255
    assert 0 <= drawn.min() <= drawn.max() <= 75
    # Of a density of 1 / (sigma + 10) from 0 to 75 half lies below 10 * 8.5^0.5 - 10.
    assert float(drawn.median()) == pytest.approx(10 * 8.5**0.5 - 10, abs=1)


def test_a_real_image_has_one_level():
    image = torch.rand(1, 1, 4, 4)
    degradation = Restoration("denoise", (0.0, 75.0), noise_map=True).degradation()
    one = degradation.at_sigma(20.0)
    assert one is not None
    assert torch.allclose(one.prepare(image).input[:, 1], torch.tensor(20 / 255))
    with pytest.raises(ValueError, match="at_sigma"):
        degradation.prepare(image)


def test_a_saved_task_knows_of_the_map():
    told = Restoration("denoise", (0.0, 75.0), noise_map=True)
    assert Restoration.of_saved(told.to_json(), {}).noise_map
    assert "noise_map" not in Restoration("denoise", (25.0, 25.0)).to_json()


def test_photons_and_reading_add_up():
    clean = torch.linspace(0, 1, 5).view(1, 1, 5, 1).expand(1, 1, 5, 100_000)
    shown = PoissonGaussian(10, 10, peak=40.0).observe(clean, torch.Generator().manual_seed(0)).shown
    expected = torch.linspace(0, 1, 5) / 40 + (10 / 255) ** 2
    assert torch.allclose((shown - clean).var(3).flatten(), expected, rtol=0.03)
    assert torch.allclose(shown.mean(3).flatten(), torch.linspace(0, 1, 5), atol=2e-3)


def test_the_map_is_that_of_each_pixel():
    clean = torch.linspace(0, 1, 64).view(1, 1, 1, 64).expand(4, 1, 256, 64)
    seen = PoissonGaussian(10, 10, told=True, peak=40.0).observe(clean, torch.Generator().manual_seed(0))
    true = (clean / 40 + (10 / 255) ** 2).sqrt()
    assert seen.input.shape == (4, 2, 256, 64)
    assert float((seen.input[:, 1:] - true).abs().mean() / true.mean()) < 0.05
    alone = PoissonGaussian(10, 10, told=True, peak=40.0).prepare(seen.shown)
    assert torch.allclose(alone.input, seen.input)


def test_models_of_photons_remain_what_they_are():
    """They have the default sigma written down, which they never used."""
    old = Restoration.of_saved(Restoration("denoise", (25.0, 25.0), 30.0).to_json(), {})
    assert old.degradation() == Poisson(30.0)
    both = Restoration("denoise", (25.0, 25.0), 30.0, noise="poisson-gaussian")
    assert Restoration.of_saved(both.to_json(), {}).degradation() == PoissonGaussian(25, 25, peak=30.0)


def test_noise_of_a_line():
    gain, intercept = np.array([[0.02]]), np.array([[0.001]])
    clean = torch.linspace(0.1, 1, 4).view(1, 1, 4, 1).expand(1, 1, 4, 100_000)
    shown = LineNoise(gain, intercept).observe(clean, torch.Generator().manual_seed(0)).shown
    expected = 0.02 * torch.linspace(0.1, 1, 4) + 0.001
    assert torch.allclose((shown - clean).var(3).flatten(), expected, rtol=0.03)
    flat = torch.full((1, 1, 400, 400), 0.5)
    noise = LineNoise(gain, intercept, (0.6, 0.3)).observe(flat, torch.Generator().manual_seed(0)).shown - flat
    found = [float((noise[..., lag:] * noise[..., :-lag]).mean() / noise.var()) for lag in (1, 2, 3)]
    assert found == pytest.approx([0.6, 0.3, 0.0], abs=0.04)


def test_lines_of_several_images():
    many = LineNoise(np.zeros((9, 1)), np.linspace(10, 90, 9)[:, None] ** 2 / 255**2)
    assert [round(one.level) for one in many.levels()] == [20, 50, 80]
    drawn = many.observe(torch.zeros(300, 1, 16, 16), torch.Generator().manual_seed(0)).shown.flatten(1).std(1) * 255
    assert 8 < drawn.min() < 15
    assert 80 < drawn.max() < 100


def test_each_image_has_its_own_line():
    """As a gray network sees the channels of an image in color."""
    images = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    lines = LineNoise(np.array([[0.1], [0.2], [0.3]]), np.zeros((3, 1)), told=True)
    together = lines.prepare(images).input
    for i in range(3):
        alone = LineNoise(lines.gain[i : i + 1], lines.intercept[i : i + 1], told=True)
        assert torch.equal(alone.prepare(images[i : i + 1]).input[0], together[i])
    with pytest.raises(ValueError, match="3 lines of noise for 2 images"):
        lines.prepare(images[:2])


def test_channels_share_noise():
    colors = np.array([[1.0, 0.8, 0.5], [0.8, 1.0, 0.6], [0.5, 0.6, 1.0]])
    noise = LineNoise(np.zeros((1, 3)), np.full((1, 3), 0.01), colors=colors)
    shown = noise.observe(torch.zeros(1, 3, 300, 300), torch.Generator().manual_seed(0)).shown
    assert np.corrcoef(shown[0].flatten(1).numpy()) == pytest.approx(colors, abs=0.02)
    assert float(shown.std()) == pytest.approx(0.1, rel=0.02)
