"""Whether noise is as peaked as normal noise: its excess kurtosis, where an image is smooth."""

import numpy as np

from dlcli.engine.arrays import AnyArray
from dlcli.images.noise.patches import SIDE, cosines

MOST, SHARE, FEWEST = 8_000, 0.1, 64  # patches that are looked at; those that are measured: the smoothest
PLAIN = 3  # horizontal + vertical frequency below which a patch has its brightness and what texture it may have
SMOOTH = 7  # likewise, by which it is chosen
AWAY = 2.0  # deviations between the mean of a patch and the ends of a range, where noise was cut

_COSINES = cosines(SIDE)
_ORDER = np.add.outer(np.arange(SIDE), np.arange(SIDE))
_REST = _ORDER >= PLAIN
_LEFT = int(_REST.sum())


def excess_kurtosis(channel: AnyArray, limits: tuple[float, float]) -> float | None:
    """Of the noise in a channel (H, W): 0 for normal, -1.2 for uniform noise, far above 1 where few pixels have most.

    Each patch is compared with its own variance, so that noise may grow with brightness. None where there are too few
    smooth patches. ``limits`` are values at which others were cut.
    """
    windows = np.lib.stride_tricks.sliding_window_view(channel, (SIDE, SIDE))
    step = max(3, int(np.ceil(np.sqrt(windows.shape[0] * windows.shape[1] / MOST))))
    patches = windows[::step, ::step].reshape(-1, SIDE, SIDE).astype(np.float64)
    patches = patches[np.isfinite(patches).all(axis=(1, 2))]
    mean = patches.mean(axis=(1, 2))
    spectrum = _COSINES @ (patches - mean[:, None, None]) @ _COSINES.T
    rest = _COSINES.T @ (spectrum * _REST) @ _COSINES
    variance = np.square(rest).sum(axis=(1, 2)) / _LEFT
    deviation = np.sqrt(variance)
    far = (mean - AWAY * deviation > limits[0]) & (mean + AWAY * deviation < limits[1]) & (variance > 0)
    low = np.square(spectrum[:, (_ORDER > 0) & (_ORDER < SMOOTH)]).mean(axis=1)
    rest, low, variance = rest[far], low[far], variance[far]
    if len(rest) < FEWEST:
        return None
    count = max(FEWEST, int(SHARE * len(rest)))
    smooth = np.argpartition(low, count - 1)[:count]
    # A pixel of the rest has a share of (left / all) of itself, and little of each other one.
    whole = SIDE * SIDE
    fourth = np.power(rest[smooth], 4).mean(axis=(1, 2)) / np.square(variance[smooth] * _LEFT / whole)
    normal = 3 * _LEFT / (_LEFT + 2)  # of normal noise, whose patches' variances differ by chance
    return float((fourth.mean() / normal - 1) * 3 / _KEPT)


# The projection on the rest, M, leaves of the excess of independent pixels the mean of sum_j M_ij^4 / M_ii^2.
_FLAT = np.kron(_COSINES, _COSINES)
_PROJECTION = _FLAT.T @ (_REST.ravel()[:, None] * _FLAT)
_KEPT = float(np.mean(np.power(_PROJECTION, 4).sum(axis=1) / np.square(np.diag(_PROJECTION))))
