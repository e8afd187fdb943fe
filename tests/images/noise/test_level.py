"""The noise that is estimated of an image, against the noise that was put in, and against scikit-image."""

import numpy as np
import pytest
from PIL import Image
from skimage.restoration import estimate_sigma

from dlcli.images.noise.measure import noise_level
from tests.conftest import ROOT

BSD68 = ROOT.parent / "shared" / "data" / "images" / "bsd68"


def smooth(side=192):
    y, x = np.mgrid[:side, :side] / side
    return 128 + 60 * np.sin(5 * x) * np.cos(4 * y)


def noisy(image, sigma, seed=0):
    return image + np.random.default_rng(seed).normal(size=image.shape) * sigma


@pytest.mark.parametrize("sigma", [0.5, 2.0, 10.0, 40.0])
def test_the_noise_on_a_smooth_image_is_what_was_put_in(sigma):
    image = noisy(smooth(), sigma)
    found = noise_level(image[:, :, None])
    assert found == pytest.approx(sigma, rel=0.05)
    assert found == pytest.approx(float(estimate_sigma(image)), rel=0.08)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_types_and_scales(dtype):
    scale = 1 if dtype == np.uint8 else 100
    image = noisy(smooth(), 5.0) * scale
    whole = np.rint(image) if np.dtype(dtype).kind == "u" else image
    assert noise_level(whole.astype(dtype)[:, :, None]) == pytest.approx(5.0 * scale, rel=0.06)


@pytest.mark.skipif(not BSD68.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(("sigma", "low", "high"), [(0, 0.0, 1.6), (5, 4.9, 5.3), (15, 14.7, 15.3), (25, 24.5, 25.5)])
def test_photographs(sigma, low, high):
    """The median over photographs: at low noise texture passes for a little of it, what 8 bits clip counts."""
    found = []
    for number, path in enumerate(sorted(BSD68.iterdir())[:16]):
        image = noisy(np.asarray(Image.open(path).convert("L"), dtype=float), sigma, number)
        found.append(noise_level(np.clip(np.rint(image), 0, 255).astype(np.uint8)[:, :, None]))
    assert low <= np.median(found) <= high


def test_edges_and_planes_are_no_noise():
    y, x = np.mgrid[:100, :100]
    assert noise_level((3.0 * x + 2.0 * y)[:, :, None]) in (None, pytest.approx(0, abs=1e-9))
    assert noise_level(np.where(x < 50, 0, 200).astype(np.uint8)[:, :, None]) is None


def test_a_black_background_counts_for_nothing():
    image = np.zeros((256, 256))
    image[64:192, 64:192] = noisy(np.full((128, 128), 100.0), 5.0)
    assert noise_level(image[:, :, None]) == pytest.approx(5.0, rel=0.1)


def test_of_channels_the_median_and_of_large_images_a_part():
    image = np.stack([noisy(smooth(1200), sigma, seed) for seed, sigma in enumerate((2.0, 4.0, 30.0))], axis=2)
    assert noise_level(image.astype(np.float32)) == pytest.approx(4.0, rel=0.05)


def test_what_is_too_small_or_constant_has_none():
    assert noise_level(noisy(smooth(49), 5.0)[:, :, None]) is None
    assert noise_level(np.full((100, 100, 3), 7, dtype=np.uint8)) is None
