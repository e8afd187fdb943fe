"""Stripes: noise that a whole row or column of the sensor shares."""

import numpy as np

from dlcli.engine.arrays import AnyArray

MOST = 512  # rows and columns that are looked at


def stripes(channel: AnyArray, sigma: float) -> tuple[float, float]:
    """Standard deviations of what rows and what columns of (H, W) share, 0 where it could be chance.

    Each line is compared with the mean of its neighbors, pixel by pixel; differences beyond twice the noise, as edges
    make them, count as that much.
    """
    return _shared(channel[:, :: max(1, channel.shape[1] // MOST)], sigma), _shared(
        channel.T[:, :: max(1, channel.shape[0] // MOST)], sigma
    )


def _shared(lines: AnyArray, sigma: float) -> float:
    if len(lines) < 16 or not sigma > 0:
        return 0.0
    start = max(0, (len(lines) - MOST) // 2)
    values = lines[start : start + MOST].astype(np.float64)
    apart = values[1:-1] - (values[:-2] + values[2:]) / 2
    cut = np.clip(np.nan_to_num(apart), -2 * sigma, 2 * sigma)
    shift = cut.mean(axis=1)
    chance = float(np.mean(cut.var(axis=1)) / cut.shape[1])
    variance = float(np.square(1.4826 * np.median(np.abs(shift - np.median(shift)))))
    # A difference from the mean of two neighbors has 1.5 times the variance of a line.
    excess = variance - chance
    return float(np.sqrt(excess / 1.5)) if excess > chance else 0.0
