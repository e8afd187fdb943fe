"""Which pixels of the observed image a part of the restored one was made from: its gradient, and along a path of blurs.

Local attribution maps: Gu and Dong, "Interpreting Super-Resolution Networks with Local Attribution Maps", CVPR 2021.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dlcli.engine.arrays import FloatArray
from dlcli.networks.inference.explain.restoration.traced import Box, Traced

SIGMA, STEPS = 1.2, 32  # pixels of the first blur, as published; of the path (published: 50, of a rule less exact)
TINY = 1e-3  # of the range: flat parts have an edge of 0, whose root has no gradient
AT_ONCE = 1 << 18  # pixels that go through the network together: one step of a small region uses no processor well


@dataclass(frozen=True, eq=False)
class Attribution:
    """Maps (C, h, w) over the observed image.

    ``gradient`` is that of the sum of the region's pixels. ``path`` sums to ``change``, by how much the region's edges
    grew from the blurred image to the observed one, up to the share ``error`` of that, of the rule of integration.
    """

    gradient: FloatArray
    path: FloatArray
    change: float
    error: float

    @property
    def diffusion_index(self) -> float:
        """Of the path's map."""
        return diffusion_index(self.path)

    @property
    def involved(self) -> float:
        """As many pixels as would have the same index if they took part alike, and no other did."""
        height, width = self.path.shape[-2:]
        return self.diffusion_index / 100 * float(height * width)


def attributed(traced: Traced, observed: Tensor, box: Box, *, path: bool = True) -> Attribution:
    """The maps of one observed image (1, C, h, w) for a ``box`` of the restored one; without ``path`` that is zero."""
    gradient = region_gradient(traced, observed, box)
    if not path:
        return Attribution(_array(gradient), np.zeros(gradient.shape[1:]), 0.0, 0.0)
    seen = traced.seen(observed, box)
    at_once = max(AT_ONCE // (seen.height * seen.width), 1)
    found, change = path_attribution(lambda images: edges(traced.part(images, box)), blurs(observed), at_once)
    error = abs(float(found.double().sum()) - change) / max(abs(change), 1e-12)
    return Attribution(_array(gradient), _array(found), change, error)


def region_gradient(traced: Traced, observed: Tensor, box: Box) -> Tensor:
    """Of the sum of a box's pixels with respect to the observed image, (1, C, h, w): a saliency map with its sign."""
    x = observed.detach().requires_grad_(True)
    (found,) = torch.autograd.grad(traced.part(x, box).sum(), x)
    return found


def path_attribution(target: Callable[[Tensor], Tensor], path: Tensor, at_once: int = 1) -> tuple[Tensor, float]:
    """Integrated gradients of ``target`` (B,) along a ``path`` (K + 1, C, h, w) of straight pieces, (1, C, h, w).

    Each piece has the gradient of its middle (the midpoint rule); the sum of all is about the target's change from the
    path's first image to its last, which is returned beside it. ``at_once`` pieces go through the network together.
    """
    middles, pieces = (path[1:] + path[:-1]) / 2, path[1:] - path[:-1]
    total = torch.zeros_like(path[:1])
    for begin in range(0, len(middles), at_once):
        x = middles[begin : begin + at_once].detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(target(x).sum(), x)
        total += (gradient * pieces[begin : begin + at_once]).sum(0, keepdim=True)
    with torch.no_grad():
        first, last = target(path[[0, -1]]).double().tolist()
    return total, last - first


def edges(images: Tensor) -> Tensor:
    """How much there is to see in images (B, C, h, w), (B,): the sum of the norms of their pixels' differences.

    The detector of local attribution maps. Images of one row or column have but the other's differences.
    """
    down, right = functional.pad(images.diff(dim=2), (0, 0, 0, 1)), functional.pad(images.diff(dim=3), (0, 1))
    norms = (down.square() + right.square() + TINY**2).sqrt() - TINY
    return norms.sum((1, 2, 3))


def blurs(observed: Tensor, sigma: float = SIGMA, steps: int = STEPS) -> Tensor:
    """From an image (1, C, h, w) blurred by a Gaussian of ``sigma`` pixels to itself, (steps + 1, C, h, w)."""
    return torch.cat([blurred(observed, sigma * (1 - step / steps)) for step in range(steps + 1)]).detach()


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images (B, C, h, w) through a Gaussian of a deviation of ``sigma`` pixels; their borders are repeated."""
    if sigma <= 0:
        return images
    reach = math.ceil(4 * sigma)
    place = torch.arange(-reach, reach + 1, dtype=torch.float64)
    line = torch.exp(-0.5 * (place / sigma) ** 2)
    line = (line / line.sum()).to(images)
    count, channels, height, width = images.shape
    flat = functional.pad(images.reshape(-1, 1, height, width), (reach,) * 4, mode="replicate")
    flat = functional.conv2d(functional.conv2d(flat, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))
    return flat.reshape(count, channels, height, width)


def diffusion_index(attribution: FloatArray) -> float:
    """100 (1 - G) of an attribution (C, h, w), with the Gini coefficient G of its pixels' absolute values; 0 of zeros.

    Large where many pixels take part. It is over the whole image, so that the same map in a larger one has less. Of
    (C, h, w) the channels of a pixel are added up, as in the published code.
    """
    values = np.sort(np.abs(attribution.sum(axis=0, dtype=np.float64)), axis=None)
    total, count = float(values.sum()), values.size
    if total == 0:
        return 0.0
    gini = float(((2 * np.arange(1, count + 1) - count - 1) * values).sum()) / (count * total)
    return 100 * (1 - gini)


def _array(images: Tensor) -> FloatArray:
    found: FloatArray = images[0].detach().double().cpu().numpy()
    return found
