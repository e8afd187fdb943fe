"""How strong a pattern a network gives to a flat image."""

from itertools import product

import numpy as np
import torch
from torch import Tensor

from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.networks.model.receptive_field import receptive_radius

LEVELS = (0, 51, 102, 153, 204, 255)
NAME = "checkerboard"


def checkerboard(trained: TrainedNetwork) -> float:
    """The largest difference between the pixels of a cell that a flat image comes out with, on the scale 0 to 255.

    A cell is what the network's strides and its pixel shuffle repeat, the pattern the checkerboard artifact (Odena et
    al. 2016). All cells count, at the borders, too. 0 for a network of cells of one pixel.
    """
    network, degradation = trained.network, trained.degradation
    cell = network.spec.multiple
    around = receptive_radius(network.spec) + degradation.margin
    around = -(-around // (cell * degradation.scale)) * cell * degradation.scale
    side = (2 * around + cell * degradation.scale) // degradation.scale
    known = np.zeros((side, side), bool) if degradation.needs_mask else None
    largest = 0.0
    told = degradation.levels() if network.spec.head.noise_map else [degradation]
    for level, one in product(LEVELS, told):
        flat = torch.full((1, trained.channels, side, side), level / 255, device=trained.device)
        observed = one.prepare_known(flat, 0, known)
        given = observed.input
        if degradation.needs_mask:  # as in the middle of a hole: what is known stays as it is
            given = torch.cat([given[:, :-1], torch.ones_like(given[:, -1:])], 1)
        largest = max(largest, uneven(network(given, observed.base), cell) * 255)
    return largest


def uneven(images: Tensor, cell: int) -> float:
    """The largest difference between the pixels of a cell of images (B, C, H, W); cells that are cut don't count."""
    height, width = (side // cell * cell for side in images.shape[2:])
    cells = images[..., :height, :width].reshape(*images.shape[:2], height // cell, cell, width // cell, cell)
    return float((cells.amax((3, 5)) - cells.amin((3, 5))).max())
