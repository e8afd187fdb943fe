"""Receptive fields: the theoretical one against gradients, the effective one against a known kernel."""

import numpy as np
import pytest
import torch

from dlcli.degradations.base import Identity
from dlcli.degradations.blur import Deblur
from dlcli.degradations.downsample import Upscale
from dlcli.degradations.kernels import gaussian_kernel
from dlcli.degradations.mask import Inpaint
from dlcli.networks.inference.explain.restoration.field import Field, effective, theoretical
from dlcli.networks.inference.explain.restoration.traced import Traced, differentiably, frozen
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.receptive_field import receptive_radius, receptive_span
from dlcli.networks.model.spec import DeconvSpec, Head


def network_of(**fields):
    """Whose weights are all the same, so that no path cancels another."""
    network = frozen(DeconvNet(DeconvSpec(1, 1, **fields)))
    for weight in network.parameters():
        weight.data.fill_(0.1)
    if network.spec.linear:
        network.get_buffer("linear").fill_(0.1)
    return network


SHAPES = [
    {"filters": (1,), "strides": (1,)},
    {"filters": (1, 1), "strides": (2, 2), "skip": True},
    {"filters": (1, 1), "strides": (1, 3), "depth": 1},
    {"filters": (1,), "strides": (1,), "unshuffle": 2, "linear": 9},
    {"filters": (1, 1), "strides": (2, 1), "kernel": 5, "unshuffle": 2, "depth": 1, "skip": True},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_pixel_sees_what_its_span_says(shape):
    network = network_of(**shape, activation="leaky-relu")
    spec = network.spec
    side = 12 * -(-receptive_radius(spec) // spec.multiple) * spec.multiple
    for pixel in range(spec.multiple):
        place = side // 2 // spec.multiple * spec.multiple + pixel
        x = torch.rand(1, 1, side, side).requires_grad_(True)
        (gradient,) = torch.autograd.grad(network(x)[0, 0, place, place], x)
        rows = torch.nonzero(gradient[0, 0].abs().sum(1)).flatten()
        assert (int(rows[0]), int(rows[-1])) == receptive_span(spec, place, place)


@pytest.mark.parametrize("scale", [2, 3])
def test_an_upscaler_sees_what_its_field_says(scale):
    degradation = Upscale(scale)
    network = network_of(filters=(1,), strides=(1,), unshuffle=2, activation="leaky-relu")
    function, sides = Traced(network, degradation.prepare, scale), set()
    x = torch.rand(1, 1, 40, 40).requires_grad_(True)
    made = function.whole(x)
    for place in range(20 * scale, 20 * scale + 6):
        (gradient,) = torch.autograd.grad(made[0, 0, place, place], x, retain_graph=True)
        rows = torch.nonzero(gradient[0, 0].abs().sum(1)).flatten()
        sides.add(int(rows[-1] - rows[0]) + 1)
    assert (min(sides), max(sides)) == theoretical(network.spec, degradation)
    assert theoretical(network.spec, Deblur([gaussian_kernel(1.0)], 2.0)) is None


def test_the_effective_field_of_a_known_kernel():
    """A convolution of all ones, 3 x 3, with the identity around it."""
    network = network_of(filters=(1,), strides=(1,), activation="leaky-relu", head=Head(output="linear"))
    for module in (network.convolutions[0], network.deconvolutions[0]):
        module.weight.data.fill_(1.0)
    function = Traced(network, Identity().prepare)
    with differentiably():
        field = effective([(function, torch.rand(1, 1, 30, 33)), (function, torch.rand(1, 1, 21, 7))], 0)
    kernel = np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1])  # of two boxes
    around = np.pad(kernel, (len(field.contributions) - 5) // 2)
    np.testing.assert_allclose(field.contributions, around, atol=1e-5)
    assert field.count == 16 + 3
    assert theoretical(network.spec) == (5, 5)
    assert field.reaches == 5
    assert not field.cut
    assert field.side == 5
    assert field.luo == 5.0
    np.testing.assert_allclose(field.shares[:3], [9 / 81, 49 / 81, 1], atol=1e-6)


def test_the_sizes_of_a_gaussian():
    """By Luo et al. the pixels within two deviations and a half of a Gaussian: exp(-r^2 / 2 s^2) = 0.0455."""
    place = np.arange(-60, 61)
    field = Field(np.exp(-0.5 * (place[:, None] ** 2 + place**2) / 8**2), 1, False)
    assert field.luo == pytest.approx(np.sqrt(np.pi * -2 * np.log(1 - 0.9545)) * 8, rel=0.01)
    assert abs(field.side - 2 * 2.236 * 8) <= 2  # the square with 95%: 0.9747 of each axis


def test_a_small_image_is_said_to_cut_it():
    network = network_of(filters=(1, 1), strides=(1, 1), depth=2, activation="leaky-relu")
    function = Traced(network, Identity().prepare)
    with differentiably():
        assert effective([(function, torch.rand(1, 1, 9, 9))], 0).cut


def test_of_missing_pixels_those_are_looked_at():
    """Known pixels stay what they are, and would have a field of one."""
    missing = np.zeros((40, 40), bool)
    missing[18:21, 22:24] = True
    degradation = Inpaint(mask=missing)
    network = frozen(DeconvNet(DeconvSpec(2, 1, (4,), (1,), head=Head(masked=True))))
    function = Traced(network, degradation.prepare, masked=True)
    with differentiably():
        field = effective([(function, torch.rand(1, 1, 40, 40))], None)
    assert field.count == 1
    assert field.contributions[20, 20] == 0  # the pixel itself isn't known
    assert (field.contributions > 0).sum() >= 4
    assert field.luo < 20
