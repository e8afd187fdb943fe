"""The gradient that is written out against autograd's."""

import copy
import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, Head
from tests.thinning.examples import examples

SPEC = DeconvSpec(2, 2, (4,), (1,))
SPECS = {
    "blocks": dataclasses.replace(SPEC, depth=2, unshuffle=2),
    "article": dataclasses.replace(SPEC, filters=(16, 18), strides=(1, 1), head=Head(output="sigmoid")),
    "skips": dataclasses.replace(SPEC, filters=(6, 4, 8), strides=(1, 2, 3), depth=1, skip=True),
    "skips without blocks": dataclasses.replace(SPEC, filters=(16, 16, 16), strides=(1, 1, 1), skip=True),
    "classes": dataclasses.replace(
        SPEC, filters=(4, 6), strides=(2, 2), depth=1, head=Head(classes=3, side=12, decoder=False)
    ),
    "no blocks, classes": dataclasses.replace(
        SPEC, filters=(4, 6), strides=(2, 1), head=Head(classes=3, side=12, decoder=False)
    ),
    "classes behind a decoder": dataclasses.replace(
        SPEC, filters=(4, 6), strides=(2, 2), head=Head(classes=3, side=12)
    ),
}


def network_of(spec, dtype=torch.float32):
    """With weights that are all random, the last layer's, too."""
    torch.manual_seed(0)
    network = DeconvNet(spec).to(dtype).to(memory_format=torch.channels_last)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return network


def gradients(network, x, monkeypatch, *, written_out):
    """Loss, and its derivatives by the weights and by x."""
    monkeypatch.setattr(DeconvNet, "_written_out", lambda self, h: written_out)
    x = x.clone().requires_grad_()
    loss = network(x).float().square().mean()
    return loss, *torch.autograd.grad(loss, [x, *network.parameters()])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", SPECS)
def test_it_is_that_of_autograd(name, dtype, monkeypatch):
    network = network_of(SPECS[name], dtype)
    x = torch.rand((3, 2, 12, 12), generator=torch.Generator().manual_seed(1)).to(dtype)
    here = gradients(network, x, monkeypatch, written_out=True)
    there = gradients(network, x, monkeypatch, written_out=False)
    close = {} if dtype != torch.bfloat16 else {"rtol": 2e-2, "atol": 1e-3}
    for found, expected in zip(here, there, strict=True):
        torch.testing.assert_close(found, expected, **close)


@settings(max_examples=examples(30))
@given(
    filters=st.lists(st.sampled_from([1, 3, 16]), min_size=1, max_size=3), depth=st.integers(0, 2),
    kernel=st.sampled_from([1, 3, 5]), skip=st.booleans(), data=st.data(),
)  # fmt: skip
def test_of_any_shape(filters, depth, kernel, skip, data):
    """In double precision, so that it isn't a matter of rounding."""
    strides = tuple(data.draw(st.integers(1, 3)) for _ in filters)
    spec = dataclasses.replace(
        SPEC, filters=tuple(filters), strides=strides, depth=depth, kernel=kernel, skip=skip, unshuffle=2
    )
    network = network_of(spec, torch.float64)
    x = torch.rand((2, 2, spec.multiple, 2 * spec.multiple), dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        here = gradients(network, x, patch, written_out=True)
        there = gradients(network, x, patch, written_out=False)
    for found, expected in zip(here, there, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_a_step_takes_it_and_a_copy_takes_its_own_weights(monkeypatch):
    network = network_of(SPECS["blocks"])
    other = copy.deepcopy(network)
    for weight in other.parameters():
        weight.data.mul_(2)
    x = torch.rand((1, 2, 12, 12))
    assert "Chain" in str(network.eval()._features_of(torch.rand((1, 8, 6, 6))).grad_fn)
    with torch.no_grad():
        expected = other(x)
    torch.testing.assert_close(other(x), expected)


def test_the_gradient_that_it_is_given_stays_as_it_was():
    """Where the last layer has a ReLU: others may have that gradient, too."""
    network = network_of(SPECS["no blocks, classes"])
    features = network._features_of(torch.rand((2, 2, 12, 12)))
    given_gradient = torch.randn_like(features)
    kept = given_gradient.clone()
    features.backward(given_gradient)
    assert torch.equal(given_gradient, kept)
