"""PSNR, SSIM and luma against scikit-image, and the published PSNR of noise."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from dlcli.degradations.noise import Denoise
from dlcli.errors import DlcliError
from dlcli.images.normalization import EIGHT_BIT
from dlcli.networks.metrics import (
    IMAGE_METRICS,
    PSNR_CAP,
    class_metrics,
    class_qualities,
    confusion_counts,
    luminance,
    psnr,
    qualities,
    ssim,
)


def pair(shape, noise=20, seed=0):
    """Two alike 8-bit images (B, C, H, W)."""
    random = np.random.default_rng(seed)
    smooth = np.cumsum(np.cumsum(random.normal(0, 3, shape), axis=-1), axis=-2)
    target = np.clip(np.rint(128 + smooth), 0, 255)
    return np.clip(np.rint(target + random.normal(0, noise, shape)), 0, 255).astype(np.uint8), target.astype(np.uint8)


def tensors(*images):
    return [torch.from_numpy(image.astype(np.float32) / 255) for image in images]


def reference_ssim(x, y):
    """scikit-image's, averaged over the area where the window fits; its own mean needs a border of 5, too."""
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return np.mean([structural_similarity(a, b, **options) for a, b in zip(x, y, strict=True)])


@pytest.mark.parametrize("shape", [(3, 1, 40, 33), (2, 3, 11, 50), (1, 1, 11, 11), (2, 3, 64, 64)])
@pytest.mark.parametrize("noise", [1, 20, 100])
def test_metrics_are_scikit_images(shape, noise):
    x, y = pair(shape, noise)
    assert psnr(*tensors(x, y)).tolist() == pytest.approx(
        [peak_signal_noise_ratio(b, a, data_range=255) for a, b in zip(x, y, strict=True)], abs=1e-9
    )
    assert ssim(*tensors(x, y)).tolist() == pytest.approx(
        [reference_ssim(a, b) for a, b in zip(x, y, strict=True)], abs=1e-9
    )


def test_the_table_of_images_has_all_that_is_measured():
    x, y = tensors(*pair((2, 3, 20, 20)))
    found = qualities(x, y, 2, EIGHT_BIT, IMAGE_METRICS)
    assert list(found) == [metric.name for metric in IMAGE_METRICS] == ["psnr", "ssim"]
    better = qualities((x + 9 * y) / 10, y, 2, EIGHT_BIT, IMAGE_METRICS)
    for metric in IMAGE_METRICS:
        assert bool((better[metric.name] > found[metric.name]).all()) == metric.higher_is_better


def test_class_metrics_are_scikit_learns():
    random = np.random.default_rng(0)
    probability = random.dirichlet(np.ones(4), 200)
    labels = random.integers(0, 4, 200)
    ours = class_metrics(np.log(probability).astype(np.float32), labels)
    assert ours["log_loss"] == ours["loss"] == pytest.approx(log_loss(labels, probability), rel=1e-5)
    assert ours["accuracy"] == accuracy_score(labels, probability.argmax(axis=1))
    assert ours["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, probability.argmax(axis=1)))
    assert ours["macro_f1"] == pytest.approx(
        f1_score(labels, probability.argmax(axis=1), labels=np.unique(labels), average="macro")
    )


def test_images_are_measured_in_8_bits():
    x, y = tensors(*pair((1, 1, 20, 20)))
    beyond = torch.where(x == 1, 1.7, torch.where(x == 0, -0.3, x + 0.4 / 255))
    assert torch.equal(psnr(beyond, y), psnr(x, y))
    assert torch.equal(ssim(beyond, y), ssim(x, y))


def test_equal_images_have_the_cap_and_1():
    x, _ = tensors(*pair((2, 3, 16, 16)))
    assert psnr(x, x).tolist() == [PSNR_CAP] * 2
    assert ssim(x, x).tolist() == pytest.approx([1, 1], abs=1e-12)


def test_one_level_off_everywhere():
    black = torch.zeros(1, 1, 12, 12)
    assert float(psnr(black + 1 / 255, black)) == pytest.approx(48.1308, abs=1e-4)


def test_the_border_does_not_count():
    x, y = tensors(*pair((1, 3, 30, 31)))
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -4))
    spoilt = y.clone()
    spoilt[inner] = x[inner]
    assert float(psnr(spoilt, x, border=4)) == PSNR_CAP
    assert torch.equal(psnr(x, y, border=4), psnr(x[inner], y[inner]))
    assert torch.equal(ssim(x, y, border=4), ssim(x[inner], y[inner]))


def test_too_small_an_image_has_no_value():
    x, y = tensors(*pair((2, 1, 10, 40)))
    assert ssim(x, y).isnan().all()
    assert ssim(*tensors(*pair((1, 1, 14, 14))), border=2).isnan().all()
    assert psnr(x, y, border=5).isnan().all()


def test_two_sizes_are_refused():
    with pytest.raises(DlcliError, match="1x1x4x5 cannot be compared with one of 1x1x5x4"):
        psnr(torch.zeros(1, 1, 4, 5), torch.zeros(1, 1, 5, 4))


def test_luma_is_that_of_rgb2ycbcr():
    colors = np.random.default_rng(0).random((2, 3, 5, 6)).astype(np.float32)
    expected = rgb2ycbcr(colors.transpose(0, 2, 3, 1))[..., 0]
    luma = luminance(torch.from_numpy(colors))
    assert luma.shape == (2, 1, 5, 6)
    assert luma[:, 0].numpy() * 255 == pytest.approx(expected, abs=1e-3)
    assert luminance(torch.ones(1, 3, 1, 1)).item() * 255 == pytest.approx(235)
    assert luminance(torch.zeros(1, 3, 1, 1)).item() * 255 == pytest.approx(16)


def test_gray_is_taken_as_it_is():
    gray = torch.rand(1, 1, 3, 3)
    assert luminance(gray) is gray


def test_published_psnr_of_noise(shared):
    """20.17 dB at sigma 25 without clipping; clamped and rounded, as outputs are, it is higher: 20.34 on Set12."""
    raw, measured = [], []
    for path in sorted((shared / "images" / "set12").glob("*.png")):
        clean = torch.from_numpy(np.asarray(Image.open(path), np.float32) / 255)[None, None]
        noisy = Denoise(25, 25).observe(clean, torch.Generator().manual_seed(0)).shown
        raw.append(-10 * float(torch.log10((noisy - clean).square().mean())))
        measured.append(float(psnr(noisy, clean)))
    assert raw == pytest.approx([20.17] * 12, abs=0.05)
    assert np.mean(measured) == pytest.approx(20.34, abs=0.02)


def test_each_class_is_measured_as_by_scikit_learn():
    random = np.random.default_rng(0)
    labels, guesses = random.integers(0, 4, 60), random.integers(1, 5, 60)
    counts = confusion_counts(guesses, labels, 6)
    assert np.array_equal(counts, confusion_matrix(labels, guesses, labels=range(6)))
    expected = precision_recall_fscore_support(labels, guesses, labels=range(6), zero_division=np.nan)
    found = class_qualities(counts)
    np.testing.assert_allclose(found[:, :2], np.stack(expected[:2], axis=1))
    np.testing.assert_allclose(found[:5, 2], expected[2][:5])
    assert np.isnan(found[5]).all()  # neither found nor there
    assert np.isnan(found[0, 0])  # there, and never found
    assert found[0, 2] == 0
