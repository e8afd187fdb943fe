"""Flat images come out flat, by even phases and by the least change of the last layer: measured by the networks."""

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.flat_images import LEFT, flattened, has_cells
from dlcli.networks.model.phases import even_phases_
from dlcli.networks.model.receptive_field import receptive_radius
from dlcli.networks.model.spec import DeconvSpec, Head

STRIDED = {
    "three and two": DeconvSpec(1, 3, (4, 6), (3, 2), unshuffle=2, skip=True, head=Head(output="linear")),
    "large": DeconvSpec(1, 1, (4, 6, 8), (1, 2, 2), depth=1, skip=True),
    "article": DeconvSpec(1, 1, (4, 6), (2, 2), kernel=4, head=Head(output="sigmoid")),
}
SHUFFLED = {
    "gray": DeconvSpec(1, 1, (16,), (1,), depth=2, unshuffle=2),
    "color": DeconvSpec(3, 3, (24,), (1,), depth=1, unshuffle=2),
    "blurred and filtered": DeconvSpec(2, 1, (8,), (1,), depth=1, unshuffle=2),
    "masked": DeconvSpec(2, 1, (8,), (1,), depth=1, unshuffle=2, head=Head(masked=True)),
    "gelu, two levels": DeconvSpec(1, 1, (8, 8), (1, 2), kernel=5, unshuffle=2, activation="gelu", skip=True),
}


def network_of(spec):
    """One with random weights, of which those of strided deconvolutions are even."""
    torch.manual_seed(0)
    network = DeconvNet(spec)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    return network


def cells(network, levels):
    """One cell far from the borders of flat images of these gray levels, (N, C, cell, cell), in float64."""
    spec = network.spec
    around = -(-receptive_radius(spec) // spec.multiple) * spec.multiple
    flat = levels.double().view(-1, 1, 1, 1).repeat(1, spec.input_channels, *[2 * around + spec.multiple] * 2)
    if spec.head.masked:
        flat[:, -1] = 1
    with torch.no_grad():
        pixels = network.double()(flat)[..., around : around + spec.multiple, around : around + spec.multiple]
    network.float()
    return pixels[:, : spec.output_channels]


def pattern(pixels):
    return float((pixels.amax((2, 3)) - pixels.amin((2, 3))).max())


LEVELS = torch.arange(0, 256, 15) / 255


@pytest.mark.parametrize("name", STRIDED)
def test_even_phases_leave_what_is_constant_constant(name):
    network = network_of(STRIDED[name])
    before = pattern(cells(network, LEVELS))
    assert before > 0.01
    even_phases_(network.even_layers(), dict(network.named_parameters()))
    assert pattern(cells(network, LEVELS)) < 1e-5 * before
    assert pattern(cells(DeconvNet(STRIDED[name]), LEVELS)) < 1e-5  # networks begin so


@pytest.mark.parametrize("layer", [(1, 2, 3), (2, 1, 4), (3, 1, 9), (2, 2, 4)])
def test_even_weights_are_the_nearest_ones(layer):
    """The way to them is orthogonal to all of them, and they are their own nearest."""
    stride, shuffle, kernel = layer
    pairs = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        weight = torch.randn((4, 3 * shuffle**2, kernel, kernel), dtype=torch.float64)
        named = {
            "x.weight": weight.to(memory_format=torch.channels_last),
            "x.bias": torch.randn(3 * shuffle**2).double(),
        }
        even = {name: tensor.clone() for name, tensor in named.items()}
        even_phases_({"x": (stride, shuffle)}, even)
        pairs.append((named, even))
    (before, after), (_, other) = pairs
    for name in before:
        assert float(((before[name] - after[name]) * other[name]).sum()) == pytest.approx(0, abs=1e-10)
    assert not torch.equal(before["x.weight"], after["x.weight"])
    again = {name: tensor.clone() for name, tensor in after.items()}
    even_phases_({"x": (stride, shuffle)}, again)
    for name in before:
        torch.testing.assert_close(again[name], after[name], rtol=0, atol=1e-14)
    flat = torch.randn(1, 4, 1, 1).double().expand(1, 4, 9, 9)
    made = F.conv_transpose2d(flat, after["x.weight"], after["x.bias"], stride, (kernel - stride) // 2)
    cell = stride * shuffle
    assert pattern(F.pixel_shuffle(made, shuffle)[..., 4 * cell : 5 * cell, 4 * cell : 5 * cell]) < 1e-12


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("name", SHUFFLED)
def test_the_last_layer_is_changed_so_that_flat_images_stay_flat(name, kept):
    spec = SHUFFLED[name]
    network = network_of(spec)
    even_phases_(network.even_layers(), dict(network.named_parameters()))
    before, images = cells(network, LEVELS), torch.rand(2, spec.input_channels, 24, 24)
    old = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    new = flattened(spec, old, images, kept=kept)
    assert [key for key in old if not torch.equal(old[key], new[key])] == [
        "deconvolutions.0.weight",
        "deconvolutions.0.bias",
    ]
    network.load_state_dict(new)
    after = cells(network, LEVELS)
    assert pattern(before) > 0.1
    most = max(2e-3 * pattern(before), LEFT)
    assert pattern(after) <= most
    away = float((after - LEVELS.view(-1, 1, 1, 1)).abs().max())
    assert (away <= most) == kept


def test_of_all_changes_the_one_that_real_images_notice_the_least():
    """Half or twice as much in a direction that flat images don't see would change the images more."""
    spec = SHUFFLED["gray"]
    network = network_of(spec)
    old = network.state_dict()
    images = torch.rand(2, 1, 24, 24)
    new = flattened(spec, old, images, kept=False)

    def effect(state):
        with torch.no_grad():
            outputs = []
            for tensors in (old, state):
                network.load_state_dict(tensors)
                outputs.append(network(images)[..., 2:-2, 2:-2])
        return float((outputs[0] - outputs[1]).square().mean())

    old = {key: tensor.clone() for key, tensor in old.items()}
    least = effect(new)
    assert least > 0
    for seed in range(3):
        torch.manual_seed(seed)
        unseen = torch.randn_like(new["deconvolutions.0.weight"]) * 0.05
        unseen -= unseen.mean((2, 3), keepdim=True)  # of constant features it makes nothing
        for sign in (-1, 1):
            other = new | {"deconvolutions.0.weight": new["deconvolutions.0.weight"] + sign * unseen}
            assert effect(other) > least


def test_diverged_networks_stay_as_they_are():
    spec = SHUFFLED["gray"]
    state = network_of(spec).state_dict()
    state["deconvolutions.0.bias"][0] = torch.nan
    new = flattened(spec, state, torch.rand(1, 1, 16, 16), kept=True)
    assert all(new[key] is state[key] for key in state)


def test_networks_without_cells_need_nothing():
    assert not has_cells(DeconvSpec(1, 1, (4, 4), (1, 1)))
    assert not has_cells(dataclasses.replace(SHUFFLED["gray"], head=Head(classes=3, side=8)))
    assert DeconvNet(DeconvSpec(1, 1, (4,), (2,), head=Head(classes=3, side=8))).even_layers() == {}
