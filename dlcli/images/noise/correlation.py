"""Whether noise is independent from pixel to pixel, measured where an image is smooth."""

from dataclasses import dataclass, replace

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.images.noise.level import SHARE as SMOOTH
from dlcli.images.noise.level import Level
from dlcli.images.noise.patches import MIDDLE, Patches, cosines

SIDE, MOST = 16, 4000  # pixels a side of a block, and how many blocks are looked at
SHARE, FEWEST, BINS = 0.1, 24, 6  # of the blocks of like brightness that are measured: those that vary least
LAGS, FAR = 3, 7  # how many are reported, and how far is looked
# Log energy at middle over high frequencies of the smoothest patches above which noise is correlated: for certain;
# where their energy varies as that of noise (1) and not as that of texture; where less smooth patches have no more.
COLORED = ((0.65, 1e9, 1e9), (0.4, 2.5, 1e9), (0.3, 1.5, 0.12))
SMOOTHEST, ROUGHER, MANY = 0.01, 0.2, 128  # shares of the patches by which it is told, and how many at least
NOTHING = 0.1  # autocorrelation that counts for none
# Deviations that the mean of the least tenth of normal values lies below the mean of all, 1.755; half of it, as most
# images have texture in other blocks: then the least ones are not the least of noise alone.
LEAST_TENTH = 1.755 / 2
TRUSTED = 4.0  # frequency, in half periods a block, below which smooth places have more texture than noise

_COSINES = cosines(SIDE)
_FREQUENCY = np.hypot.outer(np.arange(SIDE), np.arange(SIDE))


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


def is_correlated(patches: Patches) -> bool:
    """Whether noise is correlated, from its energy at middle and high frequencies, which is equal for white noise.

    Texture has more at middle frequencies, too, but not everywhere: least where an image is smoothest.
    """
    order = np.argsort(patches.low)
    smoothest, smooth, rougher = (
        patches.of(order[: max(int(share * len(patches)), MANY)]) for share in (SMOOTHEST, SMOOTH, ROUGHER)
    )
    slope, further = (
        float(np.log((one.middle.mean() + 1e-30) / (one.high.mean() + 1e-30))) for one in (smoothest, rougher)
    )
    varied = float(smooth.middle.var() / max(float(smooth.middle.mean()), 1e-30) ** 2 * MIDDLE.sum() / 2)
    return any(slope > least and varied < most and further - slope < more for least, most, more in COLORED)


def smooth_blocks(channel: AnyArray, limits: tuple[float, float], *, white: bool) -> Blocks | None:
    """Measured of a channel (H, W); None where there are too few blocks. ``white`` says what is known of the noise."""
    windows = np.lib.stride_tricks.sliding_window_view(channel, (SIDE, SIDE))
    step = max(5, int(np.ceil(np.sqrt(windows.shape[0] * windows.shape[1] / MOST))))
    blocks = windows[::step, ::step].reshape(-1, SIDE, SIDE).astype(np.float64)
    flat = blocks.reshape(len(blocks), -1)
    blocks = blocks[np.isfinite(flat).all(axis=1) & (((flat <= limits[0]) | (flat >= limits[1])).mean(axis=1) < 0.02)]
    mean = blocks.mean(axis=(1, 2))
    rest = blocks - mean[:, None, None]
    variance = np.square(rest).mean(axis=(1, 2))
    mean, rest, variance = mean[variance > 0], rest[variance > 0], variance[variance > 0]
    if len(rest) < FEWEST:
        return None
    order = np.argsort(mean, kind="stable")
    levels, smooth = [], []
    for part in np.array_split(order, int(np.clip(len(order) // (4 * FEWEST), 1, BINS))):
        count = max(FEWEST, int(SHARE * len(part)))
        least = part[np.argpartition(variance[part], count - 1)[:count]]
        here = float(variance[least].mean())
        smooth.append(rest[least] / np.sqrt(here))
        levels.append(Level(np.sqrt(here), float(mean[least].mean()), count, 0.0, 0.0, 0.0))
    covariance = _autocovariance(np.concatenate(smooth), TRUSTED if white else 1.0)
    correlation = covariance[1:] / covariance[0]
    by = np.sqrt(covariance[0] / _of_least(correlation))
    return Blocks([replace(one, sigma=float(one.sigma * by)) for one in levels], correlation)


def _of_least(correlation: FloatArray) -> float:
    """The variance of blocks of noise that vary least, as a share of that of all, by how much blocks of it differ."""
    along = np.where(np.abs(correlation) >= NOTHING, correlation, 0.0)
    alike = (1 + 2 * float(np.square(along).sum())) ** 2  # so many pixels tell as much of a variance as one alone
    return float(max(1 - LEAST_TENTH * np.sqrt(2 * alike) / SIDE, 0.25))


def _autocovariance(rest: FloatArray, trusted: float) -> FloatArray:
    """At lags 0 to 7, the mean of rows and columns, of blocks (N, 16, 16) less their own means, from their spectrum.

    Frequencies below ``trusted`` (half periods a block) have what those just above it have: the mean was taken off, and
    where noise is white what is more there is texture.
    """
    spectrum = np.square(_COSINES @ rest @ _COSINES.T).mean(axis=0)
    near = (trusted <= _FREQUENCY) & (trusted + 2 > _FREQUENCY)
    spectrum[trusted > _FREQUENCY] = spectrum[near].mean()
    along = (spectrum.mean(axis=0) + spectrum.mean(axis=1)) / 2
    covariance = _COSINES.T @ np.diag(along) @ _COSINES
    return np.array([np.diagonal(covariance, lag).mean() for lag in range(FAR + 1)])
