"""Quantile residuals: what a normal variable would be where a target is as probable under the model.

If the model is right they are normal whatever the family is, as deviance residuals of small counts are not. Of counts,
whose distribution has steps, a place on the step is drawn (Dunn and Smyth 1996, "Randomized quantile residuals").
"""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.losses.families import Family

LEAST = 1e-300
MOST_TERMS = 2000  # of a compound Poisson's series


def normal_scores(family: Family, y: FloatArray, mean: FloatArray, dispersion: float) -> FloatArray | None:
    """Those of targets y (n,); None of a family that isn't a distribution, or whose targets are no counts.

    The places are drawn with one seed, so that pictures can be repeated.
    """
    from scipy import special, stats  # type: ignore[import-untyped]  # of pictures alone

    if family.name in ("poisson", "negative-binomial"):
        if not (y == np.floor(y)).all():
            return None
        below, up_to = (_count_cdf(family, count, mean) for count in (y - 1, y))
        share = below + np.random.default_rng(0).random(len(y)) * (up_to - below)
    elif family.power == 2:
        share = special.gammainc(1 / dispersion, y / mean / dispersion)
    elif family.power == 3:
        share = stats.invgauss.cdf(y, mean * dispersion, scale=1 / dispersion)
    elif family.power == 0:
        return np.asarray((y - mean) / np.sqrt(dispersion))
    elif family.power is not None and 1 < family.power < 2:
        found = _compound(family.power, y, mean, dispersion)
        if found is None:
            return None
        share = found
    else:
        return None
    return np.asarray(special.ndtri(np.clip(share, LEAST, 1 - 2**-53)))


def _compound(p: float, y: FloatArray, mean: FloatArray, dispersion: float) -> FloatArray | None:
    """The distribution at y of a Poisson number of gammas (1 < p < 2; Jorgensen 1997, "The Theory of Dispersion
    Models", 4.2), with places drawn on the step at 0; None where the series is too long.
    """
    from scipy import special

    rate = mean ** (2 - p) / (dispersion * (2 - p))
    shape, scale = (2 - p) / (p - 1), dispersion * (p - 1) * mean ** (p - 1)
    terms = int(np.max(rate + 12 * np.sqrt(rate) + 20, initial=1.0))
    if terms > MOST_TERMS:
        return None
    share, weight = np.exp(-rate), np.exp(-rate)
    for n in range(1, terms + 1):
        weight = weight * rate / n
        share = share + weight * special.gammainc(n * shape, y / scale)
    drawn = np.random.default_rng(0).random(len(y))
    return np.asarray(np.where(y > 0, share, drawn * np.exp(-rate)))


def _count_cdf(family: Family, count: FloatArray, mean: FloatArray) -> FloatArray:
    """The probability of at most ``count`` (n,), which may be -1."""
    from scipy import special

    some = np.maximum(count, 0)
    if family.power is None:
        found = special.betainc(1 / family.alpha, some + 1, 1 / (1 + family.alpha * mean))
    else:
        found = special.pdtr(some, mean)
    return np.asarray(np.where(count < 0, 0.0, found))
