"""Integrated gradients, Grad-CAM and deconvnets against Captum and closed forms."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from dlcli.networks.inference.explain.classes.grad_cam import enlarged, features_and_gradients, grad_cam
from dlcli.networks.inference.explain.classes.integrated import TOLERANCE, integrated_gradients
from dlcli.networks.inference.explain.classes.parts import (
    cells,
    differentiable,
    last_convolution,
    projected,
    scores,
    values,
)
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, Head

PLAIN = DeconvSpec(1, 1, (5, 7), (1, 2), unshuffle=2, head=Head("linear", decoder=False, classes=4, side=12))
SHAPES = {
    "plain": PLAIN,
    "odd side": DeconvSpec(3, 3, (5, 7), (2, 1), head=Head("linear", decoder=False, classes=4, side=9)),
    "pooled": DeconvSpec(
        3, 3, (5, 6), (1, 2), depth=1, turned=True, center=0.4,
        head=Head("linear", decoder=False, classes=4, side=12, pool=True),
    ),
    "blocks": DeconvSpec(1, 1, (5, 6), (4, 2), depth=2, head=Head("linear", decoder=False, classes=4, side=16)),
    "decoder": DeconvSpec(1, 1, (5, 7), (1, 1), head=Head("sigmoid", classes=4, side=8)),
    "strided decoder": DeconvSpec(1, 1, (5, 7), (2, 3), head=Head("linear", classes=4, side=12)),
    "gelu": DeconvSpec(
        1, 1, (5, 7), (1, 2), activation="gelu", head=Head("linear", decoder=False, classes=4, side=12)
    ),
    "mirrored": DeconvSpec(
        3, 3, (5, 6), (1, 2), depth=1, head=Head("linear", decoder=False, classes=4, side=12, pool=True, mirrored=True)
    ),
}  # fmt: skip


class Reference(nn.Module):
    """The same network as modules that Captum can hook: an nn.ReLU for each activation."""

    def __init__(self, network):
        super().__init__()
        self.network, (self.layers, modules) = network, network.chain_of_layers
        self.convolutions = nn.ModuleList(modules)
        activation = {"relu": nn.ReLU, "gelu": nn.GELU}[network.spec.activation]
        self.activations = nn.ModuleList(activation() if layer.activated else nn.Identity() for layer in self.layers)
        self.last = nn.Identity()

    def forward(self, x):
        spec = self.network.spec
        down, right = (-side % spec.multiple for side in x.shape[2:])
        x = nn.functional.pad(x, (0, right, 0, down), mode="replicate") - spec.center
        found = [nn.functional.pixel_unshuffle(x, spec.unshuffle)]
        end = len(spec.filters) * (1 + 2 * spec.depth)
        for number, layer in enumerate(self.layers):
            h = self.convolutions[number](found[-1])
            h = h if layer.adds is None else h + found[layer.adds]
            h = self.activations[number](h)
            found.append(self.last(h) if number + 1 == end else h)
        pools = spec.head.pool and not spec.head.decoder
        return self.network.classifier(found[-1].mean((2, 3)) if pools else found[-1].flatten(1))


def network(spec):
    torch.manual_seed(3)
    made = DeconvNet(spec).eval()
    for parameter in made.parameters():  # biases and residuals begin at zero
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.1)
    return made


def images(spec, count=5):
    generator = torch.Generator().manual_seed(7)
    side = spec.head.side
    return torch.rand((count, spec.input_channels, side, side), generator=generator)


def score(made):
    return lambda x, classes: scores(made, x).gather(1, classes[:, None])[:, 0]


def explained(made, x, baseline=None):
    with differentiable(made):
        classes = scores(made, x).argmax(1)
        baseline = torch.zeros_like(x[:1]) if baseline is None else baseline
        return classes, integrated_gradients(score(made), x, baseline, classes)


@pytest.mark.parametrize("name", SHAPES)
def test_the_parts_make_the_network(name):
    made, x = network(SHAPES[name]), images(SHAPES[name])
    with torch.inference_mode():
        torch.testing.assert_close(scores(made, x), made(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SHAPES)
def test_integrated_gradients_are_complete(name):
    made, x = network(SHAPES[name]), images(SHAPES[name])
    classes, found = explained(made, x, torch.full_like(x[:1], 0.5))
    with torch.inference_mode():
        ends = [made(one)[range(len(x)), classes] for one in (x, torch.full_like(x, 0.5))]
    difference = (ends[0] - ends[1]).double()
    assert (found.maps.double().sum((1, 2, 3)) - difference).abs().le(TOLERANCE * difference.abs() + 1e-6).all()


@pytest.mark.parametrize("name", SHAPES)
def test_integrated_gradients_are_captums(name):
    attr = pytest.importorskip("captum.attr")
    # In float64: where a unit is 0 but for rounding, its gradient depends on how many images go through at once.
    made, x = network(SHAPES[name]).double(), images(SHAPES[name], 3).double()
    classes, found = explained(made, x)
    captum = attr.IntegratedGradients(lambda inputs: scores(made, inputs))
    for number, steps in enumerate(found.steps.tolist()):
        one = captum.attribute(
            x[number : number + 1], 0.0, int(classes[number]), n_steps=steps, method="riemann_middle"
        )
        torch.testing.assert_close(found.maps[number], one[0], atol=1e-5, rtol=0)


def test_steps_are_added_where_they_are_needed():
    kink = 0.4371

    def bent(x, _classes):
        return nn.functional.relu(x.sum((1, 2, 3)) - kink) - 0.97 * nn.functional.relu(x.sum((1, 2, 3)) - kink - 0.02)

    x = torch.full((2, 1, 2, 2), 0.25)
    x[1] *= 0.1  # never reaches the kink: nothing to explain
    found = integrated_gradients(bent, x, torch.zeros(1, 1, 2, 2), torch.zeros(2, dtype=torch.int64))
    assert found.gaps[0] <= TOLERANCE
    assert found.steps.tolist()[0] > 18 == found.steps.tolist()[1]
    assert found.sums[1] == 0
    assert float(found.sums[0]) == pytest.approx(1 - kink - 0.97 * (1 - kink - 0.02), rel=TOLERANCE)


def test_a_linear_score_is_shared_out_exactly():
    weight = torch.linspace(-1, 1, 12).view(1, 3, 2, 2)
    x, baseline = torch.rand(4, 3, 2, 2), torch.rand(1, 3, 2, 2)
    found = integrated_gradients(
        lambda at, _: (at * weight).sum((1, 2, 3)), x, baseline, torch.zeros(4, dtype=torch.int64)
    )
    torch.testing.assert_close(found.maps, weight * (x - baseline), atol=1e-6, rtol=0)
    assert float(found.gaps.max()) < 1e-5


@pytest.mark.parametrize("name", sorted(SHAPES.keys() - {"mirrored"}))
def test_grad_cam_is_captums(name):
    attr = pytest.importorskip("captum.attr")
    made, x = network(SHAPES[name]), images(SHAPES[name])
    reference = Reference(made)
    classes = made(x).argmax(1)
    captum = attr.LayerGradCam(reference, reference.last).attribute(x, classes, relu_attributions=True)
    with differentiable(made):
        features, gradients = features_and_gradients(made, x, classes)
    found = grad_cam(features, gradients)
    torch.testing.assert_close(found, captum[:, 0], atol=1e-5, rtol=0)
    assert found.shape[1] == math.ceil(SHAPES[name].head.side / SHAPES[name].multiple) * (
        SHAPES[name].multiple // SHAPES[name].unshuffle // math.prod(SHAPES[name].strides)
    )


RECTIFIED = sorted(SHAPES.keys() - {"mirrored", "gelu"})


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations")
@pytest.mark.parametrize("name", RECTIFIED)
def test_deconvnets_are_captums(name):
    """From the class score, and from any signal at the last convolution."""
    attr = pytest.importorskip("captum.attr")
    made, x = network(SHAPES[name]), images(SHAPES[name])
    reference = Reference(made)
    classes = made(x).argmax(1)
    captum = attr.Deconvolution(reference).attribute(x.clone().requires_grad_(True), classes)
    with differentiable(made):
        end = values(made, cells(made, x))
        h = end[-1].detach().requires_grad_(True)
        pools = made.spec.head.pool and not made.spec.head.decoder
        score = made.classifier(h.mean((2, 3)) if pools else h.flatten(1)).gather(1, classes[:, None]).sum()
        signal = torch.autograd.grad(score, h)[0]
        found = projected(made, signal, x, len(end) - 1)
    torch.testing.assert_close(found, captum, atol=1e-5, rtol=0)


def test_without_activations_a_deconvnet_is_the_gradient():
    spec = DeconvSpec(1, 1, (6,), (2,), unshuffle=2, head=Head("linear", decoder=False, classes=3, side=9))
    made, x = network(spec), images(spec)
    made.convolutions[0].bias.data.fill_(100.0)  # every unit is active
    given = x.clone().requires_grad_(True)
    h = values(made, cells(made, given))[-1]
    signal = torch.rand_like(h)
    (gradient,) = torch.autograd.grad((h * signal).sum(), given)
    with differentiable(made):
        torch.testing.assert_close(projected(made, signal, x, 1), gradient, atol=1e-5, rtol=0)


def test_maps_are_enlarged_in_place():
    maps = torch.zeros(1, 3, 3)
    maps[0, 1, 1] = 1
    large = enlarged(maps, 9)[0].numpy()
    assert np.unravel_index(large.argmax(), large.shape) == (4, 4)
    assert large.max() == pytest.approx(1)


def test_weights_can_be_trained_again_afterwards():
    made = network(PLAIN)
    with differentiable(made):
        assert not any(parameter.requires_grad for parameter in made.parameters())
    assert all(parameter.requires_grad for parameter in made.parameters())
    assert last_convolution(made) == 2
