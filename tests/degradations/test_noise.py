"""Noise that a network is told of."""

import pytest
import torch

from dlcli.degradations.noise import Denoise
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
