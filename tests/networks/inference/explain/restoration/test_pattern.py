"""Checkerboard patterns: kernels of 3 and of 4 at stride 2, freshly built and trained, and images with stripes."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from dlcli.networks.inference.explain.restoration.pattern import (
    overlaps,
    pattern_of,
    shifted_outputs,
    spectrum,
    wrapped,
)
from dlcli.networks.inference.explain.restoration.traced import frozen
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.phases import even_phases_
from dlcli.networks.model.spec import DeconvSpec, Head

CELL, AROUND, SIDE = 2, 16, 64


class Enlarging(nn.Module):
    """A convolution of stride 2 and a deconvolution of ``kernel`` and stride 2."""

    def __init__(self, kernel):
        super().__init__()
        self.down = nn.Conv2d(1, 16, 4, 2, 1)
        self.up = nn.ConvTranspose2d(16, 1, kernel, 2, 1, output_padding=1 if kernel == 3 else 0)

    def forward(self, x, _base=None):
        return self.up(torch.relu(self.down(x)))


def images():
    generator = torch.Generator().manual_seed(0)
    coarse = functional.interpolate(torch.rand(1, 1, 8, 8, generator=generator), size=(SIDE, SIDE), mode="bicubic")
    return {
        "flat": torch.full((1, 1, SIDE, SIDE), 0.6),
        "noise": 0.5 + 0.1 * torch.randn(1, 1, SIDE, SIDE, generator=generator),
        "image": coarse,
    }


@torch.no_grad()
def patterns(network):
    return {
        name: pattern_of(shifted_outputs(lambda x: network(x), [x], CELL, AROUND), CELL) for name, x in images().items()
    }


def even(network):
    """With weights of equal sums for all phases, as dlcli keeps them: what a kernel of 3 can't have."""
    even_phases_({"up": (2, 1)}, {"up.weight": network.up.weight.data, "up.bias": network.up.bias.data})
    return network


def trained(network, keep):
    """Learns to give back what it is given."""
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(120):
        x = functional.interpolate(torch.rand(8, 1, 4, 4), size=(24, 24), mode="bicubic")
        loss = functional.mse_loss(network(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        keep(network)
    return network


@pytest.mark.parametrize("seed", range(5))
def test_fresh_kernels_of_3_and_4(seed):
    torch.manual_seed(seed)
    found = patterns(Enlarging(3))
    assert {one.verdict for one in found.values()} == {"visible"}
    assert found["noise"].peak > 20
    torch.manual_seed(seed)
    assert {one.verdict for one in patterns(even(Enlarging(4))).values()} == {"none"}


def test_trained_kernels_of_3_and_4():
    torch.manual_seed(0)
    three = patterns(trained(Enlarging(3), lambda network: network))
    torch.manual_seed(0)
    four = patterns(trained(Enlarging(4), even))
    assert "visible" in {one.verdict for one in three.values()}
    assert {one.verdict for one in four.values()} == {"none"}


def test_where_it_comes_from():
    torch.manual_seed(0)
    (three,), (four,), (kept,) = (overlaps(network) for network in (Enlarging(3), Enlarging(4), even(Enlarging(4))))
    assert (three.kernel, three.stride, three.uneven) == (3, 2, True)
    assert not four.uneven
    assert four.phases > 0.1
    assert kept.phases < 1e-6
    network = DeconvNet(DeconvSpec(1, 1, (4, 4), (2, 3)))
    assert [(one.kernel, one.stride, one.uneven) for one in overlaps(network)] == [(4, 2, False), (9, 3, False)]
    assert max(one.phases for one in overlaps(network)) < 1e-6


@pytest.mark.parametrize("strides", [(2,), (2, 2), (3,)])
def test_networks_of_dlcli_start_without(strides):
    torch.manual_seed(0)
    network = frozen(DeconvNet(DeconvSpec(1, 1, (6,) * len(strides), strides, head=Head(output="linear"))))
    cell, side = network.spec.multiple, 36
    x = torch.rand(1, 1, side, side)
    with torch.no_grad():
        flat = shifted_outputs(lambda x: network(x), [torch.full_like(x, 0.6)], cell, 24)
        assert pattern_of(flat, cell).amplitude < 1e-3
        if len(strides) == 1:  # of the last layer alone the mean over all is even, whatever the image
            made = shifted_outputs(lambda x: network(x), [x], cell, 24)
            assert pattern_of(made, cell).amplitude < 1e-3


def test_an_amplitude_is_measured_and_stripes_of_the_image_are_not():
    """What adds 2 levels to every other column, to an image of stripes of 40 levels at the same frequency."""
    stripes = torch.zeros(1, 1, SIDE, SIDE)
    stripes[..., ::2] = 40 / 255
    board = torch.zeros(1, 1, 200, 200)
    board[..., ::2] = 4 / 255

    def restore(x):
        return x + board[..., : x.shape[2], : x.shape[3]]

    assert pattern_of(stripes, CELL).amplitude == pytest.approx(20)
    kept = pattern_of(shifted_outputs(lambda x: x, [stripes], CELL, AROUND), CELL)
    assert kept.amplitude < 1e-6
    assert kept.verdict == "none"
    found = pattern_of(shifted_outputs(restore, [stripes], CELL, AROUND), CELL)
    assert found.amplitude == pytest.approx(2, abs=1e-4)
    assert found.frequency == (0.0, 0.5)
    assert found.verdict == "visible"


def test_noise_alone_is_chance():
    generator = torch.Generator().manual_seed(2)
    found = [pattern_of(torch.randn(1, 1, 64, 64, generator=generator) * 10 / 255, CELL) for _ in range(60)]
    assert {one.verdict for one in found} == {"none"}
    ratio = np.mean([one.amplitude for one in found]) / np.mean([one.chance for one in found])
    assert ratio == pytest.approx(1, abs=0.25)
    assert np.mean([one.peak for one in found]) < 8


def test_the_spectrum_has_the_power_of_white_noise():
    noise = torch.randn(4, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 5 / 255
    assert spectrum(noise)[3:-3, 3:-3].mean() == pytest.approx(25, rel=0.05)


def test_an_image_goes_on_around_its_ends():
    image = torch.arange(9.0).view(1, 1, 3, 3)
    np.testing.assert_array_equal(wrapped(image, 4)[0, 0], np.pad(image[0, 0].numpy(), 4, mode="wrap"))
