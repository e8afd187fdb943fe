"""What becomes of noise: against the Jacobian itself, and SURE against the true error."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from dlcli.degradations.base import Identity
from dlcli.degradations.noise import Denoise
from dlcli.networks.inference.explain.restoration.noise_gain import Estimate, measured_gain, sure
from dlcli.networks.inference.explain.restoration.traced import Traced, differentiably, frozen
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec
from dlcli.runs.bundled import ROOT
from tests.networks.examples import network_of

SIGMA = 25 / 255


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def blobs(side, seed=0, count=1):
    """Clean images of smooth blobs, (count, 1, side, side)."""
    coarse = torch.rand(count, 1, side // 8, side // 8, generator=draws(1000 * count + seed))
    return functional.interpolate(coarse, size=(side, side), mode="bicubic")


@pytest.fixture(scope="module")
def random_network():
    torch.manual_seed(1)
    network = DeconvNet(DeconvSpec(1, 1, (5,), (1,), unshuffle=2))
    torch.nn.init.normal_(network.deconvolutions[0].weight, std=0.15)
    return Traced(frozen(network), Identity().prepare)


def test_the_gain_is_the_jacobians(random_network):
    x = torch.rand(1, 1, 10, 10, generator=draws())
    jacobian = torch.autograd.functional.jacobian(random_network.whole, x).reshape(100, 100).double()
    with differentiably():
        gain = measured_gain(random_network, x, draws(), probes=3000)
    assert gain.diagonal.mean() == pytest.approx(float(jacobian.diagonal().mean()), abs=4 * gain.divergence.error)
    assert gain.divergence.error < 0.01
    assert gain.power == pytest.approx(float(jacobian.square().sum() / 100), rel=0.02)
    np.testing.assert_allclose(gain.diagonal.ravel(), jacobian.diagonal(), atol=0.12)


@pytest.fixture(scope="module")
def trained():
    """A denoiser after 100 steps on blobs."""
    torch.manual_seed(0)
    network = DeconvNet(DeconvSpec(1, 1, (12,), (1,), unshuffle=2, depth=1)).train()
    optimizer = torch.optim.Adam(network.parameters(), 0.003)
    generator = draws(5)
    for step in range(100):
        clean = blobs(48, step, 2)
        noisy = clean + SIGMA * torch.randn(clean.shape, generator=generator)
        loss = functional.mse_loss(network(noisy), clean)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return Traced(frozen(network), Identity().prepare)


def in_db(mse):
    return -10 * np.log10(mse)


def test_stein_knows_the_error_of_a_trained_network(trained):
    """Within 0.1 dB on a million and a half pixels, on which chance alone takes 0.05."""
    found, errors = [], []
    for seed in range(6):
        clean = blobs(512, seed)
        noisy = clean + SIGMA * torch.randn(clean.shape, generator=draws(50 + seed))
        with differentiably():
            gain = measured_gain(trained, noisy, draws(seed))
        found.append(sure(gain, SIGMA**2))
        errors.append(float((gain.restored - clean).double().square().mean()))
    estimate = Estimate.over(found, [512 * 512] * 6)
    assert in_db(np.mean(errors)) > in_db(SIGMA**2) + 6  # it does denoise
    assert in_db(estimate.value) == pytest.approx(in_db(np.mean(errors)), abs=0.1)
    assert abs(estimate.value - np.mean(errors)) < 4 * estimate.error
    assert 4.35 * estimate.error / estimate.value < 0.07


def test_its_error_is_what_draws_differ_by(trained):
    clean, apart, told = blobs(96), [], []
    for seed in range(40):
        noisy = clean + SIGMA * torch.randn(clean.shape, generator=draws(seed))
        with differentiably():
            gain = measured_gain(trained, noisy, draws(seed))
        estimate = sure(gain, SIGMA**2)
        apart.append(estimate.value - float((gain.restored - clean).double().square().mean()))
        told.append(estimate.error)
    assert np.std(apart) == pytest.approx(np.mean(told), rel=0.4)
    assert abs(np.mean(apart)) < 3.5 * np.mean(told) / 40**0.5


def test_stein_knows_the_error_of_the_network_in_the_box():
    network = network_of(ROOT / "denoise-gray")
    function = Traced(frozen(network), Denoise(25, 25, (), True).prepare)
    clean = blobs(256, 3)
    noisy = clean + SIGMA * torch.randn(clean.shape, generator=draws(1))
    with differentiably():
        gain = measured_gain(function, noisy, draws())
    estimate, error = sure(gain, SIGMA**2), float((gain.restored - clean).square().mean())
    assert abs(estimate.value - error) < 4 * estimate.error
