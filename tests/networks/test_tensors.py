"""Images as arrays to tensors and back."""

import numpy as np
import pytest
import torch

from dlcli.images.normalization import Normalization
from dlcli.networks.tensors import (
    batch_to_tensor,
    image_to_tensor,
    in_units,
    squeeze_gray,
    tensor_to_array,
    tensor_to_image,
    units_to_image,
    white_of,
)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_image_comes_back_as_it_was(dtype):
    values = np.random.default_rng(0).integers(0, 256, (5, 7, 3))
    image = (values / 255 if dtype is np.float32 else values * (white_of(dtype) // 255)).astype(dtype)
    tensor = image_to_tensor(image, "cpu")
    assert tensor.shape == (1, 3, 5, 7)
    assert tensor.dtype == torch.float32
    assert 0 <= float(tensor.min()) <= float(tensor.max()) <= 1
    back = tensor_to_image(tensor.double(), image.dtype)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, image)


def test_a_batch_is_its_images():
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, 4, 5), dtype=np.uint8)
    batch = batch_to_tensor(pixels, "cpu", torch.channels_last)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    for number, image in enumerate(pixels):
        assert torch.equal(batch[number : number + 1], image_to_tensor(image.transpose(1, 2, 0), "cpu"))


def test_what_leaves_the_range_is_clamped_in_an_image_only():
    tensor = torch.tensor([[[[-0.5, 1.5]]]])
    assert tensor_to_image(tensor, np.uint8).ravel().tolist() == [0, 255]
    assert tensor_to_array(tensor).ravel().tolist() == [-0.5, 1.5]


def test_gray_images_are_drawn_as_planes():
    assert squeeze_gray(np.zeros((4, 5, 1), np.uint8)).shape == (4, 5)
    assert squeeze_gray(np.zeros((4, 5, 3), np.uint8)).shape == (4, 5, 3)


def test_what_is_no_number_is_black_without_a_warning():
    image = torch.tensor([[[[float("nan"), float("inf"), -float("inf")]]]])
    assert tensor_to_image(image, np.uint8)[0, :, 0].tolist() == [0, 255, 0]


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_the_largest_numbers_do_not_wrap_around(dtype):
    """Clipped to the type's end, which float64 doesn't hold, they became 0 or negative."""
    made = units_to_image(torch.full((1, 1, 1, 2), 3e19, dtype=torch.float64), dtype)
    assert made.min() > 0.99 * np.iinfo(dtype).max


def test_a_small_range_on_a_large_offset_is_not_rounded_away():
    """A million and a bit, of float64: float32 holds steps of 1/16 there."""
    values = 1e6 + np.linspace(0, 1, 12).reshape(3, 4, 1)
    scale = Normalization("float32", (1e6,), (1e6 + 1,))
    seen = image_to_tensor(values, "cpu", scale)
    np.testing.assert_allclose(seen[0, 0].numpy(), values[:, :, 0] - 1e6, atol=1e-7)
    back = units_to_image(in_units(seen, scale), np.float64)
    np.testing.assert_allclose(back, values, atol=1e-6)
