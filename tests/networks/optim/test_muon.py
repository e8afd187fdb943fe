"""Muon against torch's own, and its iteration against the singular values."""

import pytest
import torch
from torch import nn

from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.optim.muon import Muon, orthogonalized
from dlcli.networks.optim.optimizers import make_optimizers

SHAPES = [(16, 16), (64, 64), (64, 576), (576, 64), (4, 100), (100, 4), (1, 30), (30, 1), (33, 70)]


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_singular_values_come_near_1(shape, scale):
    stack = torch.stack([drawn(*shape, seed=seed) for seed in range(3)]) * scale
    found = orthogonalized(stack)
    assert found.shape == stack.shape
    assert found.dtype == stack.dtype
    values = torch.linalg.svdvals(found)
    # A square random matrix has singular values near 0, which five iterations can't all lift.
    low = 0.6 if shape[0] != shape[1] else 0.0
    assert low < values.min() <= values.max() < 1.3
    assert values.median() > 0.6
    for matrix, factor in zip(stack, found, strict=True):
        u, _, v = torch.linalg.svd(matrix, full_matrices=False)
        # Its singular vectors are those of the matrix: u' factor v is diagonal.
        turned = u.T @ factor @ v.T
        assert (turned - turned.diag().diag()).abs().max() < 1e-2
        assert turned.diag().min() > -0.05


def test_a_zero_gradient_leaves_the_weight():
    assert torch.equal(orthogonalized(torch.zeros(2, 5, 7)), torch.zeros(2, 5, 7))


@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (32, 32)])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_it_agrees_with_torch_s_muon(shape, decay):
    ours, theirs = nn.Parameter(drawn(1, *shape)), nn.Parameter(drawn(*shape))
    here = Muon([ours], lr=0.05, momentum=0.95, weight_decay=decay)
    there = torch.optim.Muon(
        [theirs], lr=0.05, momentum=0.95, weight_decay=decay, nesterov=True, ns_steps=5, adjust_lr_fn="original"
    )
    for step in range(12):
        for weight in (ours, theirs):
            weight.grad = (drawn(*shape, seed=step) * (1 + step % 3)).view_as(weight)
        here.step()
        there.step()
        # torch's keeps bfloat16's 8 bits. With other constants, or without Nesterov's look ahead, they part further.
        assert (ours - theirs).norm() < 0.04 * (ours - drawn(*shape)).norm()


def test_matrices_of_a_stack_go_together_as_each_alone():
    together = [nn.Parameter(torch.stack([drawn(8, 54, seed=s) for s in range(3)])), nn.Parameter(drawn(1, 4, 54))]
    alone = [nn.Parameter(m.detach()[None].clone()) for stack in together for m in stack]
    optimizers = [Muon(together), *(Muon([w]) for w in alone)]
    for step in range(3):
        for number, stack in enumerate(together):
            stack.grad = drawn(*stack.shape, seed=10 * step + number)
        for weight, gradient in zip(alone, [g for stack in together for g in stack.grad], strict=True):
            weight.grad = gradient[None]
        for optimizer in optimizers:
            optimizer.step()
    for a, b in zip([m for stack in together for m in stack], alone, strict=True):
        torch.testing.assert_close(a, b[0], rtol=0, atol=2e-3)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_kernel_is_taken_as_the_matrix_of_its_filters(layout):
    """A step on (out, in, k, k) is torch's step on (out, in * k * k): the order of columns makes no difference."""
    network = nn.Conv2d(5, 8, 3, bias=False).to(memory_format=layout)
    network.weight.data.copy_(drawn(8, 5, 3, 3))
    weights = FlatParameters(network, [network.weight])
    matrix = nn.Parameter(drawn(8, 5, 3, 3).flatten(1))
    gradient = drawn(8, 5, 3, 3, seed=4)
    matrix.grad = gradient.flatten(1)
    weights.backward((network.weight * gradient).sum())
    Muon(weights.matrices, lr=0.1).step()
    torch.optim.Muon([matrix], lr=0.1, weight_decay=0.0, adjust_lr_fn="original").step()
    torch.testing.assert_close(network.weight.detach().flatten(1), matrix.detach(), rtol=0, atol=2e-3)
    assert network.weight.is_contiguous(memory_format=layout)


def test_weights_without_a_gradient_stay():
    moving, still = nn.Parameter(drawn(1, 4, 4)), nn.Parameter(drawn(1, 4, 4))
    moving.grad = drawn(1, 4, 4, seed=1)
    Muon([moving, still], lr=0.1, weight_decay=0.5).step()
    assert torch.equal(still, drawn(1, 4, 4))
    assert not torch.equal(moving, drawn(1, 4, 4))


def test_muon_takes_the_hidden_kernels_and_adam_the_rest():
    net = DeconvNet(DeconvSpec(3, 3, (4, 6, 8), (1, 2, 2), depth=1, skip=True))
    weights = FlatParameters(net, net.hidden_weights())
    muon, adam = make_optimizers(weights, "muon", 0.02, momentum=0.9, l2=0.0)
    for leaf in (*weights.matrices, weights.rest):
        leaf.grad.fill_(1.0)
    before = {name: w.detach().clone() for name, w in net.named_parameters()}
    muon.step()
    moved = {name for name, w in net.named_parameters() if not torch.equal(w, before[name])}
    hidden = {id(weight) for weight in net.hidden_weights()}
    assert moved == {name for name, w in net.named_parameters() if id(w) in hidden}
    ends = (net.convolutions[0].weight, net.deconvolutions[0].weight)
    assert not hidden & {id(end) for end in ends}
    adam.step()
    assert all(not torch.equal(w, before[name]) for name, w in net.named_parameters())


def test_a_network_without_hidden_kernels_has_adam_alone():
    net = DeconvNet(DeconvSpec(1, 1, (4,), (1,)))
    assert net.hidden_weights() == []
    (only,) = make_optimizers(FlatParameters(net), "muon", 0.02, momentum=0.9, l2=0.0)
    assert isinstance(only, torch.optim.AdamW)
