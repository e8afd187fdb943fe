"""Blurring against SciPy, the Wiener filter against dense linear algebra, and borders against whole images."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from dlcli.degradations.blur import REGULARIZATION, ROUNDING_VARIANCE, Deblur
from dlcli.degradations.kernels import parse_blur
from dlcli.errors import DlcliError

LOPSIDED = np.array([[0.0, 0.1, 0.0], [0.2, 0.3, 0.25], [0.05, 0.0, 0.1]])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random_images(*shape):
    return torch.rand(shape, generator=seeded(9))


def test_a_point_becomes_the_kernel():
    image = torch.zeros(1, 1, 7, 8)
    image[0, 0, 3, 4] = 1
    shown = Deblur([LOPSIDED], 0).observe(image, seeded()).shown[0, 0].numpy()
    assert shown[2:5, 3:6] == pytest.approx(LOPSIDED, abs=1e-6)
    shown[2:5, 3:6] = 0
    assert np.abs(shown).max() < 1e-6


@pytest.mark.parametrize("size", [(16, 16), (15, 21), (9, 30)])
def test_blur_is_scipys_wrapped_convolution(size):
    kernel = np.random.default_rng(0).random((5, 9))
    kernel /= kernel.sum()
    image = random_images(2, 3, *size)
    shown = Deblur([kernel], 0).observe(image, seeded()).shown
    expected = ndimage.convolve(image.numpy().astype(float), kernel[None, None], mode="wrap")
    assert shown.numpy() == pytest.approx(expected, abs=1e-6)


def test_light_is_kept():
    image = random_images(2, 1, 20, 23)
    seen = Deblur(parse_blur("motion:7:20"), 5).observe(image, seeded())
    noise = seen.shown.double().mean() - image.double().mean()
    assert abs(float(noise)) < 5 * 5 / 255 / image.numel() ** 0.5
    assert float(seen.base.double().mean()) == pytest.approx(float(seen.shown.double().mean()), abs=1e-6)


def test_noise_comes_after_the_blur():
    image = torch.full((1, 1, 300, 300), 0.5)
    noise = Deblur(parse_blur("gaussian:2"), 7.65).observe(image, seeded()).shown - image
    assert float(noise.std()) * 255 == pytest.approx(7.65, rel=0.02)
    beside = (noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean()
    assert abs(float(beside)) < 0.02


def test_the_wiener_filter_solves_its_least_squares_problem():
    """It minimizes |Kx - y|^2 + c s^2 |Lx|^2: here by dense matrices."""
    height, width, sigma = 7, 8, 10.0
    laplacian = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
    points = np.eye(height * width).reshape(-1, height, width)
    K, L = (
        np.stack([ndimage.convolve(p, k, mode="wrap", output=float).ravel() for p in points], axis=1)
        for k in (LOPSIDED, laplacian)
    )
    seen = Deblur([LOPSIDED], sigma).observe(random_images(1, 1, height, width), seeded())
    y = seen.shown.double().numpy().ravel()
    weight = REGULARIZATION * (sigma**2 + ROUNDING_VARIANCE) / 255**2
    expected = np.linalg.solve(K.T @ K + weight * L.T @ L, K.T @ y)
    assert seen.base.numpy().ravel() == pytest.approx(expected, abs=1e-5)


def test_noise_and_filter_are_weighted_by_channel():
    """Each channel is as that of a gray image with its own noise."""
    image = torch.full((1, 2, 200, 200), 0.5)
    deblur = Deblur(parse_blur("gaussian:1"), 2.0, (1.0, 8.0))
    seen = deblur.observe(image, seeded())
    deviations = (seen.shown - image).std((0, 2, 3)) * 255
    assert deviations.tolist() == pytest.approx([2, 16], rel=0.02)
    for channel, sigma in enumerate((2.0, 16.0)):
        alone = Deblur(deblur.kernels, sigma).prepare(seen.shown[:, channel : channel + 1])
        both = deblur.prepare(seen.shown)
        torch.testing.assert_close(both.base[:, channel : channel + 1], alone.base)
    assert deblur.at_sigma(4.0, (2.0, 1.0)).weights == (2.0, 1.0)


def test_without_noise_an_invertible_blur_is_undone():
    image = random_images(1, 1, 32, 32)
    seen = Deblur([np.array([[0.1, 0.8, 0.1]])], 0).observe(image, seeded())
    before, after = ((x - image).square().mean().sqrt() for x in (seen.shown, seen.base))
    assert float(after) < 0.05 * float(before)


def test_input_holds_blurred_and_filtered():
    seen = Deblur([LOPSIDED], 2).observe(random_images(2, 3, 9, 9), seeded())
    assert torch.equal(seen.input, torch.cat([seen.shown, seen.base], dim=1))


def test_each_image_has_its_own_kernel():
    point, left, right = np.eye(3)[1:2], np.eye(3)[0:1], np.eye(3)[2:3]
    image = random_images(1, 1, 6, 6).expand(90, 1, 6, 6)
    shown = Deblur([point, left, right], 0).observe(image, seeded()).shown
    shifts = [image[0].roll(shift, -1) for shift in (0, -1, 1)]
    found = [sum(bool(torch.allclose(s, shift, atol=1e-5)) for s in shown) for shift in shifts]
    assert sum(found) == 90
    assert min(found) > 15


def test_sizes_may_change_between_calls():
    deblur = Deblur([LOPSIDED], 2)
    fresh = Deblur([LOPSIDED], 2).observe(random_images(1, 1, 12, 12), seeded())
    for size in (9, 12, 10, 12):
        seen = deblur.observe(random_images(1, 1, size, size), seeded())
    assert torch.equal(seen.base, fresh.base)
    assert len(deblur._spectra) == 1  # of the last size only


def set12(shared, name):
    pixels = np.asarray(Image.open(shared / "images" / "set12" / name), np.float32) / 255
    return torch.from_numpy(pixels)[None, None]


def error(image, clean):
    return float((image - clean).square().mean().sqrt()) * 255


@pytest.mark.parametrize("sigma", [2.55, 7.65])
def test_inside_the_margin_crops_are_as_whole_images(shared, sigma):
    deblur = Deblur(parse_blur(f"{shared / 'kernels' / 'levin09.npz'}:k3"), sigma)
    margin, patch = deblur.margin, 64
    inside = slice(margin, margin + patch)
    whole, cropped = [], []
    for name in ("01.png", "03.png", "07.png"):
        clean = set12(shared, name)
        filtered = deblur.observe(clean, seeded()).base
        for top, left in np.random.default_rng(0).integers(0, 256 - patch - 2 * margin, (12, 2)):
            crop = clean[..., top : top + patch + 2 * margin, left : left + patch + 2 * margin]
            target = crop[..., inside, inside]
            cropped.append(error(deblur.observe(crop, seeded(1)).base[..., inside, inside], target) ** 2)
            there = filtered[..., top : top + patch + 2 * margin, left : left + patch + 2 * margin]
            whole.append(error(there[..., inside, inside], target) ** 2)
    assert np.mean(cropped) ** 0.5 == pytest.approx(np.mean(whole) ** 0.5, rel=0.03)


@pytest.mark.parametrize(("sigma", "lost"), [(2.55, 3.5), (7.65, 2)])
def test_photographs_lose_little_at_their_borders(shared, sigma, lost):
    """A crop from a blurred image is what a camera gives; ``lost`` is in dB against knowing the surroundings."""
    inside = slice(28, 228)
    levels = {"whole": [], "prepared": [], "wrapped": []}
    for kernel in parse_blur(str(shared / "kernels" / "levin09.npz"))[::3]:
        deblur = Deblur([kernel], sigma)
        for name in ("01.png", "03.png", "07.png"):
            clean = set12(shared, name)
            seen = deblur.observe(clean, seeded())
            target, photograph = clean[..., inside, inside], seen.shown[..., inside, inside]
            _, wiener = deblur._filters([0], photograph)
            wrapped = torch.fft.irfft2(torch.fft.rfft2(photograph) * wiener, s=photograph.shape[-2:])
            restored = {
                "whole": seen.base[..., inside, inside],
                "prepared": deblur.prepare(photograph).base,
                "wrapped": wrapped,
            }
            for key, image in restored.items():
                levels[key].append(-20 * np.log10(error(image, target) / 255))
    whole, prepared, wrapped = (np.mean(levels[key]) for key in ("whole", "prepared", "wrapped"))
    assert prepared > whole - lost
    assert prepared > wrapped + 2


def test_prepare_takes_the_kernel_asked_for():
    image = random_images(2, 1, 12, 12)
    kernels = [*parse_blur("gaussian:1"), *parse_blur("motion:5:0")]
    both, second = Deblur(kernels, 2), Deblur(kernels[1:] + kernels[:1], 2)
    assert torch.equal(both.prepare(image, 1).base, second.prepare(image).base)
    assert not torch.equal(both.prepare(image).base, second.prepare(image).base)


def test_a_level_photograph_stays_level():
    image = torch.full((1, 3, 20, 31), 0.7)
    seen = Deblur(parse_blur("gaussian:1.6"), 2).prepare(image)
    assert seen.base.numpy() == pytest.approx(image.numpy(), abs=1e-5)
    assert seen.shown is image


def test_wrong_settings_are_refused():
    with pytest.raises(DlcliError, match="no blur kernel"):
        Deblur([], 2)
    with pytest.raises(DlcliError, match="sigma 256"):
        Deblur([LOPSIDED], 256)
    with pytest.raises(DlcliError, match="image of 8x30 is smaller than the blur kernel of 9x9"):
        Deblur(parse_blur("gaussian:1"), 2).observe(random_images(1, 1, 8, 30), seeded())
