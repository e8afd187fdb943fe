"""Deconvolutions in blocks of 2x2 places, beside PyTorch's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from dlcli.networks.model.transposed_conv import MAX_CHANNELS, deconvolved
from tests.thinning.examples import examples


@settings(max_examples=examples(80))
@given(
    inputs=st.integers(1, 5), outputs=st.integers(1, MAX_CHANNELS + 1), high=st.integers(1, 5), wide=st.integers(1, 5),
    height=st.integers(2, 7), width=st.integers(2, 7), stride=st.integers(1, 2), padding=st.integers(0, 2),
    biased=st.booleans(), last=st.booleans(),
)  # fmt: skip
def test_it_is_pytorch_s(inputs, outputs, high, wide, height, width, stride, padding, biased, last):
    """Whether it takes blocks or not."""
    layout = torch.channels_last if last else torch.contiguous_format
    x = torch.randn(2, inputs, height, width, dtype=torch.float64).contiguous(memory_format=layout)
    weight = torch.randn(inputs, outputs, high, wide, dtype=torch.float64).contiguous(memory_format=layout)
    bias = torch.randn(outputs, dtype=torch.float64) if biased else None
    if min(stride * (height - 1) + high, stride * (width - 1) + wide) - 2 * padding < 1:
        return
    expected = F.conv_transpose2d(x, weight, bias, stride, padding)
    found = deconvolved(x, weight, bias, stride, padding)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("outputs", [1, 3, 4])
def test_few_channels_of_even_images_are_taken_in_blocks(outputs, monkeypatch):
    """The default's and the article's last layer."""
    monkeypatch.setattr(F, "conv_transpose2d", None)
    x = torch.rand(2, 5, 8, 6)
    weight = torch.rand(5, outputs, 3, 3)
    expected = F.conv2d(x, weight.transpose(0, 1).flip(2, 3), padding=1)
    torch.testing.assert_close(deconvolved(x, weight, None, 1, 1), expected)
    with pytest.raises(TypeError):
        deconvolved(x[..., :5], weight, None, 1, 1)
