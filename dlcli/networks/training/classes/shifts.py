"""``--augment shifts``: images moved, turned and scaled a little, as suits digits and drawings."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcli.networks.data.pool import moved

# For images of W pixels: moved by up to W/12, turned by up to 12 degrees, scaled by up to 12%.
SHIFT, TURN, SCALE, SHEAR = 1 / 6, math.radians(12), 0.12, 0.1
# Moving an image smooths it a little, so some stay as they are: the network must know sharp ones, too.
UNMOVED = 0.1


def shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Most images (B, C, H, W) moved, turned, scaled and sheared a little, black beyond the border."""
    draws = torch.rand((len(images), 6), generator=generator) * 2 - 1
    draws[torch.rand(len(images), generator=generator) < UNMOVED] = 0
    angle, shear = draws[:, 0] * TURN, draws[:, 5] * SHEAR
    wide, high = 1 + draws[:, 1] * SCALE, 1 + draws[:, 2] * SCALE
    cosine, sine = torch.cos(angle), torch.sin(angle)
    first = torch.stack([cosine * wide, (shear - sine) * high, draws[:, 3] * SHIFT], dim=1)
    second = torch.stack([sine * wide, cosine * high, draws[:, 4] * SHIFT], dim=1)
    # On the device: the grid is as large as the images, what it is made of is six numbers of each.
    turns = moved(torch.stack([first, second], dim=1), str(images.device))
    grid = F.affine_grid(turns, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
