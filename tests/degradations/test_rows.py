"""Degraded rows are those of the whole image, bit for bit: the same draws, whatever the bands."""

import numpy as np
import pytest
import torch

from dlcli.degradations.base import Identity
from dlcli.degradations.camera import CameraNoise
from dlcli.degradations.downsample import Upscale
from dlcli.degradations.lines import LineNoise
from dlcli.degradations.noise import Denoise, Poisson, PoissonGaussian
from dlcli.degradations.rows import CleanRows, Overlapping

KINDS = {
    "one level": Denoise(25, 25),
    "a range": Denoise(5, 50),
    "channels with weights": Denoise(25, 25, (1.0, 0.5, 2.0)),
    "few photons": Poisson(3.0),
    "many photons": Poisson(200.0),
    "photons and reading": PoissonGaussian(5, 5, peak=30.0),
    "photons and reading of a range": PoissonGaussian(0, 20, (1.0, 0.5, 2.0), peak=30.0),
    "camera": CameraNoise(1, 25),
    "line": LineNoise(np.array([[0.02], [0.1]]), np.array([[0.001], [0.0]]), (0.6, 0.3)),
    "upscale": Upscale(2),
    "upscale by 3": Upscale(3),
    "deep upscale": Upscale(4, True),
    "nothing": Identity(),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 96, 72), (3, 120, 36), (1, 240, 12)])
def test_rows_are_those_of_the_whole(kind, shape):
    degradation = KINDS[kind]
    channels, height, width = shape
    channels = 3 if getattr(degradation, "weights", ()) else channels
    clean = torch.rand((1, channels, height, width), generator=torch.Generator().manual_seed(1))
    whole = degradation.observe(clean, torch.Generator().manual_seed(7))
    assert whole.input is whole.base is whole.shown
    source = CleanRows((channels, height, width), lambda rows: clean[..., rows, :])
    rows = Overlapping(degradation.observed_rows(source, torch.Generator().manual_seed(7)))
    for start in range(0, height, 24):
        seen = slice(max(start - 12, 0), min(start + 36, height))
        torch.testing.assert_close(
            rows(seen), whole.shown[..., seen, :], rtol=0, atol=1e-5 if degradation.scale > 1 else 0
        )


@pytest.mark.parametrize("shape", [(3, 5, 1), (3, 7, 5), (2, 33, 3), (4, 1, 17), (3, 101, 103)])
def test_planes_that_begin_within_a_group_of_numbers(shape):
    """Torch makes sixteen normal numbers at a time, and the last sixteen of all anew."""
    clean = torch.zeros((1, *shape))
    whole = Denoise(25, 25).observe(clean, torch.Generator().manual_seed(3)).shown
    source = CleanRows(shape, lambda rows: clean[..., rows, :])
    rows = Denoise(25, 25).observed_rows(source, torch.Generator().manual_seed(3))
    parts = [rows(slice(start, min(start + 2, shape[1]))) for start in range(0, shape[1], 2)]
    assert torch.equal(torch.cat(parts, dim=-2), whole)
