"""The standard deviation of noise that is independent from pixel to pixel, from the smoothest patches of an image.

The patches are chosen by their energy at low frequencies and measured at high ones, which for white noise are
independent of each other: choosing makes nothing smaller (as in Ponomarenko et al., "An automatic approach to lossy
compression of AVIRIS images", IGARSS 2007; compared by Colom & Buades, "Analysis and extension of the percentile
method", IPOL 3, 2013). What texture the smoothest patches still have shows in the middle frequencies, and is taken off.
"""

from dataclasses import dataclass

import numpy as np

from dlcli.images.noise.patches import HIGH, MIDDLE, Patches

SHARE, FEWEST = 0.05, 32  # of the patches that are measured: the smoothest
# Larger shares, which measure more precisely, where an image has so many smooth patches; with the logarithm of the
# energy that pure noise has at low frequencies, and how much more than pure noise there may be, low and middle.
SHARES = ((0.4, -0.30), (0.2, -0.45), (0.1, -0.57))
TEXTURE = (0.12, 0.08)
OVERLAP = 4  # patches overlap: so many tell as much as one that stands alone
# log(true / measured) of the standard deviation per logarithm of the energy at middle over that at high frequencies,
# beyond what chance makes of it: fitted on train400 and dead leaves with noise of 2.5 to 75 of 255.
CORRECTION, MOST_MIDDLE = -0.61, 0.8


@dataclass(frozen=True)
class Level:
    """Noise of one channel, or of a range of brightness in it, from ``count`` smooth patches.

    ``sigma`` is corrected by the factor exp(``correction``). ``low`` and ``middle`` are the logarithms of the energy in
    those bands over that at high frequencies: for white noise about -0.4 (as the patches were chosen) and 0.
    """

    sigma: float
    mean: float
    count: int
    low: float
    middle: float
    correction: float


def level(patches: Patches) -> Level | None:
    """The noise on the smoothest of some patches, on as many as hold nothing but noise; None where there are none."""
    if not len(patches):
        return None
    for share, pure in SHARES:
        found = _of_smoothest(patches, share)
        if found is None or (found.low < pure + TEXTURE[0] and found.middle < TEXTURE[1]):
            return found
    return _of_smoothest(patches, SHARE, corrected=True)


def _of_smoothest(patches: Patches, share: float, *, corrected: bool = False) -> Level | None:
    count = min(max(int(share * len(patches)), FEWEST), len(patches))
    smooth = patches.of(np.argpartition(patches.low, count - 1)[:count])
    high = float(smooth.high.mean())
    if high <= 0:
        return None
    tiny = 1e-9 * high
    low, middle = (float(np.log((band.mean() + tiny) / high)) for band in (smooth.low, smooth.middle))
    by = 0.0
    if corrected:
        chance = np.sqrt(2 * OVERLAP / count * (1 / MIDDLE.sum() + 1 / HIGH.sum()))
        by = CORRECTION * float(np.clip(middle - chance, 0, MOST_MIDDLE))
    return Level(float(np.sqrt(high) * np.exp(by)), float(smooth.mean.mean()), count, low, middle, by)
