"""Whether noise is independent from pixel to pixel, measured where an image is smooth."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.images.noise.level import Level

SIDE, MOST = 16, 4000  # pixels a side of a block, and how many blocks are looked at
SHARE, FEWEST, BINS = 0.1, 24, 6  # of the blocks of like brightness that are measured: those that vary least
LAGS, FAR = 3, 7  # how many are reported, and how far is looked
CORRELATED = 0.65  # log energy at middle over high frequencies; white noise on texture stays below, camera JPEGs above
NOTHING = 0.05  # autocorrelation that counts for none


@dataclass(frozen=True, eq=False)
class Blocks:
    """Smooth blocks of one channel: levels of their noise by brightness, and its autocorrelation at lags 1 to 7."""

    levels: list[Level]
    autocorrelation: FloatArray

    @property
    def extent(self) -> int:
        """The farthest lag up to which every autocorrelation is one."""
        near = np.abs(self.autocorrelation) >= NOTHING
        return int(np.argmin(near)) if not near.all() else FAR


def smooth_blocks(channel: AnyArray, limits: tuple[float, float]) -> Blocks | None:
    """Measured of a channel (H, W); None where there aren't enough blocks."""
    windows = np.lib.stride_tricks.sliding_window_view(channel, (SIDE, SIDE))
    step = max(5, int(np.ceil(np.sqrt(windows.shape[0] * windows.shape[1] / MOST))))
    blocks = windows[::step, ::step].reshape(-1, SIDE, SIDE).astype(np.float64)
    flat = blocks.reshape(len(blocks), -1)
    blocks = blocks[np.isfinite(flat).all(axis=1) & (((flat <= limits[0]) | (flat >= limits[1])).mean(axis=1) < 0.02)]
    if len(blocks) < FEWEST:
        return None
    mean = blocks.mean(axis=(1, 2))
    rest = blocks - mean[:, None, None]
    variance = np.square(rest).mean(axis=(1, 2))
    order = np.argsort(mean, kind="stable")
    parts = np.array_split(order, max(1, min(BINS, len(order) // (4 * FEWEST))))
    levels, chosen = [], []
    for part in parts:
        part = part[variance[part] > 0]
        if len(part) < FEWEST:
            continue
        least = part[np.argpartition(variance[part], FEWEST - 1)[: max(FEWEST, int(SHARE * len(part)))]]
        if len(least) < int(SHARE * len(part)):
            least = part[np.argsort(variance[part])[: int(SHARE * len(part))]]
        chosen.append(rest[least] / np.sqrt(variance[least].mean()))
        levels.append((float(mean[least].mean()), float(variance[least].mean()), len(least)))
    if not levels:
        return None
    covariance = _autocovariance(np.concatenate(chosen))
    correlation = covariance[1:] / covariance[0]
    by = 1 / covariance[0]
    return Blocks([Level(float(np.sqrt(v / by)), m, count, 0.0, 0.0, 0.0) for m, v, count in levels], correlation)


def _autocovariance(rest: FloatArray) -> FloatArray:
    """At lags 0 to 7 along rows and columns, of blocks (N, 16, 16) less their own means.

    The mean that was taken off holds a part of the noise; how much follows from the autocovariance itself.
    """
    plain = np.array([
        (rest[:, lag:] * rest[:, : SIDE - lag]).mean() / 2 + (rest[:, :, lag:] * rest[:, :, : SIDE - lag]).mean() / 2
        for lag in range(FAR + 1)
    ])  # fmt: skip
    found = plain.copy()
    for _ in range(10):
        # As of a product of one-dimensional correlations, of the block's mean.
        along = np.maximum(found[1:] / found[0], 0)
        along[int(np.argmin(along >= NOTHING)) if (along < NOTHING).any() else FAR :] = 0
        sums = (1 + 2 * np.sum(along * (1 - np.arange(1, FAR + 1) / SIDE))) / SIDE
        found = plain + min(sums**2, 0.5) * found[0]
    return found
