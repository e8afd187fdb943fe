"""How strong a pattern a network gives to a flat image."""

import numpy as np
import torch

from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.networks.model.receptive_field import receptive_radius

LEVELS = (0, 51, 102, 153, 204, 255)
NAME = "checkerboard"


def checkerboard(trained: TrainedNetwork) -> float:
    """The largest difference between the pixels of a cell that a flat image comes out with, on the scale 0 to 255.

    A cell is what the network's strides and its pixel shuffle repeat, so that far from the borders all cells are
    alike: the pattern is the checkerboard artifact (Odena et al. 2016). 0 for a network without them.
    """
    network, degradation = trained.network, trained.degradation
    cell = network.spec.multiple
    around = receptive_radius(network.spec) + degradation.margin
    around = -(-around // (cell * degradation.scale)) * cell * degradation.scale
    side = (2 * around + cell * degradation.scale) // degradation.scale
    known = np.zeros((side, side), bool) if degradation.needs_mask else None
    inside = slice(around, around + cell)
    largest = 0.0
    for level in LEVELS:
        flat = torch.full((1, trained.channels, side, side), level / 255, device=trained.device)
        observed = degradation.prepare_known(flat, 0, known)
        pixels = network(observed.input, observed.base)[..., inside, inside]
        largest = max(largest, float((pixels.amax((2, 3)) - pixels.amin((2, 3))).max()) * 255)
    return largest
