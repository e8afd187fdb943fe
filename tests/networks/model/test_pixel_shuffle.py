"""Pixels into channels and back, beside PyTorch's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from dlcli.networks.model import pixel_shuffle as shuffling
from dlcli.networks.model.pixel_shuffle import shuffled, unshuffled
from tests.thinning.examples import examples


@settings(max_examples=examples(60))
@given(
    channels=st.sampled_from([1, 3]), factor=st.integers(1, 4), height=st.integers(1, 4), width=st.integers(1, 4),
    dtype=st.sampled_from([torch.bfloat16, torch.float32, torch.float64]), last=st.booleans(), cropped=st.booleans(),
)  # fmt: skip
def test_they_are_pytorch_s(channels, factor, height, width, dtype, last, cropped):
    """Values and gradients to the bit, whatever the order of the memory."""
    layout = torch.channels_last if last else torch.contiguous_format
    x = torch.randn(2, channels, factor * height, factor * width + cropped).to(dtype).contiguous(memory_format=layout)
    x = x[..., : factor * width].requires_grad_()
    h = torch.randn(2, channels * factor**2, height, width).to(dtype).contiguous(memory_format=layout).requires_grad_()
    for ours, theirs, value in ((unshuffled, F.pixel_unshuffle, x), (shuffled, F.pixel_shuffle, h)):
        found, expected = ours(value, factor), theirs(value, factor)
        assert torch.equal(found, expected)
        gradient = torch.randn_like(expected)
        found, expected = (torch.autograd.grad(result, value, gradient)[0] for result in (found, expected))
        assert torch.equal(found, expected)
    assert unshuffled(x, factor).is_contiguous(memory_format=torch.channels_last)


def test_the_derivative_has_a_derivative():
    """As a penalty on gradients needs it."""
    x = torch.rand(1, 1, 4, 4, requires_grad=True)
    for change in (lambda t: shuffled(unshuffled(t.square(), 2), 2), torch.square):
        (slope,) = torch.autograd.grad(change(x).sum(), x, create_graph=True)
        torch.testing.assert_close(torch.autograd.grad(slope.square().sum(), x)[0], 8 * x)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_one_channel_is_moved_in_words(dtype, monkeypatch):
    """The default network's images: not by PyTorch's own."""
    monkeypatch.setattr(F, "pixel_unshuffle", None)
    monkeypatch.setattr(F, "pixel_shuffle", None)
    x = torch.rand(2, 1, 6, 8).to(dtype)
    assert torch.equal(shuffled(unshuffled(x, 2), 2), x)
    with pytest.raises(TypeError):
        shuffling.unshuffled(x.expand(2, 3, 6, 8), 2)
