"""What JPEG leaves of images, on their device: blocks of 8 x 8 whose frequencies are rounded (ITU-T T.81)."""

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 8
# The tables of the standard, K.1 and K.2: steps of the frequencies of luminance, and of color.
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
COLOR = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99), (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99), *((99,) * 8,) * 4,
)  # fmt: skip
# From RGB to luminance and two differences of color (ITU-T T.871).
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def quantized(images: Tensor, quality: Tensor) -> Tensor:
    """Images (B, C, H, W) in [0, 1] as they are after JPEG of ``quality`` (B, 1, 1, 1), rounded to 8 bits.

    Of three channels the color has half the resolution. Blocks that reach over the border are continued by its pixels.
    """
    _, channels, height, width = images.shape
    halved = 2 * SIDE if channels == 3 else SIDE
    down, right = -height % halved, -width % halved
    values = F.pad(images, (0, right, 0, down), mode="replicate") if down or right else images
    values = values * 255
    if channels == 3:
        to_ycc, to_rgb = _matrices(str(images.device))
        ycc = torch.matmul(to_ycc, values.flatten(2)).view_as(values)
        luminance = _rounded(ycc[:, :1] - 128, quality, LUMINANCE) + 128
        color = _rounded(F.avg_pool2d(ycc[:, 1:], 2), quality, COLOR)
        color = F.interpolate(color, scale_factor=2.0)
        values = torch.matmul(to_rgb, torch.cat([luminance, color], 1).flatten(2)).view_as(values)
    else:
        values = _rounded(values - 128, quality, LUMINANCE) + 128
    return values[..., :height, :width].round().clamp(0, 255).div(255)


def _rounded(values: Tensor, quality: Tensor, table: tuple[tuple[int, ...], ...]) -> Tensor:
    """Values (B, C, H, W) whose frequencies in each block are whole multiples of the table's steps."""
    count, channels, height, width = values.shape
    cosines, steps = _cosines(str(values.device)), _steps(table, str(values.device))
    # As libjpeg scales its tables, halves upwards.
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    steps = (steps * scale).add_(0.5).floor_().clamp_(min=1).view(count, 1, 1, SIDE, 1, SIDE)
    # Products of matrices, as einsum would copy the blocks several times over.
    found = (cosines @ values.reshape(-1, SIDE, width)).view(-1, SIDE) @ cosines.T
    blocks = found.view(count, channels, height // SIDE, SIDE, width // SIDE, SIDE)
    blocks.div_(steps).round_().mul_(steps)
    return (cosines.T @ (found @ cosines).view(-1, SIDE, width)).view(values.shape)


@lru_cache(8)
def _cosines(device: str) -> Tensor:
    """The orthonormal cosine transform of 8 values."""
    frequency, place = torch.arange(SIDE).view(-1, 1), torch.arange(SIDE).view(1, -1)
    made = torch.cos(math.pi * (2 * place + 1) * frequency / (2 * SIDE)) * math.sqrt(2 / SIDE)
    made[0] /= math.sqrt(2)
    return made.to(device)


@lru_cache(8)
def _steps(table: tuple[tuple[int, ...], ...], device: str) -> Tensor:
    return torch.tensor(table, dtype=torch.float32, device=device)


@lru_cache(8)
def _matrices(device: str) -> tuple[Tensor, Tensor]:
    there = torch.tensor(TO_YCC, dtype=torch.float64)
    return there.float().to(device), torch.linalg.inv(there).float().to(device)
