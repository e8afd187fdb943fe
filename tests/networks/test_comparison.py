"""What is compared of restored images, beside scikit-image, and that training and eval compare the same."""

import numpy as np
import pytest
import torch
from skimage import color

from dlcli.degradations.downsample import Upscale
from dlcli.images.image_set import open_image_set
from dlcli.images.normalization import EIGHT_BIT, Normalization
from dlcli.networks.comparison import Comparison, compared_of
from dlcli.networks.losses.supervised import LOSSES
from dlcli.networks.training.settings import ExecutionSettings
from dlcli.networks.training.validation.restoration import MeasureSettings, RestorationValidation
from tests.networks.examples import as_bytes, make_run, measured, network_of, reference, save, smooth, tensor

DEEP = Normalization("uint16", (100.0,), (330.0,))


def noisy_pair(channels):
    target = smooth(30, 36, channels)
    noise = np.random.default_rng(0).normal(0, 9, target.shape)
    return as_bytes((target + noise) / 255), target


def test_a_gray_image_is_compared_by_its_values_whatever_its_channels():
    """The luma of gray, 16 to 235, would have a PSNR 1.32 dB higher."""
    output, target = noisy_pair(1)
    plain = Comparison.of(2, EIGHT_BIT).quality(tensor(output), tensor(target))
    as_color = Comparison.of(2, EIGHT_BIT).quality(tensor(np.dstack([output] * 3)), tensor(np.dstack([target] * 3)))
    assert as_color == pytest.approx(plain, abs=1e-9)
    inside = (slice(2, -2), slice(2, -2))
    assert (plain["psnr"], plain["ssim"]) == pytest.approx(reference(output[inside], target[inside]), abs=1e-6)


def test_color_is_compared_by_its_luma_and_gray_beside_it_is_not():
    output, target = noisy_pair(3)
    gray, gray_target = noisy_pair(1)
    both = torch.cat([tensor(output), tensor(np.dstack([gray] * 3))])
    targets = torch.cat([tensor(target), tensor(np.dstack([gray_target] * 3))])
    comparison = Comparison.of(3, EIGHT_BIT)
    found = comparison.qualities(both, targets)
    inside = (slice(3, -3), slice(3, -3))
    luma = [np.round(color.rgb2ycbcr(image)[:, :, 0]).astype(np.uint8)[inside] for image in (output, target)]
    expected = [reference(*luma)[0], reference(gray[inside], gray_target[inside])[0]]
    assert found["psnr"].tolist() == pytest.approx(expected, abs=1e-6)
    assert comparison.psnr(both, targets).tolist() == found["psnr"].tolist()
    assert [comparison.takes_luminance(one) for one in targets.split(1)] == [True, False]
    assert not Comparison.of(1, EIGHT_BIT).takes_luminance(targets[:1])


def test_the_luma_of_other_depths_keeps_their_units():
    """Of counts that err by as much in all channels, so does the luma."""
    target = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = Comparison.of(2, DEEP).quality(target + 7 / 230, target)
    assert found["rmse"] == pytest.approx(7, abs=0.05)
    assert list(found) == ["psnr", "ssim", "rmse"]


def test_the_error_in_units_is_there_where_network_or_images_are_deep():
    assert [metric.name for metric in Comparison.of(1, EIGHT_BIT).metrics] == ["psnr", "ssim"]
    for scales in ((DEEP, EIGHT_BIT), (EIGHT_BIT, DEEP), (DEEP,)):
        assert [metric.name for metric in Comparison.of(1, *scales).metrics] == ["psnr", "ssim", "rmse"]
    output, target = noisy_pair(1)
    found = Comparison.of(1, EIGHT_BIT, DEEP).quality(tensor(output), tensor(target))
    error = float(np.sqrt(np.mean((output.astype(float) - target) ** 2)))
    assert found["rmse"] == pytest.approx(error, rel=1e-6)  # in levels of 8 bits


def test_what_is_compared_has_a_name():
    assert [compared_of(each) for each in ([False], [True, True], [True, False], [])] == [
        "values",
        "luminance",
        "luminance and values",
        "values",
    ]


@pytest.mark.parametrize(
    ("kind", "name"), [("gray", "values"), ("color", "luminance"), ("both", "luminance and values")]
)
def test_training_measures_a_color_upscaler_as_eval_does(tmp_path, kind, name):
    run = make_run(tmp_path / "run", "upscale", channels=3, scale=2)
    photos = tmp_path / "photos"
    for number in range(3):
        gray = kind == "gray" or (kind == "both" and number)
        image = smooth(32, 40, 1 if gray else 3, number)
        save(photos / f"{number}.png", np.dstack([image] * 3) if gray else image)
    images = open_image_set((str(photos),), channels=3)
    settings = MeasureSettings(LOSSES["mse"], 0, ExecutionSettings("cpu"), Comparison.of(2, EIGHT_BIT))
    network = network_of(run)
    validation = RestorationValidation(network, [images], Upscale(2), settings)
    trained = validation(network.state_dict())
    report = measured(run, photos)
    for metric in ("psnr", "ssim", "input_psnr", "input_ssim"):
        assert report.metrics["test"][metric] == pytest.approx(trained[metric], abs=1e-3)  # a pixel may round otherwise
    assert report.psnr_of == validation.summary(True, 0).psnr_of == name
