"""The fixed linear estimate against least squares by another way, and what a network makes of it."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dlcli.degradations.base import Identity
from dlcli.degradations.noise import Denoise
from dlcli.images.crops import CropSampler
from dlcli.images.image_set import ImageSet
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.flat_images import flattened
from dlcli.networks.model.saved import SavedNetwork
from dlcli.networks.model.spec import DeconvSpec
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.training.batches import RestorationBatches
from dlcli.networks.training.linear_estimate import BATCHES, RIDGE, begin_with_linear_estimate
from tests.networks.examples import smooth

SPEC = DeconvSpec(3, 3, (8,), (1,), depth=1, unshuffle=2, linear=3)
SIZE = 4


def batches_of(side=32, degradation=None):
    images = ImageSet.of_arrays([smooth(48, 48, 3, seed) for seed in range(6)])
    degradation = degradation or Denoise(25.0, 25.0)
    return RestorationBatches(CropSampler([images], side, 0, flips=True, seed=0), degradation, "cpu", 0)


def network_of(spec=SPEC, batches=None):
    torch.manual_seed(0)
    network = DeconvNet(spec).to(memory_format=torch.channels_last)
    begin_with_linear_estimate(network, batches or batches_of(), SIZE)
    return network


def test_it_is_the_least_squares_estimate_of_those_that_keep_flat_images():
    """Reference: NumPy's lstsq on the windows themselves, over a basis of the weights that sum to 0 in each color."""
    found, wanted = [], []
    for batch in map(batches_of(), range(BATCHES), [SIZE] * BATCHES):
        cells, wrong = (F.pixel_unshuffle(images, 2).numpy() for images in (batch.input, batch.base - batch.target))
        windows = np.lib.stride_tricks.sliding_window_view(cells, (3, 3), (2, 3))  # (B, C, h, w, 3, 3)
        found.append(windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 12 * 9))
        wanted.append(wrong[:, :, 1:-1, 1:-1].transpose(0, 2, 3, 1).reshape(-1, 12))
    seen, target = np.concatenate(found).astype(float), np.concatenate(wanted).astype(float)
    sums = np.repeat(np.eye(3), 4 * 9, axis=0)  # (108, 3)
    basis = np.linalg.svd(sums)[0][:, 3:]
    ridge = np.sqrt(len(seen) * (RIDGE * np.mean(seen**2) + 1e-12))
    rows, targets = np.concatenate([seen @ basis, ridge * basis]), np.concatenate([target, np.zeros((108, 12))])
    expected = basis @ np.linalg.lstsq(rows, targets, rcond=None)[0]
    kernel = network_of().get_buffer("linear")
    np.testing.assert_allclose(kernel.reshape(12, -1).T, expected, atol=2e-5)
    assert float(kernel.abs().max()) > 0.1


def test_a_network_begins_with_it_and_keeps_flat_images_up_to_the_borders():
    network, batch = network_of().eval(), batches_of()(BATCHES, SIZE)
    with torch.no_grad():
        restored = network(batch.input, batch.base)
        colors = torch.rand(5, 3, 1, 1)
        flat = network(colors.expand(-1, -1, 15, 17))
    before, after = ((images - batch.target).square().mean() for images in (batch.base, restored))
    assert after < before / 10  # blobs are smooth
    torch.testing.assert_close(flat, colors.expand_as(flat), atol=1e-6, rtol=0)


def test_flat_images_stay_flat_when_the_network_has_learned_something_else():
    network = network_of()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    color = torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).expand(-1, -1, 40, 40)
    away = []
    for weights in (state, flattened(SPEC, state, batches_of()(0, SIZE).input, kept=True)):
        network.load_state_dict(weights)
        with torch.no_grad():
            away.append(float((network(color) - color)[..., 18:22, 18:22].abs().max()))
    assert away[0] > 0.1
    assert away[1] < 2e-3


@pytest.mark.parametrize("side", [4, 8])
def test_crops_smaller_than_its_kernels_have_none(side):
    assert bool(network_of(batches=batches_of(side)).get_buffer("linear").any()) == (side == 8)


def test_without_noise_it_is_finite():
    kernel = network_of(batches=batches_of(degradation=Identity())).get_buffer("linear")
    assert bool(kernel.isfinite().all())
    assert float(kernel.abs().max()) < 1e-6


def test_half_precision_has_it_and_is_told_of_another(tmp_path):
    network = network_of()
    weights = FlatParameters(network, network.hidden_weights(), half=True)
    mine = weights.compute_model.get_buffer("linear")
    torch.testing.assert_close(mine.float(), network.get_buffer("linear"), atol=4e-3, rtol=0)
    network.get_buffer("linear").fill_(0.5)  # as a checkpoint may
    weights.sync()
    assert bool((mine == 0.5).all())


def test_a_saved_network_has_it(tmp_path):
    network = network_of()
    saved = SavedNetwork(network.spec, network.state_dict(), {}, (), {})
    (tmp_path / "model").write_bytes(saved.to_bytes())
    loaded = SavedNetwork.load(tmp_path / "model").network()
    assert loaded.spec == SPEC
    assert torch.equal(loaded.get_buffer("linear"), network.get_buffer("linear"))
    assert not list(DeconvNet(dataclasses.replace(SPEC, linear=0)).buffers())
