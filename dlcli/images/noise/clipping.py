"""Noise that was cut at the ends of a range, as an 8-bit file cuts it at 0 and 255.

The variance of a clipped normal variable is known (Foi, "Clipped noisy images: heteroskedastic modeling and practical
denoising", Signal Processing 89(12), 2009), and by it the variance of what wasn't clipped.
"""

import math
from dataclasses import replace

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.images.noise.level import level
from dlcli.images.noise.patches import Patches

MOST_CLIPPED, LEAST_LEFT = 0.25, 0.5  # of a patch's pixels; of its variance
PILED_UP = 0.002  # share of the pixels at the largest value by which that is an end of the range


def limits_of(channel: AnyArray) -> tuple[float, float]:
    """The values below and above which nothing is recorded, infinite where there is no sign of an end."""
    kind, low, high = channel.dtype, float(channel.min()), float(channel.max())
    if kind == np.uint8:
        return 0.0, 255.0
    if low == high:
        return -math.inf, math.inf
    bottom = low if _piled_up(channel, low) and (low == 0 or kind.kind == "f") else -math.inf
    return bottom, high if _piled_up(channel, high) else math.inf


def _piled_up(channel: AnyArray, end: float) -> bool:
    return bool(np.count_nonzero(channel == end) > PILED_UP * channel.size)


def unclipped(patches: Patches, limits: tuple[float, float]) -> Patches:
    """The patches with the energies that they would have if nothing had been cut; those that lost too much are gone."""
    if not np.isfinite(limits).any():
        return patches
    patches = patches.of(patches.clipped <= MOST_CLIPPED)
    found = level(patches.of(patches.clipped == 0)) or level(patches)
    result = patches
    for _ in range(3):
        if found is None:
            break
        left = _left(patches.mean, found.sigma, limits)
        kept = left >= LEAST_LEFT
        some, by = patches.of(kept), left[kept]
        result = replace(some, low=some.low / by, middle=some.middle / by, high=some.high / by)
        found = level(result)
    return result


def _left(mean: FloatArray, sigma: float, limits: tuple[float, float]) -> FloatArray:
    """The share of the variance of normal noise that clipping leaves, by the mean of the clipped values."""
    low, high = (end if math.isfinite(end) else side * 1e3 * sigma + (mean.min(), mean.max())[side > 0]
                 for side, end in ((-1, limits[0]), (1, limits[1])))  # fmt: skip
    near = np.linspace(-4.0, 6.0, 201) * sigma
    middle = (low + high) / 2
    true = np.concatenate([low + near[low + near < middle], (high - near[high - near > middle])[::-1]])
    a, b = (low - true) / sigma, (high - true) / sigma
    below, upto = _normal(a), _normal(b)
    density_a, density_b = (np.exp(-0.5 * t * t) / math.sqrt(2 * math.pi) for t in (a, b))
    # Of (value - true) / sigma, clipped at a and b.
    first = a * below + b * (1 - upto) + density_a - density_b
    second = a**2 * below + b**2 * (1 - upto) + (upto - below) + a * density_a - b * density_b
    found: FloatArray = np.interp(mean, true + sigma * first, np.clip(second - first**2, 0, 1))
    return found


def share_left(above: FloatArray) -> FloatArray:
    """The share of the variance that is left of normal noise which was cut at one end of a range.

    ``above`` is how far the mean of what was recorded lies from that end, in deviations of the noise.

    >>> share_left(np.array([0.1, 0.4, 1.0, 3.0])).round(2).tolist()
    [0.08, 0.34, 0.72, 1.0]
    """
    true = np.linspace(-3.0, 6.0, 361)
    inside, density = _normal(true), np.exp(-0.5 * true * true) / math.sqrt(2 * math.pi)
    mean = true * inside + density
    second = (true**2 + 1) * inside + true * density
    found: FloatArray = np.interp(above, mean, np.clip(second - mean**2, 0, 1))
    return found


def _normal(values: FloatArray) -> FloatArray:
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in values.tolist()])
