"""Patches of an image as the noise is measured on them: brightness, and energy at low, middle and high frequencies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import AnyArray, BoolArray, FloatArray

SIDE = 8  # pixels a side of a patch
LEAST, ENOUGH = 24, 50  # pixels a side: for a hint of the noise; for some patches to be smooth for certain


def cosines(side: int) -> FloatArray:
    """The orthonormal DCT-II of ``side`` values as a matrix, frequencies along its rows."""
    k, n = np.arange(side)[:, None], np.arange(side)[None]
    found: FloatArray = np.cos(np.pi * (n + 0.5) * k / side) * np.sqrt(2 / side)
    found[0] /= np.sqrt(2)
    return found


_ORDER = np.add.outer(np.arange(SIDE), np.arange(SIDE)).ravel()  # of each coefficient: horizontal + vertical frequency
LOW, MIDDLE, HIGH = ((_ORDER > 0) & (_ORDER < 7), (_ORDER >= 7) & (_ORDER < 9), _ORDER >= 9)
_BANDS = (LOW, MIDDLE, HIGH)
_KEPT = _ORDER > 0
_DCT = np.kron(cosines(SIDE), cosines(SIDE))  # of a patch, (64, 64)
_OF_BAND = np.stack([band[_KEPT] / band.sum() for band in _BANDS], axis=1)


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches of one channel, (N,) each: mean value, mean square of the coefficients by band, share that is clipped.

    White noise has its variance in each band, and independently of the others; an image has little in ``high``, and
    where it has little in ``low`` it is smooth.
    """

    mean: FloatArray
    low: FloatArray
    middle: FloatArray
    high: FloatArray
    clipped: FloatArray

    def __len__(self) -> int:
        return len(self.mean)

    def of(self, chosen: NDArray[np.integer] | BoolArray) -> "Patches":
        """Some of them."""
        return Patches(
            self.mean[chosen], self.low[chosen], self.middle[chosen], self.high[chosen], self.clipped[chosen]
        )


def patches_of(channel: AnyArray, most: int, limits: tuple[float, float] = (-np.inf, np.inf)) -> Patches:
    """Of a channel (H, W), about ``most`` of them at even distances; constant ones and such with NaN are left out.

    ``limits`` are values at which others were cut. Distances are odd, so that the patches don't keep step with the
    blocks of a JPEG file or a sensor's mosaic.
    """
    windows = np.lib.stride_tricks.sliding_window_view(channel, (SIDE, SIDE))
    step = max(2, int(np.ceil(np.sqrt(windows.shape[0] * windows.shape[1] / most))))
    step += step > 2 and step % 2 == 0
    values = windows[::step, ::step].reshape(-1, SIDE * SIDE)
    single = values.dtype.itemsize <= 2 or values.dtype == np.float32
    values = values.astype(np.float32 if single else np.float64)
    if channel.dtype.kind == "f":
        values = values[np.isfinite(values).all(axis=1)]
    clipped = np.zeros(len(values))
    if np.isfinite(limits).any():
        clipped = ((values <= limits[0]) | (values >= limits[1])).mean(axis=1)
    mean = values.mean(axis=1, dtype=np.float64)
    # Differences from the patch's own mean lose nothing to rounding, however bright the image.
    squares = (values - mean[:, None].astype(values.dtype)) @ _DCT[_KEPT].T.astype(values.dtype)
    np.square(squares, out=squares)
    bands = (squares @ _OF_BAND.astype(values.dtype)).astype(np.float64)
    eps = float(np.finfo(values.dtype).eps)
    bands[bands < 64 * np.square(4 * eps * mean)[:, None] + (64 * eps) ** 2 * bands[:, :1]] = 0  # what rounding makes
    varied = bands.sum(axis=1) > 0
    return Patches(mean, bands[:, 0], bands[:, 1], bands[:, 2], clipped).of(varied)
