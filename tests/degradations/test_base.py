"""Noise of the stated law, and what every degradation keeps: shapes, channels, and the seed's bits."""

import numpy as np
import pytest
import torch

from dlcli.degradations.base import Degradation, Identity
from dlcli.degradations.blur import Deblur
from dlcli.degradations.downsample import Upscale
from dlcli.degradations.jpeg import Jpeg
from dlcli.degradations.kernels import parse_blur
from dlcli.degradations.mask import Inpaint
from dlcli.degradations.noise import Denoise, Poisson
from dlcli.errors import DlcliError

ALL = {
    "identity": Identity(),
    "denoise": Denoise(25, 25),
    "blind": Denoise(5, 50),
    "poisson": Poisson(30),
    "deblur": Deblur([*parse_blur("gaussian:1"), *parse_blur("motion:5:30")], 2.55),
    "upscale": Upscale(3),
    "inpaint": Inpaint(0.5),
    "jpeg": Jpeg(10, 90),
    "jpeg of crops": Jpeg(10, 90, moved=True),
    "tiled mask": Inpaint(mask=np.eye(7, dtype=bool), tiled=True),
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ALL)
def test_every_degradation_keeps_size_type_and_seed(name, channels):
    degradation: Degradation = ALL[name]
    clean = torch.rand((4, channels, 24, 33), generator=seeded())
    before = clean.clone()
    seen = degradation.observe(clean, seeded(5))
    again = degradation.observe(clean, seeded(5))
    assert torch.equal(clean, before)
    assert seen.base.shape == seen.shown.shape == clean.shape
    assert seen.input.shape == (4, degradation.input_channels(channels), 24, 33)
    for got, same in zip(vars(seen).values(), vars(again).values(), strict=True):
        assert got.dtype == torch.float32
        assert torch.equal(got, same)
    if name not in ("identity", "upscale"):
        assert not torch.equal(seen.shown, degradation.observe(clean, seeded(6)).shown)


def test_identity_gives_the_image():
    image = torch.rand((2, 1, 5, 4), generator=seeded())
    seen = Identity().observe(image, seeded())
    assert seen.input is image
    assert seen.base is image


def test_noise_has_its_deviation_and_is_not_clipped():
    clean = torch.full((4, 1, 200, 200), 1.0)
    noise = Denoise(25, 25).observe(clean, seeded()).input - clean
    n = noise.numel()
    assert float(noise.std()) * 255 == pytest.approx(25, rel=4 / (2 * n) ** 0.5)
    assert abs(float(noise.mean())) * 255 < 4 * 25 / n**0.5
    assert float((noise > 0).float().mean()) == pytest.approx(0.5, abs=4 * 0.5 / n**0.5)


def test_blind_noise_draws_one_sigma_per_image_uniformly():
    noise = Denoise(5, 50).observe(torch.zeros((400, 1, 32, 32)), seeded()).input
    sigmas = noise.flatten(1).std(dim=1).numpy() * 255
    assert sigmas.min() > 5 * 0.9
    assert sigmas.max() < 50 * 1.1
    assert np.mean(sigmas) == pytest.approx(27.5, abs=4 * 45 / 12**0.5 / 20)
    assert np.quantile(sigmas, [0.25, 0.75]) == pytest.approx([16.25, 38.75], abs=4)


def test_sigma_0_is_no_noise():
    clean = torch.rand((1, 1, 4, 4), generator=seeded())
    assert torch.equal(Denoise(0, 0).observe(clean, seeded()).shown, clean)


def test_poisson_counts_have_poisson_mean_and_variance():
    clean = torch.tensor([0.0, 0.1, 0.5, 1.0]).reshape(4, 1, 1, 1).expand(4, 1, 200, 200)
    counts = (Poisson(20).observe(clean, seeded()).shown * 20).numpy()
    assert np.abs(counts - np.rint(counts)).max() < 1e-4
    for image, rate in zip(counts, (0, 2, 10, 20), strict=True):
        assert image.mean() == pytest.approx(rate, abs=4 * (rate / image.size) ** 0.5)
        assert image.var() == pytest.approx(rate, rel=0.05)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Denoise(50, 25), "50..25"),
        (lambda: Denoise(-1, 5), "-1..5"),
        (lambda: Denoise(0, 300), "0..255"),
        (lambda: Denoise(float("nan"), float("nan")), "nan"),
        (lambda: Poisson(0), "peak 0"),
        (lambda: Poisson(float("inf")), "peak inf"),
    ],
)
def test_impossible_settings_are_refused(build, words):
    with pytest.raises(DlcliError) as caught:
        build()
    assert words in caught.value.message
    assert caught.value.hint


def test_noise_follows_the_memory_of_its_image():
    """Of channels-last images it is drawn in their order; of others as it always was."""
    clean = torch.rand((2, 3, 40, 30), generator=seeded())
    degradation = Denoise(255, 255)
    expected = torch.randn(clean.shape, generator=seeded(5))
    torch.testing.assert_close(degradation.observe(clean, seeded(5)).input - clean, expected, rtol=0, atol=1e-6)
    last = clean.contiguous(memory_format=torch.channels_last)
    seen = degradation.observe(last, seeded(5)).input
    assert seen.is_contiguous(memory_format=torch.channels_last)
    drawn = torch.randn((2, 40, 30, 3), generator=seeded(5)).permute(0, 3, 1, 2)
    torch.testing.assert_close(seen - clean, drawn, rtol=0, atol=1e-6)
