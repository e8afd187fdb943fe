"""``--augment photos``: images mirrored, cut anew, and with other colors, as suits photographs."""

import torch
from torch import Tensor

from dlcli.networks.data.pool import moved

SHIFT = 1 / 8  # of the side, by which an image moves at most; 4 pixels of 32, as is usual (He et al. 2016)
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def moved_and_mirrored(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images (B, C, H, W), half of them mirrored left and right, moved by whole pixels, continued by reflection."""
    count, channels, height, width = images.shape
    draws = torch.rand((3, count), generator=generator)
    rows = _places(height, draws[0])
    columns = _places(width, draws[1])
    columns = torch.where(draws[2, :, None] < 0.5, columns.flip(1), columns)
    place = moved(rows[:, :, None] * width + columns[:, None, :], str(images.device)).view(count, 1, -1)
    return images.flatten(2).gather(2, place.expand(-1, channels, -1)).view(images.shape)


def _places(side: int, draws: Tensor) -> Tensor:
    """Where each row (or column) of the images is taken from, (B, side)."""
    most = max(1, round(side * SHIFT))
    places = torch.arange(side) + (draws[:, None] * (2 * most + 1)).long() - most
    places = places.abs()
    return torch.where(places > side - 1, 2 * (side - 1) - places, places)


def jittered(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Images (B, C, H, W) whose brightness, contrast and saturation changed by factors of 1 ± ``strength``.

    Values may leave [0, 1]: clipping them would lose what they show.
    """
    draws = 1 + strength * (torch.rand((3, len(images), 1, 1, 1), generator=generator) * 2 - 1)
    brightness, contrast, saturation = moved(draws, str(images.device))
    images = images * brightness
    if images.shape[1] == 3:
        weights = torch.tensor(LUMA, device=images.device).view(1, 3, 1, 1)
        gray = (images * weights).sum(1, keepdim=True)
        images = torch.lerp(gray.expand_as(images), images, saturation)
    mean = images.mean((1, 2, 3), keepdim=True)
    return torch.lerp(mean.expand_as(images), images, contrast)
