"""Deconvolutions that enlarge, made to treat all pixels alike: what is constant before them stays constant."""

from collections.abc import Mapping

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]  # by the names of the parameters, each (..., *shape)
Strides = Mapping[
    str, tuple[int, int]
]  # stride, and factor of the pixel shuffle behind it, by the deconvolution's name


@torch.no_grad()
def even_phases_(strides: Strides, tensors: Tensors) -> None:
    """Move weights, or their gradients, to the nearest whose sums are equal for all phases, in place.

    The places of a pixel in a cell of ``stride`` times the shuffle's factor pixels are its phases. Each has weights of
    its own, so that what is constant before the layer is a pattern behind it, the checkerboard (Odena et al. 2016),
    unless the weights of all phases have the same sum, channel by channel (Sugawara et al. 2018), and the same bias.
    An orthogonal projection: linear, and the same for gradients.
    """
    for name, (stride, shuffle) in strides.items():
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        height, width = (side // stride for side in weight.shape[-2:])
        each = _parted(_parted(weight, -3, -1, shuffle**2), -2, height, stride)
        each = _parted(each, -1, width, stride)
        sums = each.sum((-4, -2), keepdim=True)
        taps = each.shape[-4] * each.shape[-2]
        each.sub_((sums - sums.mean((-5, -3, -1), keepdim=True)).div_(taps))
        if shuffle > 1:
            biases = _parted(bias, -1, -1, shuffle**2)
            biases.copy_(biases.mean(-1, keepdim=True).expand_as(biases))


def _parted(tensor: Tensor, dim: int, *sizes: int) -> Tensor:
    """A view whose dimension ``dim`` is two."""
    parted: Tensor = tensor.unflatten(dim, sizes)  # type: ignore[no-untyped-call]
    return parted
