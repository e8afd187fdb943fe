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


@dataclass(frozen=True, eq=False)
class Gain:
    """Of one image with so many ``values``: ``diagonal`` (h, w) is the mean over channels of dy_i / dx_i.

    In each pixel mostly chance; None where the restored image has another size. ``power`` is the mean over the
    restored values of the sum of (dy_i / dx_j)^2: so much of the variance of white noise is left, as far as the network
    is linear. ``change`` is the mean squared difference that it made. ``probes`` were drawn for it.
    """

    diagonal: FloatArray | None
    power: float
    change: float
    restored: Tensor
    values: int
    probes: int

    @property
    def divergence(self) -> "Estimate":
        """The mean of the diagonal, the share of a value's noise that stays in it; its error is that of the probes.

        Of signs v, v' J v has a variance of at most 2 (|J|^2 - sum of squares of the diagonal) (Hutchinson 1990), of
        which the squared mean is the least.
        """
        mean = math.nan if self.diagonal is None else float(self.diagonal.mean())
        spread = 2 * max(self.power - mean**2, 0.0) / (self.values * self.probes)
        return Estimate(mean, math.sqrt(spread))


@dataclass(frozen=True)
class Estimate:
    """A value, and its standard error."""

    value: float
    error: float

    @classmethod
    def over(cls, each: Sequence["Estimate"], weights: Sequence[int]) -> "Estimate":
        """The mean of several, which are independent, by their weights."""
        shares = [weight / sum(weights) for weight in weights]
        value = sum(share * one.value for share, one in zip(shares, each, strict=True))
        return cls(value, math.hypot(*(share * one.error for share, one in zip(shares, each, strict=True))))


def measured_gain(traced: Traced, observed: Tensor, generator: torch.Generator, probes: int = 1) -> Gain:
    """The gain of one observed image (1, C, h, w).

    Of ``probes`` v of random signs the mean of v * (J' v) is the diagonal, that of |J' v|^2 the squared Frobenius norm.
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
    change = float((restored - observed).double().square().mean()) if same else math.nan
    plane = diagonal[0].double().mean(0).cpu().numpy() if same else None
    return Gain(plane, power, change, restored, made.numel(), probes)


def sure(gain: Gain, variance: float) -> Estimate:
    """Stein's unbiased estimate of the mean squared error of the restored image, for Gaussian noise of a ``variance``.

    mean |y - x|^2 - variance + 2 variance tr J / n; the noise of values must be independent, and not clipped. Its
    standard error is from Bellec and Zhang, "Second-order Stein: SURE for SURE and other applications", Annals of
    Statistics 2021, with |J|^2 for tr J^2, and from the probes.
    """
    spread = 4 * variance * gain.change + 4 * variance**2 * gain.power - 2 * variance**2
    error = math.hypot(math.sqrt(max(spread, 0.0) / gain.values), 2 * variance * gain.divergence.error)
    return Estimate(gain.change - variance + 2 * variance * gain.divergence.value, error)


def smooth(diagonal: FloatArray, side: int = 9) -> FloatArray:
    """The diagonal's mean in a square around each pixel."""
    plane = torch.from_numpy(np.ascontiguousarray(diagonal))[None, None]
    around = functional.pad(plane, (side // 2,) * 4, mode="replicate")
    found: FloatArray = functional.avg_pool2d(around, side, 1)[0, 0].numpy()
    return found
