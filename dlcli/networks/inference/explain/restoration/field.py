"""How far a restored pixel sees in fact, beside how far it could see.

The effective receptive field: Luo, Li, Urtasun and Zemel, "Understanding the Effective Receptive Field in Deep
Convolutional Neural Networks", NeurIPS 2016.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dlcli.degradations.base import Degradation
from dlcli.degradations.downsample import Upscale
from dlcli.engine.arrays import FloatArray
from dlcli.networks.inference.explain.restoration.traced import Traced
from dlcli.networks.model.receptive_field import receptive_radius, receptive_span
from dlcli.networks.model.spec import DeconvSpec

SHARE = 0.95  # of all contributions, that a square has to hold
SMALL = 1 - 0.9545  # of the largest: two deviations of a Gaussian, as Luo et al. have it


@dataclass(frozen=True, eq=False)
class Field:
    """The mean (2 r + 1, 2 r + 1) of the absolute gradients of ``count`` restored pixels around them.

    In observed pixels. ``cut``: some of it lay beyond the image.
    """

    contributions: FloatArray
    count: int
    cut: bool

    @property
    def shares(self) -> FloatArray:
        """Of all contributions that of the square of 1, 3, 5, ... pixels around the center, (r + 1,)."""
        radius = len(self.contributions) // 2
        place = np.abs(np.arange(-radius, radius + 1))
        ring = np.maximum(place[:, None], place[None, :])
        found: FloatArray = np.bincount(ring.ravel(), self.contributions.ravel(), radius + 1).cumsum()
        return found / max(float(found[-1]), 1e-300)

    @property
    def side(self) -> int:
        """Of the smallest square around the center that has ``SHARE`` of all contributions, in pixels."""
        return 2 * int(np.searchsorted(self.shares, SHARE)) + 1

    @property
    def luo(self) -> float:
        """The root of the number of pixels that contribute more than ``SMALL`` of what the largest one does."""
        return float(np.sqrt((self.contributions > SMALL * self.contributions.max()).sum()))

    @property
    def reaches(self) -> int:
        """The side of the square beyond which nothing contributes, in pixels."""
        radius = len(self.contributions) // 2
        rows, columns = np.nonzero(self.contributions)
        if not len(rows):
            return 0
        return 2 * int(max(np.abs(rows - radius).max(), np.abs(columns - radius).max())) + 1


def theoretical(spec: DeconvSpec, degradation: Degradation | None = None) -> tuple[int, int] | None:
    """The least and the largest side of what one restored pixel depends on, in pixels of the observed image.

    Exact, for all places of a pixel in the network's cells and in those of an enlargement. Without a degradation it is
    the network's own, in pixels of its input. None where the whole image is filtered first.
    """
    if degradation is not None and degradation.reach is None:
        return None
    scale = 1 if degradation is None else degradation.scale
    spans = [receptive_span(spec, pixel, pixel) for pixel in range(math.lcm(spec.multiple, scale))]
    if degradation is not None:
        spans = [_prepared_span(degradation, *span) for span in spans]
    sides = [last - first + 1 for first, last in spans]
    return min(sides), max(sides)


def _prepared_span(degradation: Degradation, first: int, last: int) -> tuple[int, int]:
    """The observed pixels on which prepared ones from ``first`` to ``last`` depend, far from any border."""
    if isinstance(degradation, Upscale):
        taps = [_cubic(place, degradation.scale) for place in range(first, last + 1)]
        return min(low for low, _ in taps), max(high for _, high in taps)
    reach = degradation.reach or 0
    return first - reach, last + reach


def _cubic(place: int, scale: int) -> tuple[int, int]:
    """The small pixels that an enlarged one is made from: two on each side, or the one in whose middle it is."""
    low, between = divmod(2 * place + 1 - scale, 2 * scale)
    return (low - 1, low + 2) if between else (low, low)


def effective(images: Sequence[tuple[Traced, Tensor]], reach: int | None) -> Field:
    """The field of pixels of some observed images (1, C, h, w), as many as fit without seeing each other's.

    ``reach`` is how far ``prepare`` looks, in observed pixels; where it is None, everywhere, the middle of each image
    is taken; where pixels are missing, a missing one. Contributions are sums of absolute gradients over the channels,
    of the sum of the restored ones.
    """
    found, cut = list[FloatArray](), False
    sides = [side for _, image in images for side in image.shape[-2:]]
    radius = max(sides) // 2 if reach is None else _radius(images[0][0], reach)
    for traced, image in images:
        height, width = image.shape[-2:]
        places = _places(image, radius, everywhere=reach is None)
        if traced.masked:
            places = _holes(traced.prepare(image).input[0, -1] > 0, places)
        x = image.detach().requires_grad_(True)
        made = traced.whole(x).sum(1)
        chosen = [made[:, row * traced.scale, column * traced.scale].sum() for row, column in places]
        (gradient,) = torch.autograd.grad(torch.stack(chosen).sum(), x)
        around = np.pad(gradient.abs().sum((0, 1)).double().cpu().numpy(), radius)
        found += [around[row : row + 2 * radius + 1, column : column + 2 * radius + 1] for row, column in places]
        inside = [radius <= row < height - radius and radius <= column < width - radius for row, column in places]
        cut = cut or not all(inside)
    return Field(np.mean(found, axis=0), len(found), cut and reach is not None)


def _radius(traced: Traced, reach: int) -> int:
    """As far as a pixel can see, in observed pixels."""
    spec = traced.network.spec
    return -(-(receptive_radius(spec) + spec.multiple) // traced.scale) + reach


def _holes(missing: Tensor, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The missing pixels that are nearest to ``places``, as known ones stay what they are; these where none is."""
    holes = torch.nonzero(missing).cpu().numpy()
    if not len(holes):
        return list(places)
    nearest = [holes[np.abs(holes - place).sum(1).argmin()] for place in places]
    return [(int(row), int(column)) for row, column in nearest]


def _places(image: Tensor, radius: int, *, everywhere: bool) -> list[tuple[int, int]]:
    """Rows and columns of pixels whose fields don't meet; the middle of an image that has not room for one."""
    step = 2 * radius + 1

    def along(side: int) -> list[int]:
        count = 1 if everywhere else side // step
        if count < 1:
            return [side // 2]
        first = (side - (count - 1) * step) // 2
        return [first + number * step for number in range(count)]

    return [(row, column) for row in along(image.shape[-2]) for column in along(image.shape[-1])]
