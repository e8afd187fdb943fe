"""What a network does to noise: its Jacobian's diagonal and norm, and the error that follows from them.

Stein, "Estimation of the mean of a multivariate normal distribution", Annals of Statistics 1981 (SURE); Ramani, Blu and
Unser, "Monte-Carlo SURE", IEEE Transactions on Image Processing 2008, whose finite difference is a derivative here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dlcli.engine.arrays import FloatArray
from dlcli.networks.inference.explain.restoration.traced import Traced

BLOCK = 16  # pixels a side of what counts as one draw: errors of neighbors go together


@dataclass(frozen=True, eq=False)
class Gain:
    """Of one image: ``diagonal`` (h, w) is the mean over channels of dy_i / dx_i, in each pixel by chance.

    None where the restored image has another size. ``power`` is the mean over the restored pixels of the sum of
    (dy_i / dx_j)^2: so much of the variance of white noise is left, as far as the network is linear. ``change`` (h, w)
    is the mean over channels of the squared difference that the network made, ``pixels`` its number of values.
    """

    diagonal: FloatArray | None
    power: float
    change: FloatArray | None
    restored: Tensor
    pixels: int


@dataclass(frozen=True)
class Estimate:
    """A mean of ``value``, and its standard error."""

    value: float
    error: float

    @classmethod
    def over(cls, each: Sequence["Estimate"], weights: Sequence[int]) -> "Estimate":
        """That of several images of so many pixels."""
        shares = [weight / sum(weights) for weight in weights]
        value = sum(share * one.value for share, one in zip(shares, each, strict=True))
        return cls(value, math.hypot(*(share * one.error for share, one in zip(shares, each, strict=True))))


def measured_gain(traced: Traced, observed: Tensor, generator: torch.Generator, probes: int = 1) -> Gain:
    """The gain of one observed image (1, C, h, w).

    Hutchinson's estimate: of ``probes`` v of random signs the mean of v * (J^T v) is the diagonal, that of |J^T v|^2
    the squared Frobenius norm.
    """
    x = observed.detach().requires_grad_(True)
    made = traced.whole(x)
    same = made.shape == x.shape
    diagonal, power = torch.zeros_like(observed), 0.0
    for number in range(probes):
        signs = torch.randint(0, 2, made.shape, generator=generator).to(made) * 2 - 1
        (pulled,) = torch.autograd.grad(made, x, signs, retain_graph=number < probes - 1)
        power += float(pulled.double().square().sum()) / made.numel() / probes
        if same:
            diagonal += signs * pulled / probes
    restored = made.detach()
    if not same:
        return Gain(None, power, None, restored, made.numel())
    change = (restored - observed).double().square()
    return Gain(_plane(diagonal), power, _plane(change), restored, made.numel())


def divergence(gain: Gain) -> Estimate:
    """The mean of the diagonal: the share of a pixel's noise that stays in it."""
    assert gain.diagonal is not None
    return Estimate(float(gain.diagonal.mean()), block_error(gain.diagonal))


def sure(gain: Gain, variance: float) -> Estimate:
    """Stein's unbiased estimate of the mean squared error of the restored image, for Gaussian noise of a ``variance``.

    mean |y - x|^2 - variance + 2 variance dy/dx; noise of neighbors must be independent, and not clipped. Its standard
    error is by blocks of BLOCK pixels a side.
    """
    assert gain.diagonal is not None
    assert gain.change is not None
    each = gain.change - variance + 2 * variance * gain.diagonal
    return Estimate(float(each.mean()), block_error(each))


def block_error(each: FloatArray) -> float:
    """The standard error of the mean of ``each`` (h, w), by blocks; of a few pixels as if they were independent."""
    height, width = (side // BLOCK * BLOCK for side in each.shape)
    if height * width < 4 * BLOCK * BLOCK:
        return float(each.std() / max(each.size, 2) ** 0.5)
    blocks = each[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean((1, 3))
    return float(blocks.std(ddof=1) / blocks.size**0.5)


def smooth(diagonal: FloatArray, side: int = 9) -> FloatArray:
    """The diagonal's mean in a square around each pixel: that of one pixel is mostly chance."""
    plane = torch.from_numpy(np.ascontiguousarray(diagonal))[None, None]
    around = functional.pad(plane, (side // 2,) * 4, mode="replicate")
    found: FloatArray = functional.avg_pool2d(around, side, 1)[0, 0].numpy()
    return found


def _plane(images: Tensor) -> FloatArray:
    found: FloatArray = images[0].double().mean(0).cpu().numpy()
    return found
