"""Restoring images of any size: whole where they fit in memory, else in overlapping tiles without seams."""

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

from dlcli.degradations.base import Observation
from dlcli.memory import available_memory
from dlcli.networks.model.deconv import DeconvNet, DeconvSpec, pad_to_multiple
from dlcli.networks.model.receptive_field import receptive_radius

# Of the memory that is free. The caches of a processor gain nothing from more than MOST, and other programs do.
SHARE, MOST = 0.5, 4 << 30
# Features that are alive at a time beside those kept for the skips: a layer's input, its output, and a copy; and what
# a residual block adds to and returns.
ALIVE, ALIVE_IN_BLOCKS = 3, 5
SMALLEST = 128  # pixels: smaller tiles would be little but overlap


def restore(network: DeconvNet, observation: Observation, tile: int, halo: int) -> Tensor:
    """What ``network`` makes of an observation, (B, C, H, W), computed in tiles of at most ``tile`` pixels a side.

    With a ``halo``, the overlap on each side, of the receptive radius or more, the result is that of the whole image
    up to rounding. Both are brought to multiples of the network's: the tile to the next lower, the halo to the next
    higher one.
    """
    multiple = network.spec.multiple
    height, width = observation.input.shape[-2:]
    tile, halo = max(tile // multiple, 1) * multiple, -(-halo // multiple) * multiple
    if height <= tile and width <= tile:
        whole: Tensor = network(observation.input, observation.base)
        return whole
    x, base = (pad_to_multiple(images, multiple) for images in (observation.input, observation.base))
    result = torch.empty_like(base)
    for rows, columns in product(_spans(x.shape[-2], tile), _spans(x.shape[-1], tile)):
        top, left = max(rows.start - halo, 0), max(columns.start - halo, 0)
        part = (..., slice(top, rows.stop + halo), slice(left, columns.stop + halo))
        made = network(x[part], base[part])
        result[..., rows, columns] = made[
            ..., rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
    return result[..., :height, :width]


def auto_tile(spec: DeconvSpec, batch: int, device: str) -> int:
    """The side of the largest square, overlap included, that ``batch`` images may have in the memory at hand."""
    pixels = _memory(device) / (batch * bytes_per_pixel(spec))
    return max(int(pixels**0.5) - 2 * receptive_radius(spec), SMALLEST)


def bytes_per_pixel(spec: DeconvSpec) -> float:
    """Memory that a network takes for one pixel of an image, in float32; an estimate on the safe side."""
    area, levels = spec.unshuffle**2, []
    for filters, stride in zip(spec.filters, spec.strides, strict=True):
        area *= stride**2
        levels.append(filters / area)
    ends = 2 * (spec.input_channels + 2 * spec.output_channels)
    alive = ALIVE_IN_BLOCKS if spec.depth else ALIVE
    return 4 * (sum(levels) + alive * max(levels) + ends)


def _memory(device: str) -> float:
    if device.startswith("cuda"):
        return SHARE * torch.cuda.mem_get_info(device)[0]
    return min(SHARE * available_memory(), MOST)


def _spans(length: int, step: int) -> Iterator[slice]:
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))
