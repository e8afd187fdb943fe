"""The losses of networks against PyTorch's own."""

import pytest
import torch
from torch.nn import functional as F

from dlcli.networks.losses.cross_entropy import binary_cross_entropy, binary_cross_entropy_of_scores


@pytest.mark.parametrize("shape", [(4, 3, 8, 8), (1, 1, 1, 1)])
def test_binary_cross_entropy_and_its_derivative(shape):
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(shape, generator=generator)
    scores = torch.randn(shape, generator=generator) * 3
    found, expected = (scores.clone().requires_grad_() for _ in range(2))
    here = binary_cross_entropy(found.sigmoid(), target) * 2
    there = F.binary_cross_entropy(expected.sigmoid(), target) * 2
    here.backward()
    there.backward()
    torch.testing.assert_close(here, there)
    torch.testing.assert_close(found.grad, expected.grad)


def test_it_stays_finite_where_a_sigmoid_is_0_or_1():
    output = torch.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    loss = binary_cross_entropy(output, torch.tensor([0.0, 1.0, 1.0, 0.0]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(output.grad).all()
    assert output.grad[2] < 0 < output.grad[3]  # toward the target


@pytest.mark.parametrize("shape", [(4, 3, 8, 8), (1, 1, 1, 1)])
@pytest.mark.parametrize("spread", [3, 300])
def test_binary_cross_entropy_of_scores_and_its_derivative(shape, spread):
    """Of scores so large, too, that their sigmoid is 0 or 1."""
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(shape, generator=generator)
    scores = torch.randn(shape, generator=generator) * spread
    found, expected = (scores.clone().requires_grad_() for _ in range(2))
    here = binary_cross_entropy_of_scores(found, target) * 2
    there = F.binary_cross_entropy_with_logits(expected, target) * 2
    here.backward()
    there.backward()
    torch.testing.assert_close(here, there)
    torch.testing.assert_close(found.grad, expected.grad)
