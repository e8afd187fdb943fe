"""The region of a restored image that is explained where none is given: one with much detail."""

import torch
from torch import Tensor
from torch.nn import functional

from dlcli.config.values.region import Region
from dlcli.errors import DlcliError
from dlcli.networks.inference.explain.restoration.traced import Box

SIDE = 16  # pixels, as published for local attribution maps


def given_box(region: Region, size: tuple[int, int], name: str) -> Box:
    """The region of a restored image of this ``size`` (H, W). Raises DlcliError where it isn't inside."""
    height, width = size
    if region.x + region.width > width or region.y + region.height > height:
        raise DlcliError(
            f"--region {region}: reaches beyond the restored image of {name}, which is {width} x {height} pixels",
            f"give x,y,w,h with x + w at most {width} and y + h at most {height}",
        )
    return Box(region.y, region.x, region.height, region.width)


def detailed_box(restored: Tensor, margin: int) -> Box:
    """The square of SIDE pixels of a restored image (1, C, H, W) where neighbors differ most in sum.

    At least ``margin`` pixels from its borders, where there is such a place.
    """
    height, width = restored.shape[-2:]
    tall, wide = min(SIDE, height), min(SIDE, width)
    down = functional.pad(restored.diff(dim=2), (0, 0, 0, 1))
    right = functional.pad(restored.diff(dim=3), (0, 1))
    detail = (down.square() + right.square()).sum(1, keepdim=True).sqrt()
    sums = functional.avg_pool2d(detail, (tall, wide), 1)[0, 0]
    rows, columns = (_kept(count, margin) for count in sums.shape)
    inner = sums[rows, columns]
    place = int(torch.argmax(inner))
    top, left = place // inner.shape[1], place % inner.shape[1]
    return Box(top + rows.start, left + columns.start, tall, wide)


def _kept(count: int, margin: int) -> slice:
    return slice(margin, count - margin) if count > 2 * margin else slice(0, count)
