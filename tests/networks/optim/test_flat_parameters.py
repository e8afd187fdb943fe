"""One vector of weights against the network's own parameters."""

import copy

import pytest
import torch
from torch import nn

from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, Head
from dlcli.networks.optim.flat_parameters import FlatParameters

SPEC = DeconvSpec(1, 1, (4, 6, 6), (1, 1, 1), skip=True, head=Head(output="linear"))


def network(layout=torch.channels_last, seed=3, spec=SPEC):
    torch.manual_seed(seed)
    return DeconvNet(spec).to(memory_format=layout)


def image(size=2, seed=0):
    return torch.rand((size, 1, 8, 8), generator=torch.Generator().manual_seed(seed))


LAYOUTS = pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])


@LAYOUTS
def test_the_network_is_as_it_was_and_its_parameters_are_views(layout):
    net, before = network(layout), network(layout)
    weights = FlatParameters(net, net.hidden_weights())
    assert weights.compute_model is weights.network is net
    assert weights.flat.shape == (sum(w.numel() for w in before.parameters()),)
    for mine, old in zip(net.parameters(), before.parameters(), strict=True):
        assert torch.equal(mine, old)
        assert mine.stride() == old.stride()
        assert mine.untyped_storage().data_ptr() == weights.flat.untyped_storage().data_ptr()
    with torch.no_grad():
        weights.flat.mul_(2)
    for mine, old in zip(net.parameters(), before.parameters(), strict=True):
        assert torch.equal(mine, 2 * old)


@LAYOUTS
def test_hidden_kernels_of_one_shape_are_one_stack_and_nothing_is_left_out(layout):
    net = network(layout)
    hidden = net.hidden_weights()
    weights = FlatParameters(net, hidden)
    shapes = [(w.shape[0], w.shape[1] * w.shape[2] * w.shape[3]) for w in hidden]
    assert sorted(tuple(s.shape[1:]) for s in weights.matrices for _ in s) == sorted(shapes)
    assert len(weights.matrices) == len({w.shape for w in hidden}) < len(hidden)
    kernels = {tuple(sorted(w.detach().flatten().tolist())) for w in hidden}
    assert {tuple(sorted(m.flatten().tolist())) for s in weights.matrices for m in s.detach()} == kernels
    # A row of a matrix is a filter, in whatever order its numbers lie.
    filters = {tuple(sorted(f.flatten().tolist())) for w in hidden for f in w.detach()}
    assert {tuple(sorted(row.tolist())) for s in weights.matrices for m in s.detach() for row in m} == filters
    with torch.no_grad():
        for leaf in (*weights.matrices, weights.rest):
            leaf.add_(1)
    for mine, old in zip(net.parameters(), network(layout).parameters(), strict=True):
        assert torch.equal(mine, old + 1)


@LAYOUTS
def test_the_gradient_is_that_of_each_weight(layout):
    net, plain = network(layout), network(layout)
    weights = FlatParameters(net, net.hidden_weights())
    weights.backward(net(image()).square().sum())
    plain(image()).square().sum().backward()
    named = weights.named(weights.gradient)
    for name, weight in plain.named_parameters():
        torch.testing.assert_close(named[name], weight.grad, rtol=1e-6, atol=1e-6)
    leaves = [*weights.matrices, weights.rest]
    assert torch.equal(torch.cat([leaf.grad.flatten() for leaf in leaves]), weights.gradient)
    weights.backward(0 * net(image()).sum())  # in its place, not on top
    assert not weights.gradient.any()


def test_a_half_copy_has_the_gradient_of_autocast_to_the_last_bit():
    net, plain = network(), network()
    weights = FlatParameters(net, net.hidden_weights(), half=True)
    assert weights.dtype == torch.bfloat16
    assert weights.network is net
    x = image()[..., :7]  # of even sides a narrow deconvolution takes another order, if no gradient is asked of it
    weights.backward(weights.compute_model(x.bfloat16()).float().square().sum())
    with torch.autocast("cpu", torch.bfloat16):
        output = plain(x)
    output.float().square().sum().backward()
    named = weights.named(weights.gradient)
    assert all(torch.equal(named[name], weight.grad) for name, weight in plain.named_parameters())
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), plain.parameters(), strict=True))


def test_steps_too_small_for_bfloat16_add_up():
    net = network()
    weights = FlatParameters(net, half=True)
    with torch.no_grad():
        weights.flat.fill_(1.0)
        for _ in range(100):
            weights.flat.add_(1e-3)  # bfloat16 has no number between 1 and 1.0078
            weights.sync()
    assert all(torch.allclose(w, torch.tensor(1.1), atol=1e-5) for w in net.parameters())
    assert all((w == torch.tensor(1.1).bfloat16()).all() for w in weights.compute_model.parameters())


def test_a_loaded_state_lies_in_the_vector():
    net, other = network(), network(seed=9)
    weights = FlatParameters(net, net.hidden_weights(), half=True)
    net.load_state_dict(other.state_dict())
    weights.sync()
    named = weights.named(weights.flat.detach())
    for name, weight in other.named_parameters():
        assert torch.equal(named[name], weight)
        assert torch.equal(weights.compute_model.get_parameter(name), weight.bfloat16())


def test_weights_of_any_module():
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2, bias=False))
    before = copy.deepcopy(module)
    weights = FlatParameters(module)
    assert weights.matrices == []
    assert torch.equal(weights.rest, weights.flat)
    assert torch.equal(weights.flat, torch.cat([w.flatten() for w in before.parameters()]))
