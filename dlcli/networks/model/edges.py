"""The borders of flat images: there every layer sees the last pixels again, where images otherwise end in zeros.

No flat image has zeros around, so that zeros give it an edge, and a pattern along it. Repeated pixels leave what is
flat flat up to the last pixel, in every layer and by construction. But they repeat noise, too, which costs a denoiser
that was trained with zeros 1.7 dB in the 8 pixels at the borders of Set12 (0.16 dB in all), and time; so they are for
what is flat, and for that alone.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcli.networks.model.fused_chain import Layer
from dlcli.networks.model.transposed_conv import flip_kernel

FLAT = 0.9 / 255  # of the range: what varies by a level of 8 bits isn't flat
AROUND, BLOCK = 8, 8  # pixels; a square that reaches as far around a pixel holds a whole block


class Sides(NamedTuple):
    """At which sides of what a network is given its images end; where they go on, the result isn't asked for."""

    top: bool = True
    bottom: bool = True
    left: bool = True
    right: bool = True


EVERYWHERE = Sides()


def flatness(images: Tensor) -> Tensor | None:
    """How flat images (B, C, H, W) are around each pixel, (B, 1, H, W): 1 where nothing varies; None: nowhere so."""
    images = images.detach()
    blocks = [F.max_pool2d(values, BLOCK, ceil_mode=True) for values in (images, -images)]
    if float((blocks[0] + blocks[1]).amax(1).min()) >= FLAT:
        return None
    highest, lowest = (_largest_around(values) for values in (images, -images))
    return (1 - (highest + lowest).amax(1, keepdim=True) / FLAT).clamp_(min=0)


def features(pairs: Sequence[tuple[Layer, Any]], h: Tensor, activate: Callable[[Tensor], Tensor]) -> Tensor:
    """The last layer's value, from h (B, C, H, W), by layers and the modules that have their weights."""
    values = [h]
    for layer, module in pairs:
        h = _layer(module, values[-1])
        h = h if layer.adds is None else h + values[layer.adds]
        values.append(activate(h) if layer.activated else h)
    return values[-1]


def _layer(module: Any, h: Tensor) -> Tensor:
    kernel, stride, padding = module.kernel_size[0], module.stride[0], int(module.padding[0])
    weight, backwards = module.weight.to(h.dtype), isinstance(module, nn.ConvTranspose2d)
    around = (kernel - 1 - padding) // stride if backwards else padding  # how far beyond its border it looks
    h = F.pad(h, (around,) * 4, mode="replicate") if around else h
    if backwards and stride > 1:
        return F.conv_transpose2d(h, weight, module.bias, stride, padding + around * stride)
    return F.conv2d(h, flip_kernel(weight) if backwards else weight, module.bias, stride)


def at_flat_borders(
    made: Tensor, cells: Tensor, share: Tensor, zone: tuple[int, Sides], without: Callable[[Tensor], Tensor]
) -> Tensor:
    """``made`` (B, C, H, W), where images are flat by ``share`` at their borders as a network ``without`` any makes it.

    ``zone``: so many pixels from the ``Sides`` borders matter, a multiple of the network's. ``cells`` (B, F, h, w) is
    what the network sees; a strip of it is as deep again, so that its own inner end does not matter.
    """
    depth, sides = zone
    height, width = share.shape[-2:]
    size = height // cells.shape[-2]
    if min(height, width) <= 4 * depth:
        return without(cells) if bool((share > 0).any()) else made
    found = made
    for outer, seen in _strips(height, width, depth, sides):
        if not bool((share[outer] > 0).any()):
            continue
        found = found.clone() if found is made else found
        down, right = (slice(one.start // size, one.stop // size) for one in seen[1:])
        strip = without(cells[..., down, right])
        rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(outer[1:], seen[1:], strict=True))
        found[outer] = strip[..., rows, columns].to(found.dtype)
    return found


def _strips(height: int, width: int, depth: int, sides: Sides) -> Iterator[tuple[Any, Any]]:
    """Along each side: the places that its border reaches, and what they are computed from."""
    rows, columns = slice(0, height), slice(0, width)
    if sides.top:
        yield (..., slice(0, depth), columns), (..., slice(0, 2 * depth), columns)
    if sides.bottom:
        yield (..., slice(height - depth, height), columns), (..., slice(height - 2 * depth, height), columns)
    if sides.left:
        yield (..., rows, slice(0, depth)), (..., rows, slice(0, 2 * depth))
    if sides.right:
        yield (..., rows, slice(width - depth, width)), (..., rows, slice(width - 2 * depth, width))


def _largest_around(images: Tensor) -> Tensor:
    for dim in (2, 3):
        images = _largest_along(images, dim)
    return images


def _largest_along(images: Tensor, dim: int) -> Tensor:
    """The largest of AROUND values on each side: by doubling, as pooling looks at each of them."""
    length = images.shape[dim]
    ends = [0, 0, AROUND, AROUND] if dim == 2 else [AROUND, AROUND, 0, 0]
    found, reach = F.pad(images, ends, value=-torch.inf), 1
    while reach < 2 * AROUND + 1:
        step = min(reach, 2 * AROUND + 1 - reach)
        count = found.shape[dim] - step
        found = torch.maximum(found.narrow(dim, 0, count), found.narrow(dim, step, count))
        reach += step
    return found.narrow(dim, 0, length)
