"""Restoring images of any size: whole where they fit in memory, else in overlapping tiles without seams."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from dlcli.degradations.base import Observation
from dlcli.memory import available_memory
from dlcli.networks.lanes import in_lanes
from dlcli.networks.model.deconv import DeconvNet, pad_to_multiple
from dlcli.networks.model.edges import Sides
from dlcli.networks.model.receptive_field import receptive_radius
from dlcli.networks.model.spec import DeconvSpec

SHARE, MOST = 0.5, 4 << 30  # of the memory that is free
# What a processor's tiles take where their overlap is small: more gains nothing, and leaves the caches. On two cores
# the default network restores 1.6 to 1.7 megapixels a second in tiles of 400 to 600 pixels, 1.4 in larger ones.
USUAL = 256 << 20
ENOUGH = 8  # times the overlap on each side: then a tile computes at most 1.56 times its pixels
# Features that are alive at a time beside those kept for the skips: a layer's input, its output, and a copy; and what
# a residual block adds to and returns.
ALIVE, ALIVE_IN_BLOCKS = 3, 5
SMALLEST = 128  # pixels: smaller tiles would be little but overlap
OVERLAP = 0.1  # of an image's rows: more than that computed twice costs more than lanes give


@dataclass(frozen=True)
class Tiles:
    """Squares of at most ``side`` pixels that overlap by ``halo`` on each side, each computed by one of the ``lanes``.

    Of several lanes, all compute at the same time.
    """

    side: int
    halo: int
    lanes: int = 1

    def for_network(self, multiple: int) -> "Tiles":
        """With lengths that are multiples of the network's: the side the next lower, the halo the next higher one."""
        return Tiles(max(self.side // multiple, 1) * multiple, -(-self.halo // multiple) * multiple, self.lanes)

    def of(self, height: int, width: int, multiple: int) -> list[tuple[slice, slice]]:
        """The rows and columns of each; an image that is large enough is cut into bands, one for each lane."""
        rows = columns = self.side
        if height <= self.side and width <= self.side:
            rows = height
            if self.lanes > 1 and 2 * (self.lanes - 1) * self.halo <= OVERLAP * height:
                rows = -(-height // (self.lanes * multiple)) * multiple
        return list(product(_spans(height, rows, multiple), _spans(width, columns, multiple)))


def restore(
    network: DeconvNet, observation: Observation, tiles: Tiles, rows: slice | None = None, *, half: bool = False
) -> Tensor:
    """What ``network`` makes of ``rows`` (None: all) of an observation, (B, C, H, W), computed tile by tile.

    They begin at a multiple of the network's. With a halo of the receptive radius or more the result is that of the
    whole image up to rounding. ``half``: in bfloat16, on a processor; what is added to is not.
    """
    multiple = network.spec.multiple
    height, width = observation.input.shape[-2:]
    first, stop = (0, height) if rows is None else (rows.start, rows.stop)
    tiles = tiles.for_network(multiple)
    halo, count = tiles.halo, len(observation.input)
    if count == 1 and stop - first == height and len(tiles.of(height, width, multiple)) == 1:
        with torch.autocast("cpu", torch.bfloat16, half):
            whole: Tensor = network(observation.input, observation.base)
        return whole
    x, base = (pad_to_multiple(images, multiple) for images in (observation.input, observation.base))
    padded = stop - first if stop < height else x.shape[-2] - first
    result = torch.empty_like(base[..., :padded, :])

    def compute(part: tuple[int, tuple[slice, slice]]) -> None:
        number, (place, columns) = part
        start, end = first + place.start, first + place.stop
        top, left = max(start - halo, 0), max(columns.start - halo, 0)
        seen = (slice(number, number + 1), slice(None), slice(top, end + halo), slice(left, columns.stop + halo))
        inner = slice(start - top, end - top), slice(columns.start - left, columns.stop - left)
        sides = Sides(top == 0, end + halo >= x.shape[-2], left == 0, columns.stop + halo >= x.shape[-1])
        # Which each thread enters for itself.
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, half):
            result[number, :, place, columns] = network(x[seen], base[seen], sides)[(0, slice(None), *inner)]

    for _ in in_lanes(compute, product(range(count), tiles.of(padded, x.shape[-1], multiple)), tiles.lanes):
        pass
    return result[..., : stop - first, :width]


def auto_tiles(spec: DeconvSpec, device: str, lanes: int, beside: int, *, half: bool = False) -> Tiles:
    """Squares of ``beside`` images at a time that fit into the memory at hand with their overlap; ``half`` in bfloat16.

    Each of the ``lanes`` has a square, unless that would be little but overlap.
    """
    halo, cost = receptive_radius(spec), bytes_per_pixel(spec) * beside / (2 if half else 1)
    memory = _memory(device)

    def side(count: int) -> int:
        most, usual = (int((room / (cost * count)) ** 0.5) - 2 * halo for room in (memory, USUAL))
        return most if device.startswith("cuda") else min(most, max(usual, ENOUGH * halo))

    count = lanes if side(lanes) >= ENOUGH * halo else 1
    return Tiles(max(side(count), SMALLEST), halo, count)


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


def _spans(length: int, step: int, multiple: int) -> Iterator[slice]:
    """Even ones, of about ``step``: a small rest would be little but overlap."""
    count = max(round(length / step), 1)
    step = -(-length // (count * multiple)) * multiple
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))
