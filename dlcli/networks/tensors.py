"""Images as arrays (H, W, C) to tensors (B, C, H, W), and back."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.images.normalization import Normalization

Image = AnyArray  # of uint8, uint16 or floats
Dtype = AnyDtype | type[np.generic]


def batch_to_tensor(
    pixels: NDArray[np.uint8], device: str, memory_format: torch.memory_format = torch.preserve_format
) -> Tensor:
    """uint8 (B, C, H, W) as float32 in [0, 1] on the device."""
    return torch.from_numpy(pixels).to(device).to(torch.float32, memory_format=memory_format).div_(255)


def image_to_tensor(image: Image, device: str, scale: Normalization | None = None) -> Tensor:
    """(H, W, C) of any type as float32 (1, C, H, W) on the device, normalized; without ``scale``, white becomes 1.

    Numbers that float32 doesn't hold are rounded only once they are normalized.
    """
    turned = image.transpose(2, 0, 1)[None]
    if scale is not None and not np.can_cast(image.dtype, np.float32, "safe"):
        low, spans = (np.reshape(ends, (1, -1, 1, 1)) for ends in (scale.low, scale.spans))
        wide = (turned.astype(np.float64) - low) / spans
        return torch.from_numpy(np.ascontiguousarray(wide, np.float32)).to(device)
    pixels = np.ascontiguousarray(turned).astype(np.float32)
    values = torch.from_numpy(pixels).to(device)
    return values.div_(float(white_of(image.dtype))) if scale is None else normalized_(values, scale)


def normalized_(values: Tensor, scale: Normalization) -> Tensor:
    """Values (B, C, H, W) of images as a network sees them; in place."""
    low, span = _ends(scale, str(values.device))
    if any(scale.low):
        values.sub_(low)
    return values.div_(span)


def in_units(values: Tensor, scale: Normalization) -> Tensor:
    """A network's values (B, C, H, W) in the units of the images, in float64."""
    wide = float64(values)
    low, span = _ends(scale, str(wide.device), torch.float64)
    return wide * span + low


def as_written(values: Tensor, dtype: Dtype) -> Tensor:
    """Values in the units of the images as a file of ``dtype`` holds them: of whole numbers rounded and clipped."""
    if np.dtype(dtype).kind == "f":
        return values
    info = np.iinfo(np.dtype(dtype))
    most = float(info.max)
    if int(most) > info.max:  # of 64 bits, which become the next number of float64, and that wraps around
        most = float(np.nextafter(most, 0))
    return values.nan_to_num(0).round().clamp(float(info.min), most)


def units_to_image(values: Tensor, dtype: Dtype) -> Image:
    """(1, C, H, W) in the units of the images as an image (H, W, C) of ``dtype``."""
    return np.ascontiguousarray(as_written(values, dtype)[0].permute(1, 2, 0).cpu().numpy().astype(dtype))


@lru_cache(64)
def _ends(
    scale: Normalization, device: str, dtype: torch.dtype = torch.float32
) -> tuple[Tensor | float, Tensor | float]:
    """Where the range begins and how wide it is: numbers, or (1, C, 1, 1) on the device."""
    if len(scale.low) == 1:
        return scale.low[0], scale.span
    low, span = (torch.tensor(ends, device=device, dtype=dtype).view(1, -1, 1, 1) for ends in (scale.low, scale.spans))
    return low, span


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
    """(H, W, 1) as (H, W), which is how sheets are drawn; color as it is; of other channels the first three."""
    if pixels.shape[-1] == 2:
        return np.dstack([pixels, np.zeros_like(pixels[..., :1])])
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels[..., :3]
