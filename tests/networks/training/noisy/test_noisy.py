"""Training on noisy images alone: the pairs, the estimate, and what is said of the residual."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.errors import DlcliError
from dlcli.images.crops import CropSampler
from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.image_set import ImageSet
from dlcli.images.normalization import EIGHT_BIT
from dlcli.networks.data.noise.measured import noise_of
from dlcli.networks.data.noise.set_noise import SetNoise, given_noise
from dlcli.networks.model.saved import SavedNetwork
from dlcli.networks.training.noisy.recorrupted import RecorruptedBatches
from dlcli.networks.training.noisy.validation import GOOD, NoisyValidation, verdict
from dlcli.networks.training.noisy.weighted import values_of
from dlcli.networks.training.settings import ExecutionSettings
from dlcli.reports.train_deconv import Residual
from dlcli.tasks.train_deconv import train_deconv

pytestmark = pytest.mark.usefixtures("one_thread")


def noisy_set(count=6, side=96, sigma=25.0, gain=0.0):
    """Generated images, and the same with noise, as floats of 0 to 255 are rounded to bytes."""
    random, clean = np.random.default_rng(0), dead_leaves(count, side, 3)
    images = []
    for i in range(count):
        x = clean.pixels(i).astype(float) * 0.5 + 64  # far from the ends, where noise would be cut
        deviation = np.sqrt(sigma**2 + gain * x)
        images.append(np.clip(np.rint(x + deviation * random.standard_normal(x.shape)), 0, 255).astype(np.uint8))
    return ImageSet.of_arrays(images), [clean.pixels(i).astype(float) * 0.5 + 64 for i in range(count)]


def test_the_noise_is_measured_or_given():
    images, _ = noisy_set()
    found = noise_of(images, EIGHT_BIT)
    assert found.sigmas * 255 == pytest.approx(25, rel=0.06)
    assert found.correlation == ()
    low, high = found.range_255
    assert low < 25 < high
    known = given_noise(25, 100, 3)
    x = torch.full((2, 3, 4, 4), 0.4)
    assert torch.allclose(known.variance(x, [0, 5]), torch.tensor(0.4 / 100 + (25 / 255) ** 2))
    flat = ImageSet.of_arrays([np.full((64, 64), 9, np.uint8)] * 2)
    with pytest.raises(DlcliError, match="can't be measured: all pixels are the same"):
        noise_of(flat, EIGHT_BIT)


def test_of_noise_that_grows_each_pixel_is_told():
    ramp = np.tile(np.linspace(20, 200, 128), (128, 1))[:, :, None]
    noisy = np.rint(
        np.clip(ramp + np.sqrt(25 + 2 * ramp) * np.random.default_rng(0).standard_normal(ramp.shape), 0, 255)
    )
    sampler = CropSampler([ImageSet.of_arrays([noisy.astype(np.uint8)])], 128, 0, flips=False, seed=0)
    batch = RecorruptedBatches(sampler, given_noise(5, 255 / 2, 1), "cpu", 0, EIGHT_BIT)(0, 1)
    # More than it has, as noise was added: by as much everywhere.
    share = batch.input[0, 1].numpy() * 255 / np.sqrt(25 + 2 * ramp[:, :, 0])
    assert share.mean() > 1.03
    assert share.std() < 0.04 * share.mean()


def test_each_image_may_have_noise_of_its_own():
    weak, _ = noisy_set(3, sigma=8)
    strong, _ = noisy_set(3, sigma=40)
    both = ImageSet.of_arrays([*(weak.pixels(i) for i in range(3)), *(strong.pixels(i) for i in range(3))])
    found = noise_of(both, EIGHT_BIT)
    assert found.sigmas[:3] * 255 == pytest.approx(8, rel=0.2)
    assert found.sigmas[3:] * 255 == pytest.approx(40, rel=0.1)
    assert len(found.of([0, 5]).gain) == 2
    assert "on each of 6 images" in found.note


def test_the_noise_of_input_and_target_is_independent():
    images, clean = noisy_set(1, 256)
    noise, sampler = given_noise(25, None, 1), CropSampler([images], 256, 0, flips=False, seed=0)
    x = torch.from_numpy(clean[0] / 255).permute(2, 0, 1)[None].float()
    products, means = [], []
    for step in range(20):
        batch = RecorruptedBatches(sampler, noise, "cpu", step, EIGHT_BIT)(step, 1)
        first, second = batch.base - x, values_of(batch.target) - x
        products.append(float((first * second).mean() / (first.std() * second.std())))
        means.append(float(second.mean()))
        assert float(batch.input[0, 1, 0, 0]) == pytest.approx(float(first.std()), rel=0.03)  # what the network is told
    assert np.mean(products) == pytest.approx(0, abs=0.01)
    assert np.mean(means) == pytest.approx(0, abs=0.002)


def test_drawn_noise_correlates_as_it_should():
    noise = SetNoise(np.zeros((1, 1)), np.full((1, 1), 0.01), np.array([0.1]), (0.6, 0.27, 0.1))
    drawn = noise.draw(torch.zeros(4, 1, 128, 128), [0] * 4, torch.Generator().manual_seed(0))
    assert float(drawn.std()) == pytest.approx(0.1, rel=0.05)
    for lag, wanted in ((1, 0.6), (2, 0.27), (3, 0.1)):
        assert float((drawn[..., lag:] * drawn[..., :-lag]).mean() / drawn.square().mean()) == pytest.approx(
            wanted, abs=0.05
        )


class Shrinks(torch.nn.Module):
    """Takes the mean of each pixel and its neighbors, whose error is known."""

    def load_state_dict(self, _state):
        pass

    def forward(self, x, _base):
        return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x[:, :1], (1, 1, 1, 1), mode="reflect"), 3, 1)


def test_the_estimate_is_the_error():
    images, clean = noisy_set(8, 96)
    measure = NoisyValidation(
        Shrinks(), images, given_noise(25, None, 1), EIGHT_BIT, 0, ExecutionSettings("cpu", False, False)
    )
    found = measure({})
    true = []
    for sample, x in zip(measure.samples, clean, strict=True):
        output = measure.network(sample.noisy, None)
        true.append(float((output - torch.from_numpy(x / 255).permute(2, 0, 1)[None]).square().mean()))
    assert found["loss"] == pytest.approx(np.mean(true), rel=0.05)
    assert found["input_psnr"] == pytest.approx(20.17, abs=0.01)


def residual(**given):
    usual = {"mean": 0, "sigma": 23.3, "noise": 25, "expected": 23.3, "autocorrelation": [-0.08, -0.02, 0.0]}
    return Residual(**usual | {"rows": 1, "columns": 1} | given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, f"{GOOD} white"),
        ({"sigma": 27}, "more than noise was removed"),
        ({"sigma": 15}, "noise was left"),
        ({"autocorrelation": [0.3, 0.1, 0]}, "structure was removed: the residual's autocorrelation at lag 1 is 0.30"),
        ({"rows": 4}, "structure was removed: row stripes"),
    ],
)
def test_verdicts(given, said):
    assert verdict(residual(**given), ()).startswith(said)


@pytest.fixture
def folder(tmp_path):
    images, _ = noisy_set(8, 64)
    (tmp_path / "noisy").mkdir()
    for i in range(8):
        Image.fromarray(images.pixels(i)[:, :, 0]).save(tmp_path / "noisy" / f"{i}.png")
    return tmp_path / "noisy"


def test_a_run(folder, tmp_path):
    settings = {
        "data": (str(folder),), "targets": "noisy", "filters": "8", "depth": 1, "device": "cpu", "amp": "off",
        "batch_size": 4, "crop": 32, "steps": 60, "report_every": 30, "val": 0.3, "out": tmp_path / "run",
    }  # fmt: skip
    report = train_deconv(TrainDeconvConfig.build(settings))
    assert report.validation.estimated
    assert report.validation.verdict
    assert report.metrics["val"]["psnr"] > report.metrics["val"]["input_psnr"] + 1
    saved = SavedNetwork.load(tmp_path / "run" / "model.safetensors")
    assert saved.task["noise_map"]
    assert saved.task["sigma"][0] < 25 < saved.task["sigma"][1]
    assert (tmp_path / "run" / "plots" / "samples.png").is_file()
    assert json.loads((tmp_path / "run" / "report.json").read_text())["validation"]["residual"]["noise"] > 20


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data": ()}, "--targets noisy needs DATA"),
        ({"task": "reconstruct"}, "--targets noisy goes with --task denoise"),
        ({"sigma": "5:50"}, "noisy images have one level"),
    ],
)
def test_refusals(given, said):
    with pytest.raises(DlcliError, match=said):
        TrainDeconvConfig.build({"data": ("photos",), "targets": "noisy", **given})


def test_a_network_that_changes_nothing_leaves_noise():
    images, _ = noisy_set(2, 64)
    measure = NoisyValidation(
        DeconvNetIdentity(), images, given_noise(25, None, 1), EIGHT_BIT, 0, ExecutionSettings("cpu", False, False)
    )
    found = measure({})
    measure.keep()
    assert found["psnr"] == pytest.approx(found["input_psnr"], abs=0.5)
    sheet = Image.open(io.BytesIO(measure.sheet()))
    assert sheet.width < 4 * 3 * 64 + 300  # three pictures in a row, as there is no target to hold them to
    # What was taken away is nothing, which is gray.
    assert sheet.convert("L").getpixel((sheet.width - 24 - 64, 80)) in (127, 128)


class DeconvNetIdentity(Shrinks):
    """Gives back what it gets."""

    def forward(self, x, _base):
        return x[:, :1]


def cut_at(brightness):
    """A flat image (1, 1, H, W) with noise of 25, cut as 8 bits cut it, on the scale 0 to 1."""
    random = np.random.default_rng(0)
    values = np.clip(np.rint(brightness + 25 * random.standard_normal((128, 128, 1))), 0, 255).astype(np.uint8)
    return torch.from_numpy(values / 255).permute(2, 0, 1)[None].float()


@pytest.mark.parametrize("brightness", [4.0, 20.0, 128.0, 250.0])
def test_what_is_cut_is_drawn_as_it_may_have_been(brightness):
    y, noise = cut_at(brightness), given_noise(25, None, 1, clipped=True)
    whole = noise.whole(y, [0], torch.Generator().manual_seed(0)) * 255
    assert float(whole.mean()) == pytest.approx(brightness, abs=1.5)
    assert float(whole.std()) == pytest.approx(25, rel=0.05)
    assert torch.equal(whole[(y > 0) & (y < 1)], 255 * y[(y > 0) & (y < 1)])
    assert float(noise.variance(y, [0]).mean().sqrt()) * 255 == pytest.approx(25, rel=1e-4)
    assert float(noise.told(y, [0])) * 255 == pytest.approx(25, rel=1e-4)


@pytest.mark.parametrize("brightness", [4.0, 128.0, 250.0])
def test_what_stays_cut_has_less_noise(brightness):
    y, known = cut_at(brightness), given_noise(25, None, 1, clipped=True)
    shared = replace(known, correlation=(0.5,))
    assert float(shared.variance(y, [0]).mean().sqrt()) == pytest.approx(float(y.std()), rel=0.05)
    assert shared.whole(y, [0], torch.Generator()) is y


def test_the_noise_of_pairs_is_independent_where_images_are_cut():
    random = np.random.default_rng(0)
    ramp = np.tile(np.linspace(0, 255, 256), (256, 1))
    values = np.clip(np.rint(ramp + 25 * random.standard_normal(ramp.shape)), 0, 255).astype(np.uint8)
    noise = given_noise(25, None, 1, clipped=True)
    sampler = CropSampler([ImageSet.of_arrays([values[:, :, None]])], 256, 0, flips=False, seed=0)
    batches = [RecorruptedBatches(sampler, noise, "cpu", step, EIGHT_BIT)(step, 2) for step in range(10)]
    ends = (slice(0, 24), slice(-24, None))
    for end in ends:
        x = ramp[:, end] / 255
        seen = np.stack([b.base[:, 0, :, end].numpy() - x for b in batches])
        asked = np.stack([values_of(b.target)[:, 0, :, end].numpy() - x for b in batches])
        assert asked.mean() == pytest.approx(0, abs=0.01)
        assert np.mean((seen - seen.mean()) * asked) / (seen.std() * asked.std()) == pytest.approx(0, abs=0.03)


def test_a_crop_is_taken_with_noise_of_both_signs():
    images, _ = noisy_set(4, 64)
    sampler = CropSampler([images], 64, 0, flips=False, seed=0)
    batch = RecorruptedBatches(sampler, given_noise(25, None, 1), "cpu", 0, EIGHT_BIT)(0, 5)
    assert len(batch.base) == 5
    target = values_of(batch.target)
    for one, other in ((0, 3), (1, 4)):
        assert torch.allclose(batch.base[one] + batch.base[other], target[one] + target[other], atol=1e-5)
        assert not torch.allclose(batch.base[one], batch.base[other], atol=0.01)
