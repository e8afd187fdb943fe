"""The filters of a network's first layer, as pictures of what they look for."""

import numpy as np
from torch.nn import functional

from dlcli.engine.arrays import FloatArray
from dlcli.networks.model.deconv import DeconvNet


def first_filters(network: DeconvNet, channels: int) -> FloatArray:
    """The filters (F, side, side, C) of the first layer over the first ``channels`` input channels, the image's own.

    Of a network that sees squares of pixels as channels they are of pixels again: a kernel of 3 then has a side of 6.
    The strongest comes first.
    """
    weight = network.convolutions[0].get_parameter("weight").detach().double().cpu()
    pixels = functional.pixel_shuffle(weight, network.spec.unshuffle) if network.spec.unshuffle > 1 else weight
    found: FloatArray = pixels[:, :channels].permute(0, 2, 3, 1).numpy()
    order = np.argsort(-np.square(found).sum((1, 2, 3)))
    return found[order]


def in_use(filters: FloatArray) -> int:
    """How many have more than a hundredth of the strongest one's norm."""
    norms = np.sqrt(np.square(filters).sum((1, 2, 3)))
    return int((norms > 0.01 * norms.max()).sum())
