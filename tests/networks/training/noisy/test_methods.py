"""The ways to learn from noisy images alone: what each shows a network, and which one is taken."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.errors import DlcliError
from dlcli.images.crops import CropSampler
from dlcli.images.image_set import ImageSet
from dlcli.images.normalization import EIGHT_BIT
from dlcli.networks.data.noise.measured import noise_of
from dlcli.networks.data.noise.set_noise import SetNoise
from dlcli.networks.model.saved import SavedNetwork
from dlcli.networks.training.noisy.blind_spot import BlindSpotBatches
from dlcli.networks.training.noisy.method import fitting, with_method
from dlcli.networks.training.noisy.neighbors import NeighborBatches, NeighborLoss, halves
from dlcli.networks.training.noisy.weighted import WeightedSquares, away_from_ends, values_of, with_weights
from dlcli.tasks.train_deconv import train_deconv

pytestmark = pytest.mark.usefixtures("one_thread")


def noise_with(**given):
    return replace(SetNoise(np.zeros((1, 1)), np.full((1, 1), 0.01), np.array([0.1])), **given)


def test_thinned_counts_are_independent():
    generator = torch.Generator().manual_seed(0)
    rate, gain, a = 2.0, 0.02, 0.6
    y = gain * torch.poisson(torch.full((1, 1, 600, 600), rate), generator=generator)
    noise = noise_with(gain=np.full((1, 1), gain), intercept=np.zeros((1, 1)), sigmas=np.array([gain * rate**0.5]))
    assert noise.few_photons
    drawn = noise.draw(y, [0], generator, torch.full((1, 1, 1, 1), a))
    first, second = ((y + a * drawn) / gain).double(), ((y - drawn / a) / gain).double()
    p = 1 / (1 + a * a)
    for part, share in ((first, p), (second, 1 - p)):  # Poisson's, divided by the share that is kept
        assert float(part.mean()) == pytest.approx(rate, abs=0.02)
        assert float(part.var()) == pytest.approx(rate / share, rel=0.03)
    centered = first - first.mean(), second - second.mean()
    for power in (1, 2):  # normal noise of the same variance has (a^2 - 1) times the rate, -1.3, for 2
        assert float((centered[0] ** power * centered[1]).mean()) == pytest.approx(0, abs=0.1)


def test_many_photons_and_shared_noise_are_drawn_as_normal():
    many = noise_with(gain=np.full((1, 1), 1e-4))
    assert not many.few_photons
    assert not replace(many, gain=np.full((1, 1), 0.02), correlation=(0.5,)).few_photons


def test_pixels_near_those_that_were_cut_count_for_nothing():
    y = torch.full((1, 1, 9, 9), 0.5)
    y[0, 0, 4, 4] = 1.0
    weights = away_from_ends(y, (0.0, 1.0))
    assert float(weights[0, 0, 4, 4]) == 1  # it has no neighbor that was cut
    assert float(weights[0, 0, 2, 6]) == 0
    assert int(weights.sum()) == 81 - 24
    target = with_weights(torch.zeros_like(y), weights)
    assert torch.equal(values_of(target), torch.zeros_like(y))
    batch = replace(batch_of(y), target=target)
    assert float(WeightedSquares()(lambda x, _base: x, batch, None)) == pytest.approx((56 * 0.25 + 1) / 57)


def batch_of(y):
    sampler = CropSampler([ImageSet.of_arrays([np.zeros((8, 8, 1), np.uint8)])], 8, 0, flips=False, seed=0)
    return replace(NeighborBatches(sampler, "cpu", 0, EIGHT_BIT)(0, 1), input=y, base=y)


def test_halves_hold_neighbors():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    sampler = CropSampler([ImageSet.of_arrays([pixels])], 8, 0, flips=False, seed=0)
    batch = NeighborBatches(sampler, "cpu", 0, EIGHT_BIT)(0, 8)
    first, second = (torch.round(half * 255).int() for half in halves(batch.base, batch.target))
    apart = (first - second).abs()
    assert set(apart.unique().tolist()) == {1, 8}  # one column, or one row
    assert (first // 16 == second // 16).all()  # of one square
    assert batch.target.unique().numel() == 8
    # A network that gives back what it is shown has only the difference of the pixels themselves, which is taken off.
    small = {1: 1 / 255, 8: 8 / 255}
    mean = np.mean([small[int(value)] ** 2 for value in apart.flatten()])
    assert float(NeighborLoss()(lambda x, _base: x, batch, None)) == pytest.approx(mean, rel=1e-4)


def test_spots_are_replaced_with_all_that_shares_their_noise():
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (48, 48, 1), dtype=np.uint8)
    sampler = CropSampler([ImageSet.of_arrays([pixels])], 48, 0, flips=False, seed=0)
    for extent in (0, 2):
        batch = BlindSpotBatches(sampler, extent, "cpu", 0, EIGHT_BIT)(0, 1)
        y = torch.from_numpy(pixels / 255).permute(2, 0, 1)[None].float()
        assert torch.allclose(values_of(batch.target), y)
        spots = batch.target[:, 1:]
        assert int(spots.sum()) == (48 // (4 * (extent + 1))) ** 2
        reach = torch.nn.functional.max_pool2d(spots, 2 * extent + 1, 1, extent)
        changed = (batch.input - y).abs() > 1e-3
        assert not changed[reach == 0].any()
        assert changed[reach > 0].float().mean() > 0.95


@pytest.mark.parametrize(
    ("given", "method", "why"),
    [
        ({}, "recorrupted", "white and Gaussian"),
        ({"correlation": (0.5, 0.1, 0.0), "kurtosis": -1.1}, "recorrupted", "neighbors share noise"),
        ({"kurtosis": -1.0}, "neighbor2neighbor", "less peaked"),
        ({"kurtosis": 9.0}, "neighbor2neighbor", "more peaked"),
        ({"kurtosis": 1.2, "gain": np.full((1, 1), 0.1)}, "recorrupted", "of few photons"),
    ],
)
def test_what_was_measured_chooses(given, method, why):
    found, reason = fitting(noise_with(**given), given=False)
    assert found == method
    assert why in reason
    assert fitting(noise_with(**given), given=True)[0] == "recorrupted"
    assert with_method(noise_with(**given), "blind-spot", given=False).method == "blind-spot"


def test_frames_of_one_camera_have_one_line():
    random = np.random.default_rng(0)
    frames = []
    for top in (10, 25, 50):  # photons: their noise differs, as their brightness does
        ramp = np.linspace(1, top, 128)[None] * np.ones((128, 1))
        frames.append((100 + 2 * random.poisson(ramp)).astype(np.uint16)[:, :, None])
    images = ImageSet.of_arrays(frames)
    scale = replace(EIGHT_BIT, dtype="uint16", low=(100.0,), high=(220.0,))
    found = noise_of(images, scale)
    assert len(found.gain) == 1
    assert found.gain[0, 0] * 120 == pytest.approx(2, rel=0.1)
    assert found.few_photons
    assert found.line[0][0] == found.gain[0, 0]
    assert found.sigmas.max() > 1.5 * found.sigmas.min()


@pytest.mark.parametrize("method", ["neighbor2neighbor", "blind-spot"])
def test_a_run(tmp_path, method):
    random = np.random.default_rng(0)
    (tmp_path / "noisy").mkdir()
    for i in range(6):
        x = np.linspace(60, 190, 64)[None] + random.uniform(-40, 40, (64, 64))
        Image.fromarray(np.rint(x).astype(np.uint8)).save(tmp_path / "noisy" / f"{i}.png")
    settings = {
        "data": (str(tmp_path / "noisy"),), "targets": "noisy", "filters": "8", "depth": 1, "device": "cpu",
        "amp": "off", "batch_size": 4, "crop": 32, "steps": 100, "report_every": 50, "val": 0.3, "plots": "none",
        "out": tmp_path / "run", "method": method,
    }  # fmt: skip
    report = train_deconv(TrainDeconvConfig.build(settings))
    assert report.metrics["val"]["psnr"] > report.metrics["val"]["input_psnr"] + 1
    assert report.validation.verdict
    saved = SavedNetwork.load(tmp_path / "run" / "model.safetensors")
    assert not saved.task.get("noise_map")
    assert f'method = "{method}"' in (tmp_path / "run" / "config.toml").read_text()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"targets": "clean", "method": "blind-spot"}, "--method blind-spot goes with --targets noisy"),
        ({"loss": "l1"}, "only the mean of noisy images is the clean one"),
        ({"noise_map": True, "method": "neighbor2neighbor"}, "needs no level of noise"),
        ({"task": "deblur", "method": "recorrupted"}, "--targets noisy goes with --task denoise"),
        ({"method": "noise2noise"}, "--method"),
    ],
)
def test_refusals(given, said):
    with pytest.raises(DlcliError, match=said):
        TrainDeconvConfig.build({"data": ("photos",), "targets": "noisy", **given})
