"""Images as arrays (H, W, C) to tensors (B, C, H, W), and back."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.engine.arrays import AnyArray, AnyDtype

Image = AnyArray  # of uint8, uint16 or floats
Dtype = AnyDtype | type[np.generic]


def batch_to_tensor(pixels: Image, device: str, memory_format: torch.memory_format = torch.preserve_format) -> Tensor:
    """uint8, uint16 or floats (B, C, H, W), white being 1, as float32 with white 1 on the device."""
    values = torch.from_numpy(pixels).to(device).to(torch.float32, memory_format=memory_format)
    return values.div_(white_of(pixels.dtype))


def image_to_tensor(image: Image, device: str) -> Tensor:
    """(H, W, C) of uint8, uint16 or floats, white being 1, as float32 (1, C, H, W) with white 1 on the device."""
    pixels = np.ascontiguousarray(image.transpose(2, 0, 1)[None]).astype(np.float32)
    return torch.from_numpy(pixels).to(device).div_(float(white_of(image.dtype)))


def tensor_to_image(image: Tensor, dtype: Dtype) -> Image:
    """(1, C, H, W) in [0, 1], clamped, as uint8, uint16 or floats (H, W, C); in whole numbers nan is black.

    Rounded in the tensor's own precision: for uint16 that should be float64.
    """
    values = image[0].clamp(0, 1).permute(1, 2, 0)
    if np.dtype(dtype).kind != "f":
        values = values.nan_to_num(0).mul(white_of(dtype)).round()
    return np.ascontiguousarray(values.cpu().numpy().astype(dtype))


def tensor_to_array(image: Tensor) -> NDArray[np.float64]:
    """(1, C, H, W) as float64 (H, W, C), not clamped."""
    return np.ascontiguousarray(image[0].permute(1, 2, 0).cpu().double().numpy())


def float64(tensor: Tensor) -> Tensor:
    """``tensor`` in float64; on the CPU where its device, Apple's, has none."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def white_of(dtype: Dtype) -> int:
    """The value of white: 1 for floats, else the largest of the type."""
    return 1 if np.dtype(dtype).kind == "f" else int(np.iinfo(np.dtype(dtype)).max)


def squeeze_gray(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 1) as (H, W), which is how sheets are drawn; color as it is."""
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels
